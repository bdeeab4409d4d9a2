package transcript

import (
	"fmt"
	"strings"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// call tells an input that has a command of its own. Proposals of one event are one.
func (t *teller) call(i int, s *actor) {
	a := &t.acts[i]
	if a.Kind == sim.Proposed {
		s.words = append(s.words, t.word(a.Command))
		if n := &t.acts[a.next]; a.next > 0 && !a.drained && n.Kind == sim.Proposed && n.Event == a.Event {
			return
		}
	}
	switch {
	case t.forgetsTicks(a, s):
		s.ticks = 0
	case s.gathering || !isIdleAnswer(a):
		t.wait(s)
	}
	t.ready(i, s)
	t.input(a, s)
	t.decide(i, s)
}

// ready brings a server to where it can be given act i: it gathers if it is not asked
// for effects after it, else its disk is held if that does not answer at once.
func (t *teller) ready(i int, s *actor) {
	if !t.acts[i].drained {
		t.gather(s)
	}
	if !s.gathering {
		t.hold(i, s)
	}
}

// gather lets a server take inputs without being asked for effects.
func (t *teller) gather(s *actor) {
	if !s.gathering {
		t.do("gather %s", s.id)
		s.gathering = true
	}
}

// decide asks a server that gathers for its effects, if that was done after act i, and
// notes the batch that it handed out.
func (t *teller) decide(i int, s *actor) {
	a := &t.acts[i]
	if !a.drained {
		return
	}
	if s.gathering {
		t.hold(i, s)
		s.gathering = false
		t.do("perform %s", s.id)
	}
	if a.batch != 0 && s.held {
		s.batches = append(s.batches, a.batch)
	}
}

// input does the command of an input.
func (t *teller) input(a *act, s *actor) {
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
		line := fmt.Sprintf("config %s%s", s.id, names(a.Members.Voters))
		if len(a.Members.Learners) > 0 {
			line += " learners" + names(a.Members.Learners)
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

// names returns the names of servers, with a space before each.
func names(all []raft.ServerID) string {
	text := ""
	for _, id := range all {
		text += " " + string(id)
	}
	return text
}
