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
	latency  *hdrhistogram.Histogram // of what succeeded, in microseconds
	errors   map[string]int          // by reason
}

func newResult(workload string, clients int) *result {
	return &result{workload: workload, clients: clients, latency: hdrhistogram.New(1, longest, 3), errors: make(map[string]int)}
}

func (r *result) record(latency time.Duration, err error) {
	if err != nil {
		r.errors[reason(err)]++
		return
	}
	// In range, and so without an error.
	_ = r.latency.RecordValue(min(latency.Microseconds(), longest))
}

func (r *result) merge(other *result) {
	r.latency.Merge(other.latency)
	for reason, n := range other.errors {
		r.errors[reason] += n
	}
}

func (r *result) rate() float64 { return float64(r.latency.TotalCount()) / r.elapsed.Seconds() }

// failures counts the errors by reason, as in "BUSY 3, NO_LEADER 1".
func (r *result) failures() string {
	var counts []string
	for _, reason := range slices.Sorted(maps.Keys(r.errors)) {
		counts = append(counts, fmt.Sprintf("%s %d", reason, r.errors[reason]))
	}
	return strings.Join(counts, ", ")
}

// reason names an error for counting.
func reason(err error) string {
	switch {
	case errors.Is(err, errCompareFailed):
		return "COMPARE_FAILED"
	case client.Reason(err) != "":
		return client.Reason(err)
	case errors.Is(err, client.ErrNotSent):
		return "NOT_SENT"
	}
	return status.Code(err).String()
}

// measure lets n clients work for the duration. What was begun within it is counted.
func (b *bench) measure(ctx context.Context, conns []*client.Client, known *keys, n int) *result {
	started := time.Now()
	s := &schedule{started: started, ends: started.Add(b.duration), rate: b.rate}
	p := startProgress(b.stderr, fmt.Sprintf("%s, %d clients", b.workload, n), b.duration)
	parts := make([]*result, n)
	var group sync.WaitGroup
	for i := range n {
		parts[i] = newResult(b.workload, n)
		u := &user{
			conn: conns[i%len(conns)], random: rand.New(rand.NewPCG(uint64(n), uint64(i))),
			keys: known, value: make([]byte, b.valueBytes),
		}
		group.Go(func() { b.work(ctx, u, s, p, parts[i]) })
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

// work is the loop of one client.
func (b *bench) work(ctx context.Context, u *user, s *schedule, p *progress, r *result) {
	for {
		due, more := s.next(ctx)
		if !more {
			return
		}
		limited, cancel := context.WithTimeout(ctx, b.timeout)
		err := workloads[b.workload](u, limited)
		cancel()
		if err != nil && ctx.Err() != nil {
			return // interrupted: not the cluster's failure
		}
		r.record(time.Since(due), err)
		p.count(err)
	}
}

// schedule says when requests are due.
type schedule struct {
	started, ends time.Time
	rate          float64      // a second; 0: now, always
	issued        atomic.Int64 // requests given out
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
