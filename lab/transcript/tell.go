package transcript

import (
	"fmt"
	"slices"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// Write returns a run as a script in the notation of raft/testdata, or why no script can
// say it. The world is where the run came to after all that was recorded.
func Write(r *Recording, w *sim.World) (text, why string) {
	for _, brief := range []bool{true, false} {
		if text, why = newTeller(r, w, brief).script(r.Title); why == "" {
			break
		}
	}
	return text, why
}

// teller tells a run in commands, and plays them as it tells.
type teller struct {
	acts    []act
	world   *sim.World         // where the run came to
	reading map[raft.Term]bool // the terms in which somebody reads
	seeds   map[int]uint64     // of cores, by the act that starts them; else those of the run
	brief   bool               // what a core could notice is done, too; see the package comment

	draft  *draft
	actors map[raft.ServerID]*actor
	lost   map[int]bool      // numbers of messages that wait, and are still to be dropped
	keys   map[int]string    // of messages that wait, by their number
	reads  map[uint64]uint64 // the run's number of a read -> the script's
	limit  int               // the next remark: no tick or arrival after it is told before it

	countsBytes bool   // a limit of the run does, so words are as long as commands
	why         string // what the script cannot say; empty: nothing yet
}

func newTeller(r *Recording, w *sim.World, brief bool) *teller {
	t := &teller{
		acts: slices.Clone(r.acts), world: w, brief: brief,
		draft: newDraft(), actors: map[raft.ServerID]*actor{},
		lost: map[int]bool{}, keys: map[int]string{}, reads: map[uint64]uint64{},
	}
	v := w.Violation()
	t.reading = tie(t.acts, v != nil && v.Invariant == "panic")
	if brief {
		t.seeds = sow(t.acts)
	}
	return t
}

// actor is a server of the script.
type actor struct {
	id        raft.ServerID
	next      int      // the first of its acts that is not told; 0: there is none
	ticks     int      // that have passed, and were not told yet
	words     []string // proposals that go with the next one
	gathering bool     // it takes inputs, and is not asked for effects
	held      bool     // its disk does not answer,
	batches   []uint64 // and has not finished these
}

// script tells the whole run.
func (t *teller) script(title string) (text, why string) {
	for i := t.open(title); i < len(t.acts) && t.why == ""; i++ {
		if m := t.acts[i].remark; m != nil {
			t.say(m)
			continue
		}
		if t.limit <= i {
			t.limit = i + 1
			for t.limit < len(t.acts) && t.acts[t.limit].remark == nil {
				t.limit++
			}
		}
		t.tell(i)
		t.sweep()
	}
	if t.why == "" {
		t.close()
	}
	if t.why != "" {
		return "", t.why
	}
	return t.draft.String(), ""
}

// refuse notes what cannot be said, if it is the first such thing.
func (t *teller) refuse(a *act, format string, args ...any) {
	if t.why == "" {
		t.why = fmt.Sprintf("at event %d: ", a.Event) + fmt.Sprintf(format, args...)
	}
}

// isStuck reports whether the script does not go on: it cannot say something, or the
// core gave up.
func (t *teller) isStuck() bool { return t.why != "" || t.draft.panicked != "" }

// do performs a command, and writes it.
func (t *teller) do(format string, args ...any) {
	if t.isStuck() {
		return
	}
	if !t.draft.hasRoom() {
		t.turn()
	}
	line := fmt.Sprintf(format, args...)
	if err := t.draft.do(line); err != nil {
		t.why = fmt.Sprintf("%s: %v", line, err)
	}
}

// turn ends a block; what was lost meanwhile is dropped.
func (t *teller) turn() {
	if len(t.lost) > 0 {
		t.dropLost(len(t.lost) > maxLost)
	}
	t.draft.turn()
}

// say begins a block with a remark. Between what somebody does and the next command of
// the script nothing is said of what happens.
func (t *teller) say(m *Remark) {
	t.turn()
	if !t.draft.isCommanded || m.Kind != Fault {
		t.draft.comment(m.String())
		t.draft.isCommanded = m.Kind == Command
	}
}

// tell tells act i, unless that was done, and what became at once of its messages. That
// batches are written is told when their server ends, or hears of it.
func (t *teller) tell(i int) {
	a := &t.acts[i]
	if a.told || a.Kind == sim.Written || t.isStuck() {
		return
	}
	a.told = true
	s := t.actors[a.Server]
	switch a.Kind {
	case sim.Started:
		t.start(i)
	case sim.Lost, sim.Repeated:
		t.become(a)
	case sim.Ended:
		t.end(i, s)
	case sim.Ticked:
		t.tick(i, s)
	case sim.Persisted:
		t.persisted(i, s)
	case sim.Drained:
		t.decide(i, s)
	default:
		t.call(i, s)
	}
	for s := t.actors[a.Server]; s.next > 0 && t.acts[s.next].told; {
		s.next = t.acts[s.next].next
	}
	for _, n := range a.fates {
		t.become(&t.acts[n])
	}
}
