package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// contender is a system that takes turns with others.
type contender struct {
	system
	called string // in tables and charts
	x      int
	do     operation
}

// compare lets the contenders take turns, and adds what each came to.
func (g *growth) compare(ctx context.Context, what string, clients int, all []contender) error {
	measured := make([][]measurement, len(all))
	for turn := range g.turns {
		for i, c := range all {
			progress("%s: %s of %s at %d: turn %d of %d", g.series.name, what, c.called, c.x, turn+1, g.turns)
			m, err := load(ctx, c, c.do, clients, g.turn)
			if err != nil {
				return fmt.Errorf("%s at %d: %w", what, c.x, err)
			}
			measured[i] = append(measured[i], m)
		}
	}
	progress("")
	for i, c := range all {
		r := summarize(c.called, row{workload: what}, measured[i])
		g.add(c.called, c.x, what+"s/s", r.PerSecond)
		g.add(c.called, c.x, what+" p50 (ms)", r.P50.Seconds()*1e3)
		g.add(c.called, c.x, what+" p99 (ms)", r.P99.Seconds()*1e3)
		g.add(c.called, c.x, "server CPU/"+what+" (us)", r.CPU.Seconds()*1e6)
	}
	return nil
}

// progress shows what is being done, instead of what it showed before.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
}

// repeat does something n times, so many at a time, and returns how long it took.
// The first failure ends it.
func repeat(ctx context.Context, what string, n, clients int, do func(ctx context.Context, client, i int) error) (time.Duration, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for client := range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				limited, cancel := context.WithTimeout(ctx, patience)
				if err := do(limited, client, i); err != nil {
					fail(fmt.Errorf("%s %d: %w", what, i, err))
				}
				cancel()
			}
		})
	}
	showProgress(&group, func() { progress("%s %d of %d", what, min(int(next.Load()), n), n) })
	return time.Since(began), context.Cause(ctx)
}

// showProgress calls show now and then until the group is done.
func showProgress(group *sync.WaitGroup, show func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			show()
		case <-done:
			progress("")
			return
		}
	}
}

// anyOf returns one of the first n keys.
func anyOf(n int, random *rand.Rand) string { return key(random.IntN(n)) }

// setsAmong is a set of one of the first n keys.
func setsAmong(s keyValue, n, bytes int) operation {
	return func(ctx context.Context, i int, random *rand.Rand) error {
		return s.set(ctx, i, anyOf(n, random), newValue(bytes, random))
	}
}

// getsAtLeader is a linearizable get of one of the keys that prepare wrote.
func getsAtLeader(s keyValue) operation {
	return func(ctx context.Context, i int, random *rand.Rand) error { return s.get(ctx, i, random, false, false) }
}
