package sim

import (
	"slices"

	"kvorum/raft"
)

// elected checks I1, Election Safety: at most one leader can be elected in a
// given term, over all time. And I4, Leader Completeness: if a log entry is
// committed in a given term, then that entry will be present in the logs of the
// leaders for all higher-numbered terms.
func (o *observer) elected(s *server, st *raft.Status) {
	if other, taken := o.leaders[st.Term]; taken {
		o.fail("I1", "Election Safety: %s and %s both lead term %d", other, s, st.Term)
	}
	o.leaders[st.Term] = s.id
	o.checkElectorate(s, st)
	for i := len(o.history) - 1; i > 0; i-- {
		if o.committedIn[i] < st.Term {
			if i >= len(s.log) || s.log[i].chain != o.history[i].chain {
				o.fail("I4", "Leader Completeness: %s leads term %d without entry %v, committed in term %d", s, st.Term, o.history[i].EntryID, o.committedIn[i])
			}
			return
		}
	}
}

// observeLog follows the server's log by what it hands out to be saved, and
// checks I2, Leader Append-Only: a leader never overwrites or deletes entries in
// its log; it only appends new entries. And F4: the configuration that a server
// uses is the latest in its log.
func (o *observer) observeLog(s *server, p *raft.Persist, before, after *raft.Status) {
	if p.Snapshot != nil {
		o.observeInstall(s, p.Snapshot)
	}
	if len(p.Entries) > 0 {
		first := int(p.Entries[0].Index)
		if first > len(s.log) {
			o.fail("I3", "%s has entry %d but not %d", s, first, len(s.log))
			return
		}
		if first < len(s.log) {
			o.c.counts[Truncated]++
			if before.Role == raft.Leader && after.Role == raft.Leader && before.Term == after.Term {
				o.fail("I2", "Leader Append-Only: %s, leader of term %d, replaces entry %d", s, after.Term, first)
			}
		}
		s.log = extend(s.log, p.Entries)
		for i := first; i < len(s.log); i++ {
			o.checkEntry(s, i, after)
		}
	}
	last := &s.log[len(s.log)-1]
	if after.Last != last.EntryID {
		o.fail("I3", "%s has a log up to %v, it handed out %v", s, after.Last, last.EntryID)
	}
	if last.Term > after.Term {
		o.fail("I10", "%s in term %d has an entry of term %d", s, after.Term, last.Term)
	}
	if !sameConfig(after.Config, *last.config) {
		o.fail("F4", "%s uses %v, the latest in its log is %v", s, after.Config, *last.config)
	}
}

func (o *observer) observeInstall(s *server, meta *raft.SnapshotMeta) {
	s.log = o.prefix(meta.LastIncludedIndex)
	last := &s.log[len(s.log)-1]
	if meta.ID() != last.EntryID {
		o.fail("I5", "%s installs the snapshot %v, not of the committed log", s, meta.ID())
	}
	if !sameConfig(meta.Config, *last.config) {
		o.fail("F4", "%s installs a snapshot with %v, the log up to %d says %v", s, meta.Config, last.Index, *last.config)
	}
}

// checkEntry checks I3, Log Matching: if two logs contain an entry with the same
// index and term, then the logs are identical in all entries up through the
// given index. I10: every entry was made by the leader of its term. And F1: no log
// has two changes of membership under way.
func (o *observer) checkEntry(s *server, i int, st *raft.Status) {
	e, prev := &s.log[i], &s.log[i-1]
	if prev.Term > e.Term {
		o.fail("I10", "%s has an entry of term %d after one of %d", s, e.Term, prev.Term)
	}
	if chain, known := o.chains[e.EntryID]; known {
		if chain != e.chain {
			o.fail("I3", "Log Matching: the log of %s up to %v is not what another's was", s, e.EntryID)
		}
		return
	}
	o.chains[e.EntryID] = e.chain
	if o.leaders[e.Term] != s.id {
		o.fail("I10", "%s made entry %v, but %q led that term", s, e.EntryID, o.leaders[e.Term])
	}
	if e.Config != nil && prev.configAt > st.CommitIndex {
		o.fail("F1", "%s has two uncommitted configurations, at %d and %d", s, prev.configAt, e.Index)
	}
}

// checkMonotone checks I6: what a running server knows does not get less. And a
// part of L6: its log does, with every snapshot.
func (o *observer) checkMonotone(s *server, before, after *raft.Status) {
	if after.Term < before.Term || after.CommitIndex < before.CommitIndex || after.LastApplied < before.LastApplied {
		o.fail("I6", "%s goes back: term %d to %d, commitIndex %d to %d, lastApplied %d to %d", s,
			before.Term, after.Term, before.CommitIndex, after.CommitIndex, before.LastApplied, after.LastApplied)
	}
	if after.LastApplied > after.CommitIndex || after.CommitIndex > after.Last.Index || after.Stable > after.Last.Index {
		o.fail("I6", "%s has lastApplied %d, commitIndex %d, stable %d, last %d", s, after.LastApplied, after.CommitIndex, after.Stable, after.Last.Index)
	}
	if end := after.Snapshot.LastIncludedIndex; end > before.Snapshot.LastIncludedIndex && after.FirstIndex+o.c.mix.keep <= end {
		o.fail("L6", "%s keeps its log from %d on, its new snapshot ends at %d", s, after.FirstIndex, end)
	}
	if restored := after.Stable >= after.Snapshot.LastIncludedIndex; restored && after.Snapshot.LastIncludedIndex > after.LastApplied {
		o.fail("I6", "%s has a snapshot up to %d, lastApplied %d", s, after.Snapshot.LastIncludedIndex, after.LastApplied)
	}
	if after.FirstIndex > after.Snapshot.LastIncludedIndex+1 || after.Snapshot.LastIncludedIndex > after.CommitIndex {
		o.fail("I6", "%s has a log from %d, a snapshot up to %d, commitIndex %d", s, after.FirstIndex, after.Snapshot.LastIncludedIndex, after.CommitIndex)
	}
}

