package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// bench is one run.
type bench struct {
	out         io.Writer
	turn        time.Duration
	turns       int
	connections int // to a server
	results     []result
}

// result is what a row came to for one system: medians over its turns.
type result struct {
	System    string        `json:"system"`
	Workload  string        `json:"workload"`
	Clients   int           `json:"clients"`
	Bytes     int           `json:"value_bytes"`
	PerSecond float64       `json:"per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	Max       time.Duration `json:"max_ns"`
	CPU       time.Duration `json:"cpu_per_operation_ns"` // of all servers together

	// Of each server, the busiest first, and of the clients; none where all share one process.
	CPUOfEach    []time.Duration `json:"cpu_per_operation_of_each_ns,omitempty"`
	CPUOfClients time.Duration   `json:"cpu_per_operation_of_clients_ns,omitempty"`
}

func (r result) row() row { return row{r.Workload, r.Clients, r.Bytes} }

// measure fills results. In-process systems run on their own: they would
// share this process, and its garbage collector, with the load generator.
func (b *bench) measure(ctx context.Context, program, baseline, dir string, rows []row) error {
	inProcess := func(r row) bool { return r.workload == "propose" }
	served := slices.DeleteFunc(slices.Clone(rows), inProcess)
	starts := []func() (system, error){
		func() (system, error) { return startEcho(dir, b.connections) },
		func() (system, error) { return startKvorum(ctx, "kvorum", program, dir, b.connections) },
		func() (system, error) { return startEtcd(ctx, dir, b.connections) },
	}
	if baseline != "" {
		starts = append(starts, func() (system, error) { return startKvorum(ctx, "baseline", baseline, dir, b.connections) })
	}
	if err := b.among(ctx, served, starts); err != nil {
		return err
	}
	proposed := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !inProcess(r) })
	return b.among(ctx, proposed, []func() (system, error){
		func() (system, error) { return startNodes(dir) },
		func() (system, error) { return startHashicorp(dir) },
	})
}

// among measures the rows of some systems, which take turns.
func (b *bench) among(ctx context.Context, rows []row, starts []func() (system, error)) (err error) {
	if len(rows) == 0 {
		return nil
	}
	var systems []system
	defer func() {
		for _, s := range systems {
			err = errors.Join(err, s.close())
		}
	}()
	for _, start := range starts {
		s, err := start()
		if err != nil {
			return err
		}
		systems = append(systems, s)
	}
	for _, r := range rows {
		if err := b.measureRow(ctx, r, systems); err != nil {
			return fmt.Errorf("%s, %d clients, %d bytes: %w", r.workload, r.clients, r.bytes, err)
		}
	}
	return nil
}

func (b *bench) measureRow(ctx context.Context, r row, systems []system) error {
	operations := make([]operation, len(systems))
	measured := make([][]measurement, len(systems))
	for i, s := range systems {
		var err error
		if operations[i], err = s.prepare(ctx, r); err != nil {
			return fmt.Errorf("prepare %s: %w", s.name(), err)
		}
	}
	for turn := range b.turns {
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s, %d clients, %d bytes: turn %d of %d", r.workload, r.clients, r.bytes, turn+1, b.turns)
		for i, s := range systems {
			if operations[i] == nil {
				continue
			}
			m, err := load(ctx, s, operations[i], r.clients, b.turn)
			if err != nil {
				return err
			}
			measured[i] = append(measured[i], m)
		}
	}
	fmt.Fprint(os.Stderr, "\r\x1b[K")
	for i, s := range systems {
		if len(measured[i]) > 0 {
			b.results = append(b.results, summarize(s.name(), r, measured[i]))
		}
	}
	return nil
}

func summarize(system string, r row, turns []measurement) result {
	quantile := func(q float64) func(measurement) time.Duration {
		return func(m measurement) time.Duration {
			return time.Duration(m.latency.ValueAtQuantile(q)) * time.Microsecond
		}
	}
	res := result{
		System: system, Workload: r.workload, Clients: r.clients, Bytes: r.bytes,
		PerSecond: median(turns, measurement.rate),
		P50:       median(turns, quantile(50)),
		P99:       median(turns, quantile(99)),
		Max:       median(turns, quantile(100)),
		CPU:       median(turns, measurement.cpuPerOperation),

		CPUOfClients: median(turns, func(m measurement) time.Duration { return m.perOperation(m.clients) }),
	}
	for i := range turns[0].byEach {
		res.CPUOfEach = append(res.CPUOfEach, median(turns, func(m measurement) time.Duration { return m.perOperation(m.byEach[i]) }))
	}
	return res
}

// median returns the median of what f says of the turns.
func median[T int64 | float64 | time.Duration](turns []measurement, f func(measurement) T) T {
	var values []T
	for _, m := range turns {
		values = append(values, f(m))
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// keyValue is a key-value store that is loaded with every kind of request. Client
// i uses connections of its own choice.
type keyValue interface {
	set(ctx context.Context, i int, key string, value []byte) error
	// get asks the leader or, spread, one server in turn; stale, it need not be linearizable.
	get(ctx context.Context, i int, random *rand.Rand, spread, stale bool) error
	cas(ctx context.Context, i int, random *rand.Rand, bytes int) error
	list(ctx context.Context, i int) error
}

// prepare returns the row's operation on the store, which then holds every key
// with a value of the row's size.
func prepare(ctx context.Context, s keyValue, r row) (operation, error) {
	get := func(spread, stale bool) operation {
		return func(ctx context.Context, i int, random *rand.Rand) error { return s.get(ctx, i, random, spread, stale) }
	}
	set := func(ctx context.Context, i int, random *rand.Rand) error {
		return s.set(ctx, i, anyKey(random), newValue(r.bytes, random))
	}
	operations := map[string]operation{
		"set":        set,
		"get":        get(false, false),
		"spread-get": get(true, false),
		"stale-get":  get(true, true),
		"mixed":      mixed(get(false, false), set),
		"cas":        func(ctx context.Context, i int, random *rand.Rand) error { return s.cas(ctx, i, random, r.bytes) },
		"list":       func(ctx context.Context, i int, _ *rand.Rand) error { return s.list(ctx, i) },
	}
	return operations[r.workload], fill(ctx, func(ctx context.Context, i int, random *rand.Rand) error {
		return s.set(ctx, i, key(i), newValue(r.bytes, random))
	})
}

// fill calls set for every key, many at a time.
func fill(ctx context.Context, set operation) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i := range keys {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return set(ctx, i, rand.New(rand.NewPCG(2, uint64(i))))
		})
	}
	return g.Wait()
}

// mixed is half one operation, half the other.
func mixed(a, b operation) operation {
	return func(ctx context.Context, client int, random *rand.Rand) error {
		if random.IntN(2) == 0 {
			return a(ctx, client, random)
		}
		return b(ctx, client, random)
	}
}

func (b *bench) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := b.writeJSON(filepath.Join(dir, "results.json")); err != nil {
		return err
	}
	return b.plot(dir)
}
