package transcript

import (
	"slices"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// tick tells a tick after which something happens, with those before it. One after
// which nothing happens is counted, and told with what comes next.
func (t *teller) tick(i int, s *actor) {
	a := &t.acts[i]
	if a.isQuiet() && !s.gathering {
		s.ticks++
		return
	}
	if !a.drained {
		t.wait(s)
	}
	t.ready(i, s)
	s.ticks++
	if t.brief {
		t.hurry(a, s)
	}
	t.wait(s)
	t.decide(i, s)
}

// maxHurry is how many ticks are told together at most if answers would come between:
// less than an election timeout, after which a leader would think that it has lost its
// quorum.
const maxHurry = 8

// hurry takes a leader's next ticks, too, with which it does nothing but send: the
// answers that come between may come after them, if they teach it nothing.
func (t *teller) hurry(a *act, s *actor) {
	st := t.draft.status(s.id)
	if st.Role != raft.Leader || s.gathering || a.batch != 0 {
		return
	}
	for n := a.next; n > 0 && n < t.limit && s.ticks < maxHurry; n = t.acts[n].next {
		b := &t.acts[n]
		switch {
		case b.told || t.teachesNothing(b, s):
		case b.Kind == sim.Ticked && b.drained && b.batch == 0 && len(b.fates) == 0:
			b.told = true
			s.ticks++
		default:
			return
		}
	}
}

// wait tells the ticks that were not told.
func (t *teller) wait(s *actor) {
	switch s.ticks {
	case 0:
	case 1:
		t.do("tick %s", s.id)
	default:
		t.do("tick %s %d", s.id, s.ticks)
	}
	s.ticks = 0
}

// isIdleAnswer reports whether an act is an answer after which a server does nothing. It
// moves none of the timers, so the ticks before it may come after it.
func isIdleAnswer(a *act) bool {
	if a.Kind != sim.Stepped || !a.isQuiet() {
		return false
	}
	_, is := a.Message.Body.(raft.AppendEntriesResponse)
	return is
}

// teachesNothing reports whether an act is an answer by which a leader, as it is, learns
// nothing of the log of a follower: so it may come later as well.
func (t *teller) teachesNothing(a *act, s *actor) bool {
	if !isIdleAnswer(a) {
		return false
	}
	st := t.draft.status(s.id)
	answer := a.Message.Body.(raft.AppendEntriesResponse)
	return st.Role == raft.Leader && a.Message.Term == st.Term && answer.Success && slices.ContainsFunc(st.Peers, func(p raft.PeerStatus) bool {
		return p.ID == a.Message.From && p.State == "replicate" && p.MatchIndex >= answer.Match.Index
	})
}

// forgetsTicks reports whether ticks before an act leave no trace after it: a word of a
// leader resets the election timer. A server that is no voter may have drawn a new
// timeout meanwhile, without a word.
func (t *teller) forgetsTicks(a *act, s *actor) bool {
	if a.Kind != sim.Stepped || s.gathering || len(s.batches) > 0 {
		return false
	}
	switch a.Message.Body.(type) {
	case raft.AppendEntries, raft.InstallSnapshot:
		st := t.draft.status(s.id)
		return st.Role != raft.Leader && a.Message.Term >= st.Term && st.Config.IsVoter(s.id)
	}
	return false
}
