package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pretended is a system whose operations take some time, and a tenth of that from
// the processors of its servers.
type pretended struct {
	called string
	takes  func() time.Duration
	fails  error
	log    *journal
	used   time.Duration // guarded by the log
}

// journal notes who was loaded, in order; turns are runs of one name.
type journal struct {
	mu    sync.Mutex // clients are many
	turns []string
}

func (p *pretended) name() string                { return p.called }
func (p *pretended) close() error                { return nil }
func (p *pretended) cpu() (time.Duration, error) { return p.used, nil }

func (p *pretended) prepare(_ context.Context, r row) (operation, error) {
	if r.workload != "set" {
		return nil, nil
	}
	return func(context.Context, int, *rand.Rand) error {
		time.Sleep(p.note())
		return p.fails
	}, nil
}

func (p *pretended) note() (takes time.Duration) {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	if n := len(p.log.turns); n == 0 || p.log.turns[n-1] != p.called {
		p.log.turns = append(p.log.turns, p.called)
	}
	takes = p.takes()
	p.used += takes / 10
	return takes
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// measured measures a row of systems, with four clients and turns of a second.
func measured(t *testing.T, turns int, workload string, systems ...system) ([]result, error) {
	b := &bench{turn: time.Second, turns: turns}
	err := b.measureRow(t.Context(), row{workload, 4, 256}, systems)
	return b.results, err
}

func TestSystemsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &journal{}
		a := &pretended{called: "a", takes: always(time.Millisecond), log: log}
		b := &pretended{called: "b", takes: always(2 * time.Millisecond), log: log}
		if _, err := measured(t, 3, "set", a, b); err != nil {
			t.Fatal(err)
		}
		if want := []string{"a", "b", "a", "b", "a", "b"}; !slices.Equal(log.turns, want) {
			t.Errorf("loaded %v, want %v", log.turns, want)
		}
	})
}

// One operation in three hundred takes a hundred times as long: p99 does not see it,
// and the maximum does.
func TestARowHasRateLatenciesAndProcessorTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		slow := func() time.Duration {
			if calls++; calls%300 == 0 {
				return 101 * time.Millisecond
			}
			return time.Millisecond
		}
		got, err := measured(t, 1, "set", &pretended{called: "a", takes: slow, log: &journal{}, used: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		r := got[0]
		near := func(what string, got, want, off float64) {
			if got < want-off || got > want+off {
				t.Errorf("%s is %v, want %v", what, got, want)
			}
		}
		near("the rate", r.PerSecond, 4*1000/(1+100./300), 300) // the last operations may end after the turn
		near("p50", float64(r.P50.Microseconds()), 1000, 1)
		near("p99", float64(r.P99.Microseconds()), 1000, 1)
		near("the maximum", float64(r.Max.Microseconds()), 101_000, 200)
		near("processor time", float64(r.CPU.Microseconds()), 100*(1+100./300), 3)
	})
}

func TestARowIsTheMedianOfItsTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		byTurn := func() time.Duration {
			return []time.Duration{2, 50, 1}[int(time.Since(began)/time.Second)] * time.Millisecond
		}
		got, err := measured(t, 3, "set", &pretended{called: "a", takes: byTurn, log: &journal{}})
		if err != nil {
			t.Fatal(err)
		}
		if r := got[0]; r.PerSecond < 1990 || r.PerSecond > 2010 || r.P99.Round(100*time.Microsecond) != 2*time.Millisecond || r.Max.Round(100*time.Microsecond) != 2*time.Millisecond {
			t.Errorf("got %+v, want 2,000 a second and 2 ms", r)
		}
	})
}

func TestASystemWithoutTheWorkloadHasNoResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got, err := measured(t, 1, "list", &pretended{called: "a", takes: always(time.Millisecond), log: &journal{}})
		if err != nil || len(got) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// A figure of a system that fails would mean nothing.
func TestAFailedOperationEndsTheRunAndNamesTheSystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		_, err := measured(t, 3, "set", &pretended{called: "a", takes: always(time.Millisecond), fails: broken, log: &journal{}})
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "a: ") {
			t.Errorf("got %v", err)
		}
	})
}

// The ratios of make bench-quick are those of the rows that it measures.
func TestEveryQuickRowHasARatio(t *testing.T) {
	t.Parallel()
	for _, r := range plan(true) {
		if !slices.ContainsFunc(ratios, func(q ratio) bool { return q.workload == r.workload }) || r.bytes != 256 {
			t.Errorf("%+v serves no ratio", r)
		}
		if !slices.Contains(plan(false), r) {
			t.Errorf("%+v is not in the full run", r)
		}
	}
}

func TestAnInterruptIsToldOnceAndLeavesTheRowsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancelCause(t.Context())
		why := errors.New("interrupted by a signal")
		time.AfterFunc(1500*time.Millisecond, func() { interrupt(why) })
		log := &journal{}
		s := &obedient{pretended{called: "a", takes: always(time.Millisecond), log: log}}
		b := &bench{turn: time.Second, turns: 1}
		err := b.among(ctx, []row{{"set", 4, 256}, {"set", 8, 256}}, []func() (system, error){func() (system, error) { return s, nil }})
		if !errors.Is(err, why) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("got %v, want %v in one line", err, why)
		}
		if len(b.results) != 1 || b.results[0].Clients != 4 {
			t.Errorf("got %v, want the first row", b.results)
		}
	})
}

// obedient is a pretended system whose operations fail when their context has ended.
type obedient struct{ pretended }

func (o *obedient) prepare(ctx context.Context, r row) (operation, error) {
	do, err := o.pretended.prepare(ctx, r)
	return func(ctx context.Context, i int, random *rand.Rand) error {
		return errors.Join(do(ctx, i, random), ctx.Err())
	}, err
}
