package sim

import (
	"slices"

	"kvorum/raft"
)

// sent checks V1, the one durability rule, at the moment a message leaves: what
// it promises is on the sender's disk, so that no crash can take it back. A
// later term on the disk keeps all promises about earlier ones.
func (o *observer) sent(s *server, m *raft.Message) {
	hard := s.disk.durable.hard
	if m.From != s.id || m.Term > hard.CurrentTerm {
		o.fail("V1", "%s sends %T in term %d, its disk knows %d", s, m.Body, m.Term, hard.CurrentTerm)
	}
	moved := hard.CurrentTerm > m.Term
	switch body := m.Body.(type) {
	case raft.RequestVote:
		if !moved && hard.VotedFor != s.id {
			o.fail("V1", "%s asks for votes in term %d before its own is durable", s, m.Term)
		}
		o.cast(s.id, m.Term, s.id)
	case raft.RequestVoteResponse:
		if !body.VoteGranted {
			return
		}
		if !moved && hard.VotedFor != m.To {
			o.fail("V1", "%s votes for %s in term %d before that is durable", s, m.To, m.Term)
		}
		o.cast(s.id, m.Term, m.To)
	case raft.AppendEntriesResponse:
		if body.Success && !moved && !s.disk.durable.matches(body.Match) {
			o.fail("V1", "%s acknowledges entry %v before it is durable", s, body.Match)
		}
	case raft.AppendEntries, raft.InstallSnapshot:
		if o.leaders[m.Term] != s.id {
			o.fail("I10", "%s sends %T in term %d, which %q leads", s, m.Body, m.Term, o.leaders[m.Term])
		}
	}
}

// cast checks V2 over all time and crashes: a server gives one vote in a term.
func (o *observer) cast(voter raft.ServerID, term raft.Term, to raft.ServerID) {
	if other, voted := o.votes[vote{voter, term}]; voted && other != to {
		o.fail("V2", "%s votes for %s and %s in term %d", voter, other, to, term)
	}
	o.votes[vote{voter, term}] = to
}

// saved follows a disk, and checks V2: its term never falls, and a vote, once on
// it, stays for its term. And V4: entries go only after a snapshot has come.
func (o *observer) saved(s *server, p raft.Persist) {
	a := &s.disk.durable
	if next := p.HardState; next != nil {
		if next.CurrentTerm < a.hard.CurrentTerm ||
			next.CurrentTerm == a.hard.CurrentTerm && a.hard.VotedFor != raft.None && a.hard.VotedFor != next.VotedFor {
			o.fail("V2", "%s saves %+v over %+v", s, *next, a.hard)
		}
	}
	if len(p.Entries) > 0 && p.Snapshot == nil {
		if first := p.Entries[0].Index; int(first) > len(a.log) || first <= a.discard {
			o.fail("I3", "%s saves entries from %d on, its disk has %d to %d", s, first, a.discard+1, len(a.log)-1)
			return
		}
	}
	a.save(o, p)
	if a.discard > a.snapshot.LastIncludedIndex {
		o.fail("V4", "%s discards entries up to %d, its snapshot ends at %d", s, a.discard, a.snapshot.LastIncludedIndex)
	}
	o.checkKept(s)
}

func (o *observer) snapshotSaved(s *server, meta raft.SnapshotMeta) {
	if a := &s.disk.durable; meta.LastIncludedIndex > a.snapshot.LastIncludedIndex {
		a.snapshot = meta
	}
}

// recovered checks V3 when a process has read its disk: all that was durable is
// there, and nothing that was never saved; what was being saved when the last
// process ended is there as a whole or not at all. And V5: damage may cost a
// server its start, but it never passes for data.
func (o *observer) recovered(s *server, saved raft.Saved) {
	found := o.read(s, saved)
	a := s.disk.durable
	states := a.interrupted(o, s.disk.unsure)
	if o.err != nil {
		return
	}
	if !slices.ContainsFunc(states, func(want account) bool { return o.isThere(s, &want, &found) }) {
		id := "V3"
		if s.disk.damaged {
			id = "V5"
		}
		o.fail(id, "%s finds %+v, a log up to %v and a snapshot up to %v; durable were %+v, %v and %v, and %d batches on their way", s,
			found.hard, found.last().EntryID, found.snapshot.ID(), a.hard, a.last().EntryID, a.snapshot.ID(), len(s.disk.unsure))
		return
	}
	if len(s.disk.unsure) > 0 && !o.isThere(s, &a, &found) {
		o.c.counts[UnsyncedSurvived]++
	}
	s.disk.durable = found
	o.checkKept(s)
}

// isThere compares what a process finds with what should be there. A snapshot
// that the last process was writing may be there too; a damaged one may have
// made way for an earlier one.
func (o *observer) isThere(s *server, want, found *account) bool {
	snapshot := found.snapshot.LastIncludedIndex
	return found.hard == want.hard && len(found.log) == len(want.log) && found.last().chain == want.last().chain &&
		(snapshot >= want.snapshot.LastIncludedIndex || s.disk.damaged)
}

// read makes an account of what was found.
func (o *observer) read(s *server, saved raft.Saved) account {
	first := saved.Snapshot.LastIncludedIndex + 1
	if len(saved.Entries) > 0 {
		first = saved.Entries[0].Index
	}
	found := account{hard: saved.HardState, snapshot: saved.Snapshot, discard: first - 1}
	if first == 1 {
		found.log = slices.Clone(s.disk.durable.log[:1])
	} else {
		found.log = o.prefix(first - 1)
	}
	if len(saved.Entries) > 0 {
		found.log = extend(found.log, saved.Entries)
	}
	if meta := saved.Snapshot; meta.LastIncludedIndex > 0 && meta.LastIncludedIndex <= o.committed() {
		at := &o.history[meta.LastIncludedIndex]
		if at.EntryID != meta.ID() || !sameConfig(meta.Config, *at.config) {
			o.fail("F4", "%s finds the snapshot %v with %v, the log there says %v and %v", s, meta.ID(), meta.Config, at.EntryID, *at.config)
		}
	}
	return found
}

// started checks V3 on the other side: a process begins with what its disk holds.
func (o *observer) started(s *server, saved raft.Saved) {
	st := s.raft.Status()
	last := &s.log[len(s.log)-1]
	if (raft.HardState{CurrentTerm: st.Term, VotedFor: st.VotedFor}) != saved.HardState {
		o.fail("V3", "%s starts with term %d and vote %q, its disk has %+v", s, st.Term, st.VotedFor, saved.HardState)
	}
	if st.Last != last.EntryID {
		o.fail("V3", "%s starts with a log up to %v, its disk has %v", s, st.Last, last.EntryID)
	}
	if !sameConfig(st.Config, *last.config) {
		o.fail("F4", "%s starts with %v, its log says %v", s, st.Config, *last.config)
	}
	s.seen = st
	o.checkQuorums()
}