// checkCommitted checks I5, State Machine Safety, at its root: nobody believes
// committed what differs from what was. And I7: what a leader commits is an
// entry of its own term on the disks of a quorum, of both majorities if it is joint.
func (o *observer) checkCommitted(s *server, before, after *raft.Status) {
	n := after.CommitIndex
	for i := before.CommitIndex + 1; i <= n; i++ {
		if i == o.committed()+1 {
			o.commit(s, before, i, n)
		}
		if o.err == nil && s.log[i].chain != o.history[i].chain {
			o.fail("I5", "State Machine Safety: %s commits %v where %v is committed", s, s.log[i].EntryID, o.history[i].EntryID)
		}
		if o.err != nil {
			return
		}
	}
}

// commit notes that s is the first to know that the entries from i to n are committed.
func (o *observer) commit(s *server, before *raft.Status, i, n raft.Index) {
	switch {
	case before.Role != raft.Leader:
		o.fail("I7", "%s, a %v, is the first to know that %v is committed", s, before.Role, s.log[i].EntryID)
	case s.log[n].Term != before.Term:
		o.fail("I7", "%s commits %v in term %d by counting replicas", s, s.log[n].EntryID, before.Term)
	case !o.isQuorum(before.Config, o.holders(n, s.log[n].chain)):
		o.fail("I7", "%s commits %v, which is not durable on a quorum", s, s.log[n].EntryID)
	}
	for _, e := range s.log[i : n+1] { // with the configuration that the observer knows
		if e.Config != nil {
			o.c.countMembers(o.history[o.committed()].config, e.Config)
		}
		o.history = extend(o.history, []raft.Entry{e.Entry})
		o.committedIn = append(o.committedIn, before.Term)
		o.applies = append(o.applies, apply{})
		o.attemptCommitted(e.EntryID)
	}
	o.committedBy = before.Config
	o.checkKept(s)
}

// checkKept checks I8: what is committed stays durable. It is on the disks of
// the quorum that made it so, whatever is written to a disk later, and every
// quorum of the latest committed configuration has a disk that holds it.
func (o *observer) checkKept(s *server) {
	n := o.committed()
	if n == 0 || o.err != nil {
		return
	}
	last := &o.history[n]
	holders := o.holders(n, last.chain)
	if !o.isQuorum(o.committedBy, holders) {
		o.fail("I8", "entry %d, which is committed, is no longer on a quorum once %s has written to its disk", n, s)
	}
	if o.isQuorum(*last.config, ^holders) {
		o.fail("I8", "a quorum of %v has not got entry %d, which is committed", *last.config, n)
	}
}

// holders returns the servers whose disks, whatever they say, have the entry. One
// whose disk was lost counts with what it had: nobody can form a quorum with it
// any more.
func (o *observer) holders(i raft.Index, chain uint64) uint {
	return o.c.set(func(s *server) bool { return s.disk.durable.holds(i, chain) })
}

// checkProgress checks I9, what a leader believes of the others' logs. One that
// has moved on to a later term may have replaced entries since.
func (o *observer) checkProgress(s *server, before, after *raft.Status) {
	for at, p := range after.Peers {
		f, i := o.c.server(p.ID), p.MatchIndex
		if p.NextIndex <= i {
			o.fail("I9", "%s has nextIndex %d, matchIndex %d for %s", s, p.NextIndex, i, f)
		}
		if f.disk.durable.hard.CurrentTerm <= after.Term && !f.disk.durable.holds(i, s.log[i].chain) {
			o.fail("I9", "%s believes that %s's disk agrees up to %d", s, f, i)
		}
		if before.Term != after.Term {
			continue
		}
		if at >= len(before.Peers) || before.Peers[at].ID != p.ID {
			at = slices.IndexFunc(before.Peers, func(q raft.PeerStatus) bool { return q.ID == p.ID })
		}
		if at >= 0 && before.Peers[at].MatchIndex > i {
			o.fail("I9", "%s lowers matchIndex of %s to %d", s, f, i)
		}
	}
}

// applied checks I5, State Machine Safety: if a server has applied a log entry at
// a given index to its state machine, no other server will ever apply a different
// log entry for the same index. Q4: the states, sessions included, are equal. And
// F4: what a snapshot of them would say of the membership is what the log says.
func (o *observer) applied(s *server) {
	m := &s.machine
	if int(m.applied) >= len(s.disk.durable.log) {
		o.fail("I5", "%s has applied up to %d, its disk has %d", s, m.applied, len(s.disk.durable.log)-1)
	}
	if m.applied > o.committed() {
		o.fail("I5", "%s has applied up to %d, but only %d is committed", s, m.applied, o.committed())
		return
	}
	state, _ := m.kv.Hash()
	o.digest = fold(o.digest, uint64(m.applied), state)
	if a := &o.applies[m.applied]; !a.known {
		a.known, a.state = true, state
	} else if a.state != state {
		o.fail("Q4", "the state of %s at %d is not another's", s, m.applied)
	}
	unknown := len(m.config.Voters) == 0 // see wantsSnapshot
	if !unknown && !sameConfig(m.config, *o.history[m.applied].config) {
		o.fail("F4", "%s has applied up to %d, its configuration there is %v", s, m.applied, m.config)
	}
}
