package linearizability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"kvorum/raft"
)

// virtualFaults strike the leader, one after the other. Each lasts until
// another server leads, and a while longer.
var virtualFaults = []struct {
	name  string
	begin func(v *virtual, victim int) error
	end   func(v *virtual, victim int)
}{
	{"crash", func(v *virtual, victim int) error { return v.replicas[victim].stop() },
		func(v *virtual, victim int) { v.start(victim) }},
	{"cut off", func(v *virtual, victim int) error { v.cutLinks(victim, true, true); return nil }, (*virtual).heal},
	{"mute", func(v *virtual, victim int) error { v.cutLinks(victim, false, true); return nil }, (*virtual).heal},
	{"deaf", func(v *virtual, victim int) error { v.cutLinks(victim, true, false); return nil }, (*virtual).heal},
}

// cutLinks cuts what a replica hears, says, or both.
func (v *virtual) cutLinks(victim int, hears, says bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for other := range v.replicas {
		v.cut[link{other, victim}] = hears && other != victim
		v.cut[link{victim, other}] = says && other != victim
	}
}

func (v *virtual) heal(int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.cut)
}

// hold draws how long a fault outlasts the election: at times so short that what
// clients began before it is still undecided.
func (v *virtual) hold() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Duration(v.rng.IntN(60)) * virtualTick
}

// strike does a fault to the leader and records its effect.
func (v *virtual) strike(t *testing.T, r *Recorder, number int) {
	t.Helper()
	fault := virtualFaults[number]
	old, term := v.leader(t, 0)
	start := r.Now()
	if err := fault.begin(v, old); err != nil {
		t.Fatal(err)
	}
	successor, next := v.leader(t, term)
	took := (r.Now() - start).Round(time.Millisecond)
	time.Sleep(v.hold())
	fault.end(v, old)
	r.Fault(fault.name, start, fmt.Sprintf("%s led in term %d until %s did in term %d, %v later",
		v.replicas[old].id, term, v.replicas[successor].id, next, took))
	time.Sleep(50 * virtualTick)
}

// simulate makes a history of clients and faults in virtual time.
func simulate(t *testing.T, seed uint64) (h History) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v, r, w := newVirtual(seed, 3), NewRecorder(), Balanced(seed)
		watches := v.watch()
		working, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Run(working, r, func(client int, rng *rand.Rand) KV { return virtualKV{v, client % 3} })
		}()
		for _, number := range v.rng.Perm(len(virtualFaults)) {
			v.strike(t, r, number)
		}
		stop()
		<-done
		for i := range v.replicas {
			if err := w.ReadAll(t.Context(), r, virtualKV{v, i}); err != nil {
				t.Errorf("%s, after all faults: %v", v.replicas[i].id, err)
			}
		}
		v.expectEqualStates(t)
		watches.stop()
		_, state := v.at(0)
		watches.expectAgreement(t, state)
		for i := range v.replicas {
			if err := v.replicas[i].stop(); err != nil {
				t.Error(err)
			}
		}
		h = r.History("virtual", seed)
	})
	return h
}

// expectEqualStates waits until all replicas have applied the same entries.
func (v *virtual) expectEqualStates(t *testing.T) {
	t.Helper()
	hashes, at := make([]uint64, len(v.replicas)), make([]raft.Index, len(v.replicas))
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(virtualTick) {
		for i := range v.replicas {
			_, store := v.at(i)
			hashes[i], at[i] = store.Hash()
		}
		if at[0] == at[1] && at[1] == at[2] {
			if hashes[0] != hashes[1] || hashes[1] != hashes[2] {
				t.Errorf("at index %d the states differ: %x", at[0], hashes)
			}
			return
		}
	}
	t.Errorf("after 20 s the replicas have applied up to %v", at)
}

// TestSimulatedHistoriesAreLinearizable: many histories cost little where time
// is virtual. Package raft/sim runs the core alone, step by step, and replays exactly;
// here whole nodes, logs and stores run, with all their goroutines.
func TestSimulatedHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	var figures Figures
	for i := range uint64(max(20, *histories)) {
		h := simulate(t, *seed+i)
		verify(t, h)
		figures.Count(h)
		if t.Failed() {
			t.Fatalf("seed %d", *seed+i)
		}
	}
	t.Log(figures)
}
