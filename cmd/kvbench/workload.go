package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

const (
	keyPrefix  = "kvbench/"
	listLength = 100
)

func key(i int) string { return fmt.Sprintf("%s%08d", keyPrefix, i) }

// errCompareFailed is how a cas ends that another client was faster than.
var errCompareFailed = errors.New("the comparison failed")

// user is one simulated client. It is used by one goroutine.
type user struct {
	conn   *client.Client
	random *rand.Rand
	choose func() int // a key, by number
	keys   *keys
	value  []byte
}

// keys are what all users work on: key(0), key(1), ...
type keys struct {
	revisions []atomic.Uint64 // that each key was last seen at, for cas
}

func (u *user) anyKey() string { return key(u.choose()) }

// distributions are how a user chooses among n keys, by name.
var distributions = map[string]func(random *rand.Rand, n int) func() int{
	"uniform": func(random *rand.Rand, n int) func() int {
		return func() int { return random.IntN(n) }
	},
	"zipf": func(random *rand.Rand, n int) func() int {
		z := rand.NewZipf(random, 1.1, 1, uint64(n-1))
		return func() int { return int(z.Uint64()) }
	},
}

// nextValue is unlike any other, where it has the bytes for that.
func (u *user) nextValue() []byte {
	var unique [8]byte
	binary.LittleEndian.PutUint64(unique[:], u.random.Uint64())
	copy(u.value, unique[:])
	return u.value
}

// workloads are what users do, by name.
var workloads = map[string]func(*user, context.Context) error{
	"set":       (*user).set,
	"get":       (*user).get,
	"stale-get": (*user).staleGet,
	"mixed":     (*user).mixed,
	"cas":       (*user).cas,
	"list":      (*user).list,
}

func workloadNames() []string {
	names := make([]string, 0, len(workloads))
	for name := range workloads {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (u *user) set(ctx context.Context) error {
	_, err := u.conn.Set(ctx, u.anyKey(), u.nextValue())
	return err
}

func (u *user) get(ctx context.Context) error {
	_, err := u.conn.Get(ctx, u.anyKey())
	return err
}

func (u *user) staleGet(ctx context.Context) error {
	_, err := u.conn.Get(ctx, u.anyKey(), client.WithConsistency(kvorumv1.Consistency_CONSISTENCY_STALE))
	return err
}

func (u *user) mixed(ctx context.Context) error {
	if u.random.IntN(2) == 0 {
		return u.get(ctx)
	}
	return u.set(ctx)
}

// cas swaps by the revision that the key was last seen at. It fails if another
// client's swap is under way, and then learns the present revision.
func (u *user) cas(ctx context.Context) error {
	i := u.choose()
	got, err := u.conn.CompareAndSet(ctx, key(i), client.AtRevision(u.keys.revisions[i].Load()), u.nextValue())
	if err != nil {
		return err
	}
	u.keys.revisions[i].Store(got.GetRevision())
	if !got.GetSwapped() {
		return errCompareFailed
	}
	return nil
}

func (u *user) list(ctx context.Context) error {
	req := &kvorumv1.ListRequest{Prefix: keyPrefix, StartAfter: u.anyKey(), Limit: listLength}
	for _, err := range u.conn.List(ctx, req) {
		if err != nil {
			return err
		}
	}
	return nil
}
