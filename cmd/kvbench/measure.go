package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/status"

	"kvorum/rpc/client"
)

const longest = int64(10 * time.Minute / time.Microsecond) // what a histogram can hold

// result is one measurement.
type result struct {
	workload string
	clients  int
	elapsed  time.Duration
	latency  *hdrhistogram.Histogram   // of what succeeded, in microseconds
	errors   map[string]map[string]int // by outcome and reason
}

var outcomes = []string{client.Definite, client.Unknown}

func newResult(workload string, clients int) *result {
	r := &result{workload: workload, clients: clients, latency: hdrhistogram.New(1, longest, 3), errors: make(map[string]map[string]int)}
	for _, outcome := range outcomes {
		r.errors[outcome] = make(map[string]int)
	}
	return r
}

func (r *result) record(latency time.Duration, err error) {
	if err != nil {
		outcome, reason := classify(err)
		r.errors[outcome][reason]++
		return
	}
	// In range, and so without an error.
	_ = r.latency.RecordValue(min(latency.Microseconds(), longest))
}

func (r *result) merge(other *result) {
	r.latency.Merge(other.latency)
	for _, outcome := range outcomes {
		for reason, n := range other.errors[outcome] {
			r.errors[outcome][reason] += n
		}
	}
}

func (r *result) rate() float64 { return float64(r.latency.TotalCount()) / r.elapsed.Seconds() }

// failures counts the errors, as in "BUSY 3 (definite), Unavailable 1 (unknown)".
func (r *result) failures() string {
	var counts []string
	for _, outcome := range outcomes {
		for _, reason := range slices.Sorted(maps.Keys(r.errors[outcome])) {
			counts = append(counts, fmt.Sprintf("%s %d (%s)", reason, r.errors[outcome][reason], outcome))
		}
	}
	return strings.Join(counts, ", ")
}

// errOverdue is how a request ends for which no client was free in time.
var errOverdue = errors.New("no client was free within the timeout")

// classify tells whether a request that failed may have had an effect, and
// names the failure for counting.
func classify(err error) (outcome, reason string) {
	switch {
	case errors.Is(err, errCompareFailed):
		return client.Definite, "COMPARE_FAILED"
	case errors.Is(err, errOverdue):
		return client.Definite, "OVERDUE"
	case client.Reason(err) != "":
		reason = client.Reason(err)
	case errors.Is(err, client.ErrNotSent):
		reason = "NOT_SENT"
	default:
		reason = status.Code(err).String()
	}
	return client.Outcome(err), reason
}

// measure lets n clients work for the duration. What was begun within it is counted.
func (b *bench) measure(ctx context.Context, conns []*client.Client, known *keys, n int) *result {
	started := time.Now()
	s := &schedule{started: started, ends: started.Add(b.duration), rate: b.rate, timeout: b.timeout}
	p := startProgress(b.stderr, fmt.Sprintf("%s, %d clients, %v", b.workload, n, b.duration))
	parts := make([]*result, n)
	var group sync.WaitGroup
	for i := range n {
		parts[i] = newResult(b.workload, n)
		random := rand.New(rand.NewPCG(uint64(n), uint64(i)))
		u := &user{
			conn: conns[i%len(conns)], random: random, choose: distributions[b.chosen](random, b.keys),
			keys: known, value: make([]byte, b.valueBytes),
		}
		do := func(ctx context.Context) error { return workloads[b.workload](u, ctx) }
		group.Go(func() { s.work(ctx, do, p, parts[i]) })
	}
	group.Wait()
	p.stop()
	total := newResult(b.workload, n)
	total.elapsed = time.Since(started)
	for _, part := range parts {
		total.merge(part)
	}
	return total
}

// schedule says when requests are due.
type schedule struct {
	started, ends time.Time
	rate          float64       // a second; 0: now, always
	timeout       time.Duration // for a client to be free, and again for the answer
	issued        atomic.Int64  // requests given out
}

// work is the loop of one client.
func (s *schedule) work(ctx context.Context, do func(context.Context) error, p *progress, r *result) {
	for {
		due, more := s.next(ctx)
		if !more {
			return
		}
		err := s.try(ctx, due, do)
		if err != nil && ctx.Err() != nil {
			return // interrupted: not the cluster's failure
		}
		r.record(time.Since(due), err)
		p.count(err)
	}
}

// try makes a request, unless it has been due for so long that nobody waits for it
// any more. So a cluster that stalls keeps a run at most two timeouts past its end.
func (s *schedule) try(ctx context.Context, due time.Time, do func(context.Context) error) error {
	if time.Since(due) > s.timeout {
		return errOverdue
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return do(ctx)
}

// next waits for the next request to be due, and returns when that was: in the
// past, if all clients were busy then.
func (s *schedule) next(ctx context.Context) (due time.Time, more bool) {
	if s.rate == 0 {
		now := time.Now()
		return now, now.Before(s.ends) && ctx.Err() == nil
	}
	i := s.issued.Add(1) - 1
	due = s.started.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
	if !due.Before(s.ends) {
		return due, false
	}
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-t.C:
		return due, true
	case <-ctx.Done():
		return due, false
	}
}
