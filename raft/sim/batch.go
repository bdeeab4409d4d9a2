package sim

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Batch says which seeds RunSeeds plays.
type Batch struct {
	First    uint64        // the first seed
	Seeds    int           // how many, one after the other; 0: no limit
	CPU      time.Duration // of processor time, roughly; 0: no limit
	Short    bool          // see Options, and
	Servers  int           // likewise
	Progress func(Total)   // is called after each seed, one call at a time; may be nil
}

// Total sums up the runs of a batch.
type Total struct {
	Seeds      int
	Events     int
	Time       time.Duration // virtual
	CPU        time.Duration // of this process
	Counts     map[Situation]int
	Settled    []time.Duration // virtual, of each run
	Violations []Result        // the runs in which an invariant broke
}

// RunSeeds plays seeds on all processors, until the batch or ctx ends or an
// invariant breaks.
func RunSeeds(ctx context.Context, b Batch) Total {
	total := Total{Counts: map[Situation]int{}}
	begun := cpuTime()
	next := 0
	var mu sync.Mutex // guards next and total: the workers share nothing else
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		over := b.Seeds > 0 && next >= b.Seeds || b.CPU > 0 && total.CPU >= b.CPU || len(total.Violations) > 0 || ctx.Err() != nil
		if over {
			return 0, false
		}
		next++
		return b.First + uint64(next) - 1, true
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				r := Play(Options{Seed: seed, Short: b.Short, Servers: b.Servers})
				mu.Lock()
				total.add(r)
				total.CPU = cpuTime() - begun
				if b.Progress != nil {
					b.Progress(total)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	slices.SortFunc(total.Violations, func(a, b Result) int { return int(a.Seed) - int(b.Seed) })
	return total
}

func (t *Total) add(r Result) {
	t.Seeds++
	t.Events += r.Events
	t.Time += r.Time
	if r.Settled > 0 {
		t.Settled = append(t.Settled, r.Settled)
	}
	for s, n := range r.Counts {
		t.Counts[s] += n
	}
	if r.Err != nil {
		t.Violations = append(t.Violations, r)
	}
}

// Telling is how many seeds a batch needs for every rare situation to occur. One
// of as many that has not seen them all is vacuous.
const Telling = 100

// Unseen returns the situations that no run was in.
func (t *Total) Unseen() []Situation {
	return slices.DeleteFunc(Situations(), func(s Situation) bool { return t.Counts[s] > 0 })
}

// SettledWithin returns how long most runs took at most from the end of all
// faults until all was well, in election timeouts; most is a share in 1/1000.
func (t *Total) SettledWithin(most int) float64 {
	if len(t.Settled) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.Settled))
	return float64(sorted[(len(sorted)-1)*most/1000]) / float64(ElectionTimeout)
}

// String is the line of figures that a batch ends with.
func (t *Total) String() string {
	hours, minutes := t.Time.Hours(), max(t.CPU.Minutes(), 1e-9)
	all := len(Situations())
	return fmt.Sprintf("sim: seeds=%d events=%d sim_hours=%.2f cpu_minutes=%.2f sim_hours_per_cpu_minute=%.1f situations=%d/%d violations=%d",
		t.Seeds, t.Events, hours, minutes, hours/minutes, all-len(t.Unseen()), all, len(t.Violations))
}
