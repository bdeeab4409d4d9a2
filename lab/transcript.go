package lab

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// transcript writes a run of the simulator as a script, and plays the script as it
// writes: so it knows which messages wait there, and in the end whether all came to
// the same.
//
// What a core does depends on its own inputs alone, in their order, and not on when
// they come. So a disk that answers before anything else happens to its server needs
// no word, and ticks after which nothing happens are told together, or not at all if
// the next word of a leader makes them forgotten.
type transcript struct {
	*recording
	brief  bool // heartbeats are sent before the last ones are answered, and arrive in order
	draft  *draft
	actors map[raft.ServerID]*actor
	lost   []int             // messages that are dropped when they are in the way, or at the end of a block
	keys   map[int]string    // of the script's messages
	limit  int               // the next sentence: nothing after it is told before
	reads  map[uint64]uint64 // the simulator's number of a read -> the script's

	countsBytes bool   // a limit of the run does
	why         string // what the script cannot say; empty: nothing yet
}

// actor is a server of a script.
type actor struct {
	id        raft.ServerID
	held      bool     // its disk
	gathering bool     // it takes inputs, and is not asked for effects
	batches   []uint64 // that its disk has not finished
	ticks     int      // that were not told yet
	words     []string // proposals that go with the next
	at        int      // its next act, as far as acts are told in their order
}

// transcribe returns the recording as a script, or what a script cannot say. It tells
// the run in brief, with seeds that are short to write, if that comes to the same.
func transcribe(rec *recording) (text, why string) {
	for _, brief := range []bool{true, false} {
		again := *rec
		again.acts = slices.Clone(rec.acts)
		if text, why = again.tell(brief); why == "" {
			break
		}
	}
	return text, why
}

// seed returns the seed of the core that an act starts.
func (t *transcript) seed(i int) uint64 {
	if t.brief {
		return t.seeds[i]
	}
	return t.acts[i].Config.Seed
}

func (rec *recording) tell(brief bool) (text, why string) {
	t := &transcript{recording: rec, brief: brief, draft: newDraft(), actors: map[raft.ServerID]*actor{}, reads: map[uint64]uint64{}, keys: map[int]string{}}
	first := t.open()
	for i := first; i < len(t.acts) && t.why == ""; i++ {
		if t.acts[i].said != "" {
			t.remark(&t.acts[i])
			continue
		}
		if t.limit <= i {
			t.limit = i + 1
			for t.limit < len(t.acts) && t.acts[t.limit].said == "" {
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

// refuse notes what cannot be said.
func (t *transcript) refuse(a *act, format string, args ...any) {
	if t.why == "" {
		t.why = fmt.Sprintf("at event %d: ", a.Event) + fmt.Sprintf(format, args...)
	}
}

// do performs a command on the stage, and writes it.
func (t *transcript) do(format string, args ...any) {
	if t.why != "" || t.draft.panicked != "" {
		return
	}
	if !t.draft.room() {
		t.turn()
	}
	line := fmt.Sprintf(format, args...)
	if err := t.draft.do(line); err != nil {
		t.why = fmt.Sprintf("%s: %v", line, err)
	}
}

// tell tells act i.
func (t *transcript) tell(i int) {
	a := &t.acts[i]
	if a.done || a.Kind == sim.Written {
		return
	}
	a.done = true
	defer func() {
		for _, n := range a.fates {
			t.become(&t.acts[n])
		}
	}()
	s := t.actors[a.Server]
	switch a.Kind {
	case sim.Started:
		t.start(i)
		return
	case sim.Lost, sim.Repeated:
		t.become(a)
		return
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
	for s.at > 0 && t.acts[s.at].done {
		s.at = t.acts[s.at].next
	}
}

// become tells what became of a message.
func (t *transcript) become(a *act) {
	if a.Kind == sim.Lost {
		t.lose(a)
	} else {
		t.repeat(a)
	}
}

// call tells an input that is one command.
func (t *transcript) call(i int, s *actor) {
	a := &t.acts[i]
	if a.Kind == sim.Proposed {
		s.words = append(s.words, t.word(a.Command))
		if n := &t.acts[a.next]; a.next > 0 && !a.decides && n.Kind == sim.Proposed && n.Event == a.Event {
			return
		}
	}
	switch {
	case t.isForgotten(a, s):
		s.ticks = 0
	case s.gathering || !isNoMatter(a):
		t.wait(s)
	}
	if !a.decides {
		t.gather(s)
	}
	if !s.gathering {
		t.hold(i, s)
	}
	t.input(a, s)
	t.decide(i, s)
}

// gather lets a server take inputs without being asked for effects.
func (t *transcript) gather(s *actor) {
	if !s.gathering {
		t.do("gather %s", s.id)
		s.gathering = true
	}
}

// decide asks a server that gathers for its effects, if the act did, and notes what
// it handed out.
func (t *transcript) decide(i int, s *actor) {
	a := &t.acts[i]
	if !a.decides {
		return
	}
	if s.gathering {
		t.hold(i, s)
		s.gathering = false
		t.do("perform %s", s.id)
	}
	t.hand(a, s)
}

// input writes the command of an input.
func (t *transcript) input(a *act, s *actor) {
	switch a.Kind {
	case sim.Stepped:
		t.deliver(a)
	case sim.Proposed:
		t.do("propose %s %s", s.id, strings.Join(s.words, " "))
		s.words = nil
	case sim.ReadAsked:
		t.reads[a.Number] = uint64(len(t.reads) + 1)
		t.do("read %s", s.id)
	case sim.ConfigAsked:
		line := fmt.Sprintf("config %s %s", s.id, names(a.Members.Voters))
		if len(a.Members.Learners) > 0 {
			line += " learners " + names(a.Members.Learners)
		}
		t.do("%s", line)
	case sim.TransferAsked:
		t.do("%s", strings.TrimSpace(fmt.Sprintf("transfer %s %s", s.id, a.Other)))
	case sim.Suspected:
		t.do("suspect %s %s", s.id, a.Other)
	case sim.SnapshotEnded:
		t.do("told %s %s", s.id, a.Other)
	case sim.Compacted:
		t.do("compact %s upto %d keep %d", s.id, a.Snapshot.LastIncludedIndex, a.Keep)
	default:
		t.refuse(a, "there is no word for %s", a.Kind)
	}
}

func names(all []raft.ServerID) string { return strings.Join(ids(all), " ") }
