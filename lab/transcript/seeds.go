package transcript

import (
	"math"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// seeding is how many inputs are tried out at most to find seeds that are short to
// write: a quarter of what is left for each core.
const seeding = 200_000

// sow returns small seeds with which cores do all that they did in the run, by the act
// that starts the core. A seed only says when a server stands, so for one that stands
// once every tenth will do.
func sow(acts []act) map[int]uint64 {
	seeds, left := map[int]uint64{}, seeding
	for i := range acts {
		if acts[i].Kind != sim.Started {
			continue
		}
		for seed, tries := uint64(1), left/4; tries > 0; seed++ {
			alike, inputs := isAlike(acts, i, seed)
			tries, left = tries-inputs, left-inputs
			if alike {
				seeds[i] = seed
				break
			}
		}
	}
	return seeds
}

// isAlike reports whether a core with another seed asks for as much after each input,
// and after how many inputs it knew.
func isAlike(acts []act, start int, seed uint64) (alike bool, inputs int) {
	defer func() {
		if recover() != nil { // of a core that is broken on purpose, at its last input
			alike = false
		}
	}()
	config := *acts[start].Config
	config.Seed = seed
	r := raft.New(config, *acts[start].Saved)
	for n := acts[start].next; n > 0 && acts[n].Kind != sim.Ended; n = acts[n].next {
		a := &acts[n]
		inputs++
		give(r, a)
		if !a.drained {
			continue
		}
		if fx := r.Effects(); fx.Persist.Seq != a.batch || sim.Work(&fx) != a.work {
			return false, inputs
		}
	}
	return true, inputs + 1
}

// give gives an input of the run to a core. What it answers to one that it refuses can
// be told from what it asks for then.
func give(r *raft.Raft, a *act) {
	switch a.Kind {
	case sim.Ticked:
		r.Tick()
	case sim.Stepped:
		r.Step(*a.Message)
	case sim.Proposed:
		r.Propose(a.Command) //nolint:errcheck // as above
	case sim.ReadAsked:
		r.ReadIndex(a.Number) //nolint:errcheck // as above
	case sim.ConfigAsked:
		r.ProposeConfig(a.Members.Voters, a.Members.Learners) //nolint:errcheck // as above
	case sim.TransferAsked:
		r.TransferLeadership(a.Other) //nolint:errcheck // as above
	case sim.Suspected:
		r.Suspect(a.Other)
	case sim.Persisted:
		r.Persisted(a.Number)
	case sim.SnapshotEnded:
		r.SnapshotDone(a.Other)
	case sim.Compacted:
		r.Compact(*a.Snapshot, a.Keep, math.MaxInt)
	}
}
