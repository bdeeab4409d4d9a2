package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// writer is a client that writes in a closed loop.
type writer struct {
	timeout time.Duration
	stop    func() error

	mu   sync.Mutex  // guards done, between the loop and who looks at it
	done []time.Time // when writes had succeeded, after the start
}

func startWriter(ctx context.Context, c cluster, key string, timeout time.Duration) (*writer, error) {
	set, closeClient, err := c.writer()
	if err != nil {
		return nil, err
	}
	w := &writer{timeout: timeout, done: []time.Time{time.Now()}}
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		for ctx.Err() == nil {
			limited, cancel := context.WithTimeout(ctx, timeout)
			if err := set(limited, key, []byte("a value")); err == nil {
				w.succeeded()
			}
			cancel()
		}
	})
	w.stop = func() error {
		cancel()
		loop.Wait()
		return closeClient()
	}
	return w, nil
}

func (w *writer) succeeded() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, time.Now())
}

// isCalm reports whether writes have succeeded for a second, of which the first
// after a fault does not count: a write that was under way may yet succeed. A client
// that asks a silent server now and then, and waits in vain, counts as calm.
func (w *writer) isCalm(fault time.Time) bool {
	begin := time.Now().Add(-time.Second)
	return begin.Sub(fault) > time.Second && w.longestGap(begin) < w.timeout+300*time.Millisecond
}

// longestGap returns the longest time without a successful write that ended after t.
func (w *writer) longestGap(t time.Time) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := time.Now()
	for _, at := range slices.Backward(w.done) {
		longest = max(longest, next.Sub(at))
		if at.Before(t) {
			break
		}
		next = at
	}
	return longest
}

// outages is what one writer saw of one kind of fault.
type outages struct {
	system, fault string
	timeout       time.Duration
	gaps          []time.Duration // the longest time without a successful write
	returns       []time.Duration // the same, when the fault had ended
}

// quantile is the smallest gap that at least percent of all do not exceed.
func quantile(gaps []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(gaps))
	return sorted[(len(sorted)*percent+99)/100-1].Round(time.Millisecond)
}

// printOutages prints a table, and a line for programs to read for each kind of
// fault: failover SYSTEM TIMEOUT MEDIAN, failover-pause ..., and so on.
func printOutages(out io.Writer, all []outages) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nno write succeeds\tsystem\tclient timeout\ttimes\tmedian\tp90\tmax\twhen it is over: median\tmax\t")
	for _, o := range all {
		fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%v\t%v\t%v\t%v\t%v\t\n", o.fault, o.system, o.timeout, len(o.gaps),
			quantile(o.gaps, 50), quantile(o.gaps, 90), quantile(o.gaps, 100), quantile(o.returns, 50), quantile(o.returns, 100))
	}
	w.Flush() //nolint:errcheck // it is the terminal
	fmt.Fprintln(out)
	for _, o := range all {
		fmt.Fprintf(out, "%s %s %v %.3f\n", strings.TrimSuffix("failover-"+o.fault, "-kill"), o.system, o.timeout, quantile(o.gaps, 50).Seconds())
	}
}
