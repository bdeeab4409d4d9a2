package lab

import (
	"slices"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// tick waits with ticks after which nothing happens.
func (t *transcript) tick(i int, s *actor) {
	a := &t.acts[i]
	if a.isQuiet() && !s.gathering {
		s.ticks++
		return
	}
	if !a.decides && !s.gathering {
		t.wait(s)
		t.gather(s)
	}
	if !s.gathering {
		t.hold(i, s)
	}
	s.ticks++
	if t.brief {
		t.hurry(a, s)
	}
	t.wait(s)
	t.decide(i, s)
}

// hurry takes a leader's next ticks, too, with which it does nothing but send: the
// answers that come between may come after them, if they move nothing. So much later
// that the leader would think that it has lost its quorum they do not come.
func (t *transcript) hurry(a *act, s *actor) {
	st, _ := t.draft.stage.Status(s.id)
	if st.Role != raft.Leader || s.gathering || a.batch != 0 {
		return
	}
	for n := a.next; n > 0 && n < t.limit && s.ticks < maxHurry; n = t.acts[n].next {
		b := &t.acts[n]
		switch {
		case b.done || t.teachesNothing(b, &st):
		case b.Kind == sim.Ticked && b.decides && b.batch == 0 && len(b.fates) == 0:
			b.done = true
			s.ticks++
		default:
			return
		}
	}
}

// maxHurry is less than an election timeout, after which a leader looks for a quorum.
const maxHurry = 8

// wait tells the ticks that were not told.
func (t *transcript) wait(s *actor) {
	switch s.ticks {
	case 0:
	case 1:
		t.do("tick %s", s.id)
	default:
		t.do("tick %s %d", s.id, s.ticks)
	}
	s.ticks = 0
}

// isNoMatter reports whether it is all the same if the ticks before an act come after
// it: an answer after which a server does nothing moves none of its timers.
func isNoMatter(a *act) bool {
	if a.Kind != sim.Stepped || !a.isQuiet() {
		return false
	}
	_, is := a.Message.Body.(raft.AppendEntriesResponse)
	return is
}

// teachesNothing reports whether an act is an answer by which a leader learns nothing of
// the log of a follower, as things are: so it may come later as well.
func (t *transcript) teachesNothing(a *act, st *raft.Status) bool {
	if !isNoMatter(a) {
		return false
	}
	answer := a.Message.Body.(raft.AppendEntriesResponse)
	return st.Role == raft.Leader && a.Message.Term == st.Term && answer.Success && slices.ContainsFunc(st.Peers, func(p raft.PeerStatus) bool {
		return p.ID == a.Message.From && p.State == "replicate" && p.MatchIndex >= answer.Match.Index
	})
}

// isForgotten reports whether the ticks before an act leave no trace after it: a word
// of a leader resets the election timer. Who is no voter may have drawn a new timeout
// meanwhile, without a word.
func (t *transcript) isForgotten(a *act, s *actor) bool { return t.isForgottenAfter(s.ticks, a, s) }

func (t *transcript) isForgottenAfter(ticks int, a *act, s *actor) bool {
	if ticks == 0 || a.Kind != sim.Stepped || s.gathering || len(s.batches) > 0 {
		return false
	}
	switch a.Message.Body.(type) {
	case raft.AppendEntries, raft.InstallSnapshot:
		st, _ := t.draft.stage.Status(s.id)
		return st.Role != raft.Leader && a.Message.Term >= st.Term && st.Config.IsVoter(s.id)
	}
	return false
}
