package linearizability

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kvorum/raft/sim"
)

// fromSimulator makes a history of what the clients of a short simulated run saw.
func fromSimulator(r sim.Result) History {
	h := History{Name: "simulator", Seed: r.Seed}
	for _, o := range r.History {
		h.Operations = append(h.Operations, Operation{
			Client: o.Client, Kind: Kind(o.Kind), Key: o.Key, Call: o.Call, Return: o.Return, Outcome: Outcome(o.Outcome),
			Expected: State(o.Expected), Value: o.Value, Swapped: o.Swapped, Seen: State(o.Seen),
		})
	}
	return h
}

// TestShortHistoriesAreLinearizable: the simulator makes thousands of histories a
// minute, each of a few seconds full of faults, of sessions and retries.
func TestShortHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	n := uint64(50 * max(20, *histories))
	if raceDetector {
		n = 100
	}
	var figures Figures
	var mu sync.Mutex // guards figures
	var next atomic.Uint64
	var workers sync.WaitGroup
	begun := time.Now()
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < n && !t.Failed(); i = next.Add(1) - 1 {
				r := sim.Play(sim.Options{Seed: *seed + i, Short: true})
				h := fromSimulator(r)
				err := r.Err
				mu.Lock()
				figures.Count(h)
				mu.Unlock()
				if err == nil {
					err = Check(h, *checkLimit)
				}
				if err != nil {
					t.Errorf("seed %d: %v\nreplay:      go run ./cmd/raftlab replay %d --short\ncheck again: go test ./linearizability -run %s -seed %d",
						r.Seed, err, r.Seed, t.Name(), r.Seed)
				}
			}
		})
	}
	workers.Wait()
	fmt.Printf("short histories: %v, %.0f a minute\n", figures, float64(figures.Histories)/time.Since(begun).Minutes())
	if figures.Unknown == 0 || figures.Definite == 0 {
		t.Error("vacuous: no write of unknown outcome, or none that failed")
	}
}

// TestAWrongShortHistoryIsNoticed: what comes from the simulator is judged.
func TestAWrongShortHistoryIsNoticed(t *testing.T) {
	t.Parallel()
	for i := *seed; ; i++ {
		h := fromSimulator(sim.Play(sim.Options{Seed: i, Short: true}))
		at := slices.IndexFunc(h.Operations, func(o Operation) bool { return o.Kind == Get && o.Outcome == OK })
		if at < 0 {
			continue // no read was answered
		}
		h.Operations[at].Seen = Present("nobody wrote this")
		if Check(h, *checkLimit) == nil {
			t.Errorf("seed %d: a value that nobody wrote was read, and the history is linearizable", i)
		}
		return
	}
}
