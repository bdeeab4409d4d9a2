package rpc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

// BenchmarkSetsDuringASnapshot writes small values to a server with a large state on
// a real disk, in turn with and without a snapshot being written. "ratio" is the
// throughput with one to that without.
func BenchmarkSetsDuringASnapshot(b *testing.B) {
	const keys, clients = 200_000, 64
	n := newLoadedNode(b, keys)
	var sets atomic.Int64
	ctx, cancel := context.WithCancel(b.Context())
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				if n.set(ctx, fmt.Sprint("small", rand.IntN(10_000)), 100) == nil {
					sets.Add(1)
				}
			}
		})
	}
	var with, without time.Duration
	var during, between int64
	measure := func(d *time.Duration, n *int64, act func()) {
		start, before := time.Now(), sets.Load()
		act()
		*d += time.Since(start)
		*n += sets.Load() - before
	}
	for b.Loop() {
		measure(&with, &during, func() {
			if _, _, err := n.TakeSnapshot(ctx); err != nil {
				b.Error(err)
			}
		})
		measure(&without, &between, func() {
			select {
			case <-time.After(3 * time.Second):
			case <-ctx.Done():
			}
		})
	}
	cancel()
	group.Wait()
	a, z := float64(during)/with.Seconds(), float64(between)/without.Seconds()
	b.ReportMetric(a/z, "ratio")
	b.ReportMetric(z, "sets/s")
	b.ReportMetric(with.Seconds()/float64(b.N), "s/snapshot")
}

// loadedNode is a cluster of one server.
type loadedNode struct{ *node.Node }

// newLoadedNode returns a running server that holds the given number of keys, with
// values of a kilobyte.
func newLoadedNode(b *testing.B, keys int) loadedNode {
	b.Helper()
	storage, err := wal.Open(wal.OS(), b.TempDir(), wal.Options{Name: "n1"})
	if err != nil {
		b.Fatal(err)
	}
	self := storage.Identity().ServerID()
	if err := storage.Bootstrap(testCluster, self); err != nil {
		b.Fatal(err)
	}
	n := loadedNode{node.New(node.Config{
		Raft:         raft.Config{ID: self, ElectionTicks: 50, HeartbeatTicks: 5, LazyCommit: true, Seed: 1},
		TickInterval: testTick, SnapshotTail: 1,
		Storage: storage, Transport: nowhere{}, StateMachine: kv.New(),
	})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1) // capacity 1: it is asked at the end
	go func() { ended <- n.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		storage.Close()
	})
	n.load(b, keys)
	return n
}

// nowhere is the network of a cluster of one.
type nowhere struct{}

func (nowhere) Send(raft.Message) {}

func (n loadedNode) set(ctx context.Context, key string, size int) error {
	_, _, err := n.Propose(ctx, kv.Encode(kv.Set{Key: key, Value: make([]byte, size)}))
	return err
}

// load writes every key, and waits for a leader first.
func (n loadedNode) load(b *testing.B, keys int) {
	b.Helper()
	const clients = 256
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			for key := c; key < keys; key += clients {
				for n.set(b.Context(), fmt.Sprintf("key-%08d", key), 1<<10) != nil {
					if b.Context().Err() != nil {
						return
					}
				}
			}
		})
	}
	group.Wait()
}
