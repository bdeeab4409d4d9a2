package lab

import (
	"math"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// seeding is how many inputs are tried out to find seeds that are short to write.
const seeding = 200_000

// sow gives each core a small seed with which it does all that it did in the run, or
// the run's own. A seed only says when a server stands, so for one that stands once
// every tenth will do.
func (rec *recording) sow() {
	rec.seeds = map[int]uint64{}
	left := seeding
	for i := range rec.acts {
		if rec.acts[i].Kind != sim.Started {
			continue
		}
		rec.seeds[i] = rec.acts[i].Config.Seed
		for seed, tries := uint64(1), left/4; tries > 0; seed++ {
			alike, inputs := rec.isAlike(i, seed)
			tries, left = tries-inputs, left-inputs
			if alike {
				rec.seeds[i] = seed
				break
			}
		}
	}
}

// isAlike reports whether a core with another seed does the same, and after how many
// inputs it knew.
func (rec *recording) isAlike(i int, seed uint64) (alike bool, inputs int) {
	defer func() {
		if recover() != nil { // of a core that is broken on purpose, at its last input
			alike = false
		}
	}()
	config := *rec.acts[i].Config
	config.Seed = seed
	r := raft.New(config, *rec.acts[i].Saved)
	for n := rec.acts[i].next; n > 0 && rec.acts[n].Kind != sim.Ended; n = rec.acts[n].next {
		a := &rec.acts[n]
		inputs++
		give(r, a)
		if !a.decides {
			continue
		}
		if fx := r.Effects(); fx.Persist.Seq != a.batch || sim.Work(&fx) != a.work {
			return false, inputs
		}
	}
	return true, inputs + 1
}

// give gives an input of the run to a core.
func give(r *raft.Raft, a *act) {
	switch a.Kind {
	case sim.Ticked:
		r.Tick()
	case sim.Stepped:
		r.Step(*a.Message)
	case sim.Proposed:
		r.Propose(a.Command) //nolint:errcheck // what follows says it
	case sim.ReadAsked:
		r.ReadIndex(a.Number) //nolint:errcheck // what follows says it
	case sim.ConfigAsked:
		r.ProposeConfig(a.Members.Voters, a.Members.Learners) //nolint:errcheck // what follows says it
	case sim.TransferAsked:
		r.TransferLeadership(a.Other) //nolint:errcheck // what follows says it
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
