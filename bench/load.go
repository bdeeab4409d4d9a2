package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// system is something that can be loaded.
type system interface {
	name() string
	// prepare makes the operation of a row; nil: the system has no such thing.
	prepare(ctx context.Context, r row) (operation, error)
	// cpu is the processor time that the servers have used.
	cpu() (time.Duration, error)
	close() error
}

// operation is one request. Each client has a number and a source of randomness.
type operation func(ctx context.Context, client int, random *rand.Rand) error

// measurement is one turn of one system.
type measurement struct {
	elapsed time.Duration
	cpu     time.Duration   // of the servers, all together
	byEach  []time.Duration // of each server, the busiest first; nil: they are not processes of their own
	clients time.Duration   // of the clients, which are all in this process; 0: so are the servers
	latency *hdrhistogram.Histogram
}

func (m measurement) rate() float64 { return float64(m.latency.TotalCount()) / m.elapsed.Seconds() }

func (m measurement) cpuPerOperation() time.Duration { return m.perOperation(m.cpu) }

func (m measurement) perOperation(d time.Duration) time.Duration {
	return d / time.Duration(max(1, m.latency.TotalCount()))
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
}

// patience bounds one request. A failed one ends the run: a figure of a system
// that fails would mean nothing.
const patience = 10 * time.Second

// load lets the clients work in closed loops for d.
func load(ctx context.Context, s system, do operation, clients int, d time.Duration) (m measurement, err error) {
	used, err := readUse(s)
	if err != nil {
		return m, err
	}
	started := time.Now()
	latencies, failures := make([]*hdrhistogram.Histogram, clients), make([]error, clients)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			latencies[i], failures[i] = work(ctx, do, i, started.Add(d))
		})
	}
	group.Wait()
	m = measurement{elapsed: time.Since(started), latency: newHistogram()}
	for _, l := range latencies {
		m.latency.Merge(l)
	}
	now, err := readUse(s)
	m.charge(used, now)
	if ctx.Err() != nil { // which every client would report
		return m, fmt.Errorf("%s: %w", s.name(), context.Cause(ctx))
	}
	if err = errors.Join(err, errors.Join(failures...)); err != nil {
		return m, fmt.Errorf("%s: %w", s.name(), err)
	}
	return m, nil
}

// use is the processor time used up to a moment.
type use struct {
	servers time.Duration
	each    []time.Duration // by server; nil: they are not processes of their own
	own     time.Duration   // of this process
}

func readUse(s system) (u use, err error) {
	if processes, ok := s.(interface {
		cpuOfEach() ([]time.Duration, error)
	}); ok {
		u.each, err = processes.cpuOfEach()
		u.servers = sum(u.each)
	} else {
		u.servers, err = s.cpu()
	}
	if err != nil {
		return u, err
	}
	u.own, err = ownCPU()
	return u, err
}

func sum(each []time.Duration) (total time.Duration) {
	for _, d := range each {
		total += d
	}
	return total
}

// charge notes what was used in between.
func (m *measurement) charge(before, after use) {
	m.cpu = after.servers - before.servers
	if len(after.each) == 0 || len(after.each) != len(before.each) {
		return
	}
	m.clients = after.own - before.own
	for i := range after.each {
		m.byEach = append(m.byEach, after.each[i]-before.each[i])
	}
	slices.SortFunc(m.byEach, func(a, b time.Duration) int { return cmp.Compare(b, a) })
}

// work is the closed loop of one client.
func work(ctx context.Context, do operation, client int, ends time.Time) (*hdrhistogram.Histogram, error) {
	h, random := newHistogram(), rand.New(rand.NewPCG(1, uint64(client)))
	for began := time.Now(); began.Before(ends); {
		limited, cancel := context.WithTimeout(ctx, patience)
		err := do(limited, client, random)
		cancel()
		if err != nil {
			return h, err
		}
		now := time.Now()
		if err := h.RecordValue(now.Sub(began).Microseconds()); err != nil {
			return h, err
		}
		began = now
	}
	return h, nil
}

const keys = 1000

func key(i int) string { return fmt.Sprintf("bench/%08d", i) }

func anyKey(random *rand.Rand) string { return key(random.IntN(keys)) }

// newValue returns n bytes that differ from call to call.
func newValue(n int, random *rand.Rand) []byte {
	v := make([]byte, n)
	for i := 0; i+8 <= len(v) && i < 64; i += 8 {
		u := random.Uint64()
		for j := range 8 {
			v[i+j] = byte(u >> (8 * j))
		}
	}
	return v
}
