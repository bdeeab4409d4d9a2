package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// measureWatchers compares clusters with different numbers of watchers, on one
// server or spread over all: those that watch other keys than those that are
// written, each its own, and those that all watch the one that is.
func (g *growth) measureWatchers(ctx context.Context) (err error) {
	k, err := startKvorum(ctx, "kvorum", g.program, g.dir, usualConnections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	if _, err := k.prepare(ctx, row{"set", growthClients, 256}); err != nil {
		return err
	}
	for _, n := range g.series.sizes {
		for _, servers := range []int{1, len(k.to)} {
			if err := errors.Join(g.measureSilent(ctx, k, n, servers), g.measureTold(ctx, k, n, servers)); err != nil {
				return fmt.Errorf("%d watchers: %w", n, err)
			}
		}
	}
	return nil
}

// where names the servers that watchers are at.
func where(servers int) string {
	if servers == 1 {
		return "at one server"
	}
	return "at every server"
}

// measureSilent measures sets while nobody watches the keys that are written.
func (g *growth) measureSilent(ctx context.Context, k *kvorum, n, servers int) (err error) {
	a, err := k.gather(ctx, n, servers, func(i int) string { return fmt.Sprintf("watched/%d", i) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.leave()) }()
	return g.compare(ctx, "set", growthClients, []contender{{k, where(servers), n, setsAmong(k, keys, 256)}})
}

// toldChanges is how many changes all watchers are told of, one after the other. It is
// fewer where there are many watchers.
func toldChanges(watchers int) int { return max(20, 1000/watchers) }

// measureTold measures how long after the start of a set the watchers of its key have it.
func (g *growth) measureTold(ctx context.Context, k *kvorum, n, servers int) (err error) {
	a, err := k.gather(ctx, n, servers, func(int) string { return key(0) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.leave()) }()
	before, err := k.cpu()
	if err != nil {
		return err
	}
	var middle, last []time.Duration
	random := rand.New(rand.NewPCG(5, 0))
	for i := range toldChanges(n) {
		progress("watchers: %d of %s, change %d", n, where(servers), i)
		delays, err := a.tell(ctx, func(ctx context.Context) error { return k.set(ctx, 0, key(0), newValue(256, random)) })
		if err != nil {
			return err
		}
		middle, last = append(middle, delays[(n-1)/2]), append(last, delays[n-1])
	}
	now, err := k.cpu()
	if err != nil {
		return err
	}
	slices.Sort(middle)
	slices.Sort(last)
	told := toldChanges(n)
	g.add(where(servers), n, "half of them told (ms)", middle[told/2].Seconds()*1e3)
	g.add(where(servers), n, "all of them told (ms)", last[told/2].Seconds()*1e3)
	g.add(where(servers), n, "server CPU/change told (us)", float64((now-before).Microseconds())/float64(told*n))
	return nil
}

// audience is watchers, each with a stream of its own.
type audience struct {
	n     int
	leave func() error // ends the streams

	mu    sync.Mutex  // guards heard, between the streams
	heard []time.Time // when the present change came
	all   chan error  // receives nil when all have heard, and the first failure; capacity 1
}

// gather opens n streams, to the leader or spread over so many servers.
func (k *kvorum) gather(ctx context.Context, n, servers int, keyOf func(i int) string) (*audience, error) {
	if err := k.findLeader(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var streams sync.WaitGroup
	a := &audience{n: n, all: make(chan error, 1)}
	a.leave = func() error {
		cancel()
		streams.Wait()
		return nil
	}
	_, err := repeat(ctx, "watcher", n, growthClients, func(_ context.Context, _, i int) error {
		at := k.to[(k.leader+i%servers)%len(k.to)].of(i / servers)
		stream, err := kvorumv1.NewKVClient(at).Watch(ctx, &kvorumv1.WatchRequest{Key: keyOf(i)})
		if err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil { // after it, no change is missed
			return err
		}
		streams.Go(func() { a.listen(ctx, stream.Recv) })
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, a.leave())
	}
	return a, nil
}

// listen notes each change that a stream brings.
func (a *audience) listen(ctx context.Context, receive func() (*kvorumv1.WatchResponse, error)) {
	for {
		change, err := receive()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			select {
			case a.all <- err:
			default: // another has failed before
			}
			return
		case change.GetKind() == kvorumv1.WatchResponse_KIND_SET:
			a.hear(time.Now())
		}
	}
}

func (a *audience) hear(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = append(a.heard, now)
	if len(a.heard) == a.n {
		a.all <- nil
	}
}

// tell makes a change, waits until all have heard of it, and returns how long that
// took for each, in ascending order.
func (a *audience) tell(ctx context.Context, change func(context.Context) error) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a.mu.Lock()
	a.heard = a.heard[:0]
	a.mu.Unlock()
	began := time.Now()
	if err := change(ctx); err != nil {
		return nil, err
	}
	select {
	case err := <-a.all:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("not all watchers were told: %w", ctx.Err())
	}
	var delays []time.Duration
	for _, at := range a.heard { // nobody adds to it before the next change
		delays = append(delays, at.Sub(began))
	}
	slices.Sort(delays)
	return delays, nil
}
