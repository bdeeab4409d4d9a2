package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

// kvorum is a cluster, of three servers unless said otherwise.
type kvorum struct {
	servers
	called    string
	addresses []string
	to        []connections // by server
	leader    int
	revisions [keys]atomic.Uint64 // that each key was last seen at, for cas
}

func startKvorum(ctx context.Context, called, program, dir string, connections int) (*kvorum, error) {
	return startKvorumServers(ctx, called, program, dir, 3, connections)
}

func startKvorumServers(ctx context.Context, called, program, dir string, n, connections int) (*kvorum, error) {
	addresses, err := freeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	k := &kvorum{called: called, addresses: addresses[:n]}
	for i := range n {
		name := fmt.Sprintf("%s-%d", called, i+1)
		err := k.start(filepath.Join(dir, name+".log"), program, "serve", "--id", name, "--data-dir", filepath.Join(dir, name), "--bootstrap-expect", strconv.Itoa(n),
			"--rpc-addr", addresses[i], "--serf-addr", addresses[n+i], "--http-addr", "", "--join", addresses[n])
		if err != nil {
			return nil, errors.Join(err, k.close())
		}
		to, err := connect(addresses[i], connections)
		if err != nil {
			return nil, errors.Join(err, k.close())
		}
		k.to = append(k.to, to)
	}
	return k, until(ctx, k.findLeader)
}

func (k *kvorum) name() string { return k.called }

func (k *kvorum) findLeader(ctx context.Context) error {
	for i, to := range k.to {
		status, err := kvorumv1.NewClusterClient(to.of(0)).Status(ctx, &kvorumv1.StatusRequest{})
		if err != nil {
			return err
		}
		if status.GetRole() == "leader" && len(status.GetServers()) == len(k.to) {
			k.leader = i
			return nil
		}
	}
	return errors.New("kvorum has no leader")
}

// atLeader and spread choose the server for a client.
func (k *kvorum) atLeader(i int) kvorumv1.KVClient {
	return kvorumv1.NewKVClient(k.to[k.leader].of(i))
}
func (k *kvorum) spread(i int) kvorumv1.KVClient {
	return kvorumv1.NewKVClient(k.to[i%len(k.to)].of(i / len(k.to)))
}

func (k *kvorum) healthy(ctx context.Context) (leader int, err error) {
	if err := k.findLeader(ctx); err != nil {
		return 0, err
	}
	for _, to := range k.to {
		_, err := kvorumv1.NewKVClient(to.of(0)).Get(ctx, &kvorumv1.GetRequest{Key: "any"})
		if err != nil && status.Code(err) != codes.NotFound {
			return 0, err
		}
	}
	return k.leader, nil
}

func (k *kvorum) writer() (set func(context.Context, string, []byte) error, closeIt func() error, err error) {
	c, err := client.New(k.addresses)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, key string, value []byte) error {
		_, err := c.Set(ctx, key, value)
		return err
	}, c.Close, nil
}

func (k *kvorum) prepare(ctx context.Context, r row) (operation, error) {
	if err := until(ctx, k.findLeader); err != nil {
		return nil, err
	}
	return prepare(ctx, k, r)
}

func (k *kvorum) set(ctx context.Context, i int, key string, value []byte) error {
	_, err := k.atLeader(i).Set(ctx, &kvorumv1.SetRequest{Key: key, Value: value})
	return err
}

func (k *kvorum) get(ctx context.Context, i int, random *rand.Rand, spread, stale bool) error {
	at, read := k.atLeader(i), (*kvorumv1.ReadOptions)(nil)
	if spread {
		at = k.spread(i)
	}
	if stale {
		read = &kvorumv1.ReadOptions{Consistency: kvorumv1.Consistency_CONSISTENCY_STALE}
	}
	_, err := at.Get(ctx, &kvorumv1.GetRequest{Key: anyKey(random), Read: read})
	return err
}

// cas compares with the revision that the key was last seen at.
func (k *kvorum) cas(ctx context.Context, i int, random *rand.Rand, bytes int) error {
	n := random.IntN(keys)
	resp, err := k.atLeader(i).CompareAndSet(ctx, &kvorumv1.CompareAndSetRequest{
		Key:      key(n),
		Expected: &kvorumv1.Expected{State: &kvorumv1.Expected_Revision{Revision: k.revisions[n].Load()}},
		Value:    newValue(bytes, random),
	})
	k.revisions[n].Store(resp.GetRevision())
	return err
}

func (k *kvorum) list(ctx context.Context, i int) error {
	stream, err := k.atLeader(i).List(ctx, &kvorumv1.ListRequest{Prefix: "bench/"})
	if err != nil {
		return err
	}
	return drain(stream)
}

func drain[T any](stream grpc.ServerStreamingClient[T]) error {
	for n := 0; ; n++ {
		switch _, err := stream.Recv(); {
		case errors.Is(err, io.EOF) && n >= keys:
			return nil
		case err != nil:
			return fmt.Errorf("after %d keys: %w", n, err)
		}
	}
}

func (k *kvorum) close() error {
	err := k.servers.close()
	for _, to := range k.to {
		err = errors.Join(err, to.close())
	}
	return err
}
