package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cluster is a system whose servers can be made to fail.
type cluster interface {
	name() string
	// healthy returns who leads, once every server answers linearizable reads.
	healthy(ctx context.Context) (leader int, err error)
	// writer returns a client of its own that may use every server.
	writer() (set func(ctx context.Context, key string, value []byte) error, close func() error, err error)
	signal(i int, s syscall.Signal) error
	restart(i int) error
	close() error
}

// fault is something that ends the service for a while.
type fault struct {
	name  string
	share int // of the kills that are asked for, one in so many
	begin func(c cluster, leader int) error
	end   func(c cluster, leader int) error
}

var faults = []fault{
	{"kill", 1,
		func(c cluster, leader int) error { return c.signal(leader, syscall.SIGKILL) },
		func(c cluster, leader int) error { return c.restart(leader) }},
	{"pause", 4,
		func(c cluster, leader int) error { return c.signal(leader, syscall.SIGSTOP) },
		func(c cluster, leader int) error { return c.signal(leader, syscall.SIGCONT) }},
	{"partition", 4,
		func(_ cluster, leader int) error { return apart.cut(leader) },
		func(_ cluster, leader int) error { return apart.heal(leader) }},
	{"kill-all", 4, killAll, func(cluster, int) error { return nil }},
}

// killAll kills all servers, and starts them at once.
func killAll(c cluster, _ int) (err error) {
	for i := range 3 {
		err = errors.Join(err, c.signal(i, syscall.SIGKILL))
	}
	for i := range 3 {
		err = errors.Join(err, c.restart(i))
	}
	return err
}

// clientTimeouts are how long a client waits for one write before it tries another.
var clientTimeouts = []time.Duration{250 * time.Millisecond, time.Second}

// measureFailover measures how long no write succeeds around each fault of the
// leader. Clients write all the while, one with each timeout, in closed loops. The
// servers are on machines of their own, if this process may make some.
func measureFailover(ctx context.Context, out io.Writer, program, dir, only string, kills int) error {
	if os.Getenv(ownNetwork) == "" {
		err := runInOwnNetwork(ctx, out, dir)
		if !errors.Is(err, errNoNetwork) {
			return err
		}
		fmt.Fprintf(out, "partitions are left out: %v\n", err)
		return failSystems(ctx, out, program, dir, only, kills)
	}
	if err := shell("ip link set lo up"); err != nil {
		return err
	}
	var err error
	if apart, err = startMachines(3); err != nil {
		fmt.Fprintf(out, "partitions are left out, no lines between servers can be laid: %v\n", err)
	}
	return errors.Join(failSystems(ctx, out, program, dir, only, kills), apart.close())
}

// failSystems prints what it has if it fails.
func failSystems(ctx context.Context, out io.Writer, program, dir, only string, kills int) error {
	systems := []struct {
		name  string
		start func() (cluster, error)
	}{
		{"kvorum", func() (cluster, error) { return startKvorum(ctx, "kvorum", program, dir, usualConnections) }},
		{"etcd", func() (cluster, error) { return startEtcd(ctx, dir, usualConnections) }},
	}
	started := time.Now()
	var all []outages
	defer func() {
		if len(all) > 0 {
			describeMachine(out, program, dir, started)
			printOutages(out, all)
		}
	}()
	for _, s := range systems {
		if !wanted(s.name, only, "kvorum", "etcd") {
			continue
		}
		c, err := s.start()
		if err != nil {
			return err
		}
		measured, err := failAll(ctx, c, only, kills)
		all = append(all, measured...)
		if err = errors.Join(err, c.close()); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// wanted reports whether name is in the list only, or none of its kind is.
func wanted(name, only string, kind ...string) bool {
	list := strings.Split(only, ",")
	return slices.Contains(list, name) || !slices.ContainsFunc(kind, func(k string) bool { return slices.Contains(list, k) })
}

// failAll lets every fault that is wanted occur, as often as its share.
func failAll(ctx context.Context, c cluster, only string, kills int) (measured []outages, err error) {
	var writers []*writer
	defer func() {
		for _, w := range writers {
			err = errors.Join(err, w.stop())
		}
	}()
	for i, timeout := range clientTimeouts {
		w, err := startWriter(ctx, c, fmt.Sprintf("failover/%d", i), timeout)
		if err != nil {
			return nil, err
		}
		writers = append(writers, w)
	}
	if _, err := settle(ctx, c, time.Second); err != nil {
		return nil, err
	}
	for _, f := range faults {
		if !wanted(f.name, only, "kill", "pause", "partition", "kill-all") || f.name == "partition" && len(apart) == 0 {
			continue
		}
		seen := make([]outages, len(writers))
		for i, w := range writers {
			seen[i] = outages{system: c.name(), fault: f.name, timeout: w.timeout}
		}
		for n := range max(1, kills/f.share) {
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s: %s %d of %d", c.name(), f.name, n+1, max(1, kills/f.share))
			if err := f.once(ctx, c, writers, seen); err != nil {
				return append(measured, whole(seen)...), fmt.Errorf("%s: %w", f.name, err)
			}
		}
		measured = append(measured, seen...)
	}
	fmt.Fprint(os.Stderr, "\r\x1b[K")
	return measured, nil
}

// whole leaves out who has not seen any fault from begin to end.
func whole(seen []outages) []outages {
	return slices.DeleteFunc(seen, func(o outages) bool { return len(o.returns) == 0 })
}

// settle waits until all servers answer, and a while longer. It returns who leads.
func settle(ctx context.Context, c cluster, while time.Duration) (leader int, err error) {
	err = until(ctx, func(ctx context.Context) error {
		leader, err = c.healthy(ctx)
		return err
	})
	rest(ctx, while)
	return leader, err
}

// once lets the fault occur once, and adds what each writer saw of it to seen.
func (f fault) once(ctx context.Context, c cluster, writers []*writer, seen []outages) error {
	leader, err := settle(ctx, c, rand.N(100*time.Millisecond)) // at any time between two heartbeats
	if err != nil {
		return err
	}
	began := time.Now()
	if err := f.begin(c, leader); err != nil {
		return err
	}
	for time.Since(began) < giveUp && !allCalm(writers, began) {
		rest(ctx, 50*time.Millisecond)
	}
	gaps := make([]time.Duration, len(writers))
	for i, w := range writers {
		gaps[i] = w.longestGap(began)
	}
	ended := time.Now()
	if err := errors.Join(ctx.Err(), f.end(c, leader)); err != nil {
		return err
	}
	if _, err := settle(ctx, c, time.Second); err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	for i, w := range writers {
		seen[i].gaps, seen[i].returns = append(seen[i].gaps, gaps[i]), append(seen[i].returns, w.longestGap(ended))
	}
	return nil
}

// giveUp is when a service that does not come back counts as gone.
const giveUp = 30 * time.Second

func allCalm(writers []*writer, since time.Time) bool {
	for _, w := range writers {
		if !w.isCalm(since) {
			return false
		}
	}
	return true
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
