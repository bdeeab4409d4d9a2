package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// measureLag pauses a follower while clients write, and measures what the writes
// cost meanwhile and how long it takes to catch up once it goes on.
func (g *growth) measureLag(ctx context.Context) (err error) {
	k, err := startKvorum(ctx, "kvorum", g.program, g.dir, usualConnections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	const enough = 100_000 // to see what entries cost without lag
	for _, n := range g.series.sizes {
		for _, paused := range []bool{false, true} {
			written := n
			if !paused {
				written = min(n, enough)
			}
			if err := g.measureLagOf(ctx, k, n, written, paused); err != nil {
				return fmt.Errorf("%d entries: %w", n, err)
			}
		}
	}
	return nil
}

// measureLagOf writes entries, with all followers or with one that is paused, and adds
// what that came to at x.
func (g *growth) measureLagOf(ctx context.Context, k *kvorum, x, n int, paused bool) error {
	follower, called := (k.leader+1)%len(k.servers), "all followers run"
	before, err := k.status(ctx, follower)
	if err != nil {
		return err
	}
	if paused {
		called = "one is paused"
		if err := k.signal(follower, syscall.SIGSTOP); err != nil {
			return err
		}
	}
	cpu, err := k.cpu()
	if err != nil {
		return err
	}
	took, err := repeat(ctx, "lag: write entry", n, 256, func(ctx context.Context, client, i int) error {
		random := rand.New(rand.NewPCG(4, uint64(i)))
		return k.set(ctx, client, anyKey(random), newValue(256, random))
	})
	if err != nil {
		return err
	}
	now, err := k.cpu()
	if err != nil {
		return err
	}
	g.add(called, x, "sets/s", float64(n)/took.Seconds())
	g.add(called, x, "server CPU/set (us)", float64((now-cpu).Microseconds())/float64(n))
	if !paused {
		return nil
	}
	return g.measureCatchUp(ctx, k, follower, n, before)
}

// measureCatchUp lets a paused follower go on, until it has applied all that the leader has.
func (g *growth) measureCatchUp(ctx context.Context, k *kvorum, follower, n int, before *kvorumv1.StatusResponse) error {
	leader, err := k.status(ctx, k.leader)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := k.signal(follower, syscall.SIGCONT); err != nil {
		return err
	}
	for {
		progress("lag: catch up on %d entries", n)
		now, err := k.status(ctx, follower)
		if err != nil {
			return err
		}
		if now.GetAppliedIndex() >= leader.GetCommitIndex() {
			g.add("one is paused", n, "catch-up (s)", time.Since(began).Seconds())
			g.add("one is paused", n, "snapshots sent", float64(now.GetSnapshotsInstalled()-before.GetSnapshotsInstalled()))
			return nil
		}
		rest(ctx, 2*time.Millisecond)
	}
}

func (k *kvorum) status(ctx context.Context, i int) (*kvorumv1.StatusResponse, error) {
	return kvorumv1.NewClusterClient(k.to[i].of(0)).Status(ctx, &kvorumv1.StatusRequest{})
}
