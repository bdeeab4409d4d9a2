package sim

import "kvorum/raft"

// sent checks the one durability rule at the moment a message leaves: what it
// promises is on the sender's disk, so that no crash can take it back. A later
// term on the disk keeps all promises about earlier ones.
func (o *observer) sent(s *server, m raft.Message) {
	hard := s.disk.hard
	o.check(m.From == s.id && m.Term <= hard.CurrentTerm, "%s sends %T in term %d, its disk knows %d", s.id, m.Body, m.Term, hard.CurrentTerm)
	moved := hard.CurrentTerm > m.Term
	switch body := m.Body.(type) {
	case raft.RequestVote:
		o.check(moved || hard.VotedFor == s.id, "%s asks for votes in term %d before its own is durable", s.id, m.Term)
		o.cast(s.id, m.Term, s.id)
	case raft.RequestVoteResponse:
		if body.VoteGranted {
			o.check(moved || hard.VotedFor == m.To, "%s votes for %s in term %d before that is durable", s.id, m.To, m.Term)
			o.cast(s.id, m.Term, m.To)
		}
	case raft.AppendEntriesResponse:
		o.check(!body.Success || moved || int(body.Match.Index) < len(s.disk.log),
			"%s acknowledges entry %d before it is durable", s.id, body.Match.Index)
	case raft.AppendEntries, raft.InstallSnapshot:
		o.check(o.leaders[m.Term] == s.id, "%s sends %T in term %d, which %q leads", s.id, m.Body, m.Term, o.leaders[m.Term])
	}
}

// cast checks that a server gives one vote in a term, over all time and crashes.
func (o *observer) cast(voter raft.ServerID, term raft.Term, to raft.ServerID) {
	other, voted := o.votes[vote{voter, term}]
	o.check(!voted || other == to, "%s votes for %s and %s in term %d", voter, other, to, term)
	o.votes[vote{voter, term}] = to
}

// hardStateDurable checks that a disk's term never falls and that a vote, once
// on the disk, stays for its term.
func (o *observer) hardStateDurable(s *server, next raft.HardState) {
	now := s.disk.hard
	o.check(next.CurrentTerm > now.CurrentTerm ||
		next.CurrentTerm == now.CurrentTerm && (now.VotedFor == raft.None || now.VotedFor == next.VotedFor),
		"%s saves %+v over %+v", s.id, next, now)
}
