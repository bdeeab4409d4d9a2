package rpc

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// watchers are clients that watch, over as few connections as may be, and count what
// they get.
type watchers struct {
	begun, changes atomic.Int64
	group          sync.WaitGroup
	stop           context.CancelFunc
}

// startWatchers returns when all of them have begun.
func startWatchers(b *testing.B, s *testServer, n int, req func(i int) *kvorumv1.WatchRequest) *watchers {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watchers{stop: cancel}
	var client kvorumv1.KVClient
	for i := range n {
		if i%(maxStreams/2) == 0 {
			conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { conn.Close() })
			client = kvorumv1.NewKVClient(conn)
		}
		client := client
		w.group.Go(func() {
			stream, err := client.Watch(ctx, req(i))
			for first := true; err == nil; first = false {
				var m *kvorumv1.WatchResponse
				switch m, err = stream.Recv(); {
				case err == nil && first:
					w.begun.Add(1)
				case err == nil && m.GetKind() != kindProgress:
					w.changes.Add(1)
				}
			}
			if ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	b.Cleanup(func() { cancel(); w.group.Wait() })
	eventually(b, "all to begin", func() bool { return w.begun.Load() == int64(n) })
	return w
}

// BenchmarkWatchSet is what a set costs, of 64 at a time, while others watch keys of
// their own, each over a stream of its own. KiB/watcher is memory of both ends.
func BenchmarkWatchSet(b *testing.B) {
	for _, n := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprintf("watchers=%d", n), func(b *testing.B) {
			s := newCluster(b, 1).servers[0]
			before := memory()
			startWatchers(b, s, n, func(i int) *kvorumv1.WatchRequest {
				return &kvorumv1.WatchRequest{Key: fmt.Sprint("other", i)}
			})
			used := memory() - before
			value := make([]byte, 256)
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.client.Set(b.Context(), &kvorumv1.SetRequest{Key: "k", Value: value}); err != nil {
						b.Error(err)
						return
					}
				}
			})
			if n > 0 {
				b.ReportMetric(float64(used)/float64(n)/1024, "KiB/watcher")
			}
		})
	}
}

// BenchmarkWatchDelivery is how long it takes from a set until all watchers have it.
func BenchmarkWatchDelivery(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("watchers=%d", n), func(b *testing.B) {
			s := newCluster(b, 1).servers[0]
			w := startWatchers(b, s, n, func(int) *kvorumv1.WatchRequest { return &kvorumv1.WatchRequest{Key: "k"} })
			var answered time.Duration
			for b.Loop() {
				start, want := time.Now(), w.changes.Load()+int64(n)
				if _, err := s.client.Set(b.Context(), &kvorumv1.SetRequest{Key: "k", Value: make([]byte, 256)}); err != nil {
					b.Fatal(err)
				}
				answered += time.Since(start)
				for w.changes.Load() < want {
					runtime.Gosched()
				}
			}
			b.ReportMetric(float64(answered.Microseconds())/float64(b.N), "us/set")
		})
	}
}

// memory is what is in use, once garbage is gone.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
