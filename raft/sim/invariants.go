package sim

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
)

// slot is an entry with what follows from the log up to it.
type slot struct {
	raft.Entry
	chain    uint64              // hash of this entry and all before it
	config   *raft.Configuration // the latest configuration in the log up to here, and
	configAt raft.Index          // where that is; 0: what the server started from
}

// extend returns log with entries in the place of what follows them.
func extend(log []slot, entries []raft.Entry) []slot {
	log = log[:entries[0].Index]
	for _, e := range entries {
		before := log[len(log)-1]
		s := slot{e, hash(before.chain, e), before.config, before.configAt}
		if e.Config != nil {
			s.config, s.configAt = e.Config, e.Index
		}
		log = append(log, s)
	}
	return log
}

// hash folds an entry into a hash of all before it.
func hash(before uint64, e raft.Entry) uint64 {
	h := fold(before, uint64(e.Index), uint64(e.Term), uint64(len(e.Command)))
	h = fold(h, e.Command...)
	if e.Config != nil {
		h = fold(h, []byte(fmt.Sprint(*e.Config))...)
	}
	return h
}

// fold is FNV-1a with words in the place of bytes.
func fold[T ~uint64 | ~uint8](h uint64, words ...T) uint64 {
	for _, w := range words {
		h = (h ^ uint64(w)) * 0x100000001b3
		h ^= h >> 29
	}
	return h
}

// observer knows everything that ever happened in the cluster, and checks after
// every event the five properties of Figure 3 and what they rest on. Its word
// for committed is the paper's: a leader said so, and a quorum's disks agree.
type observer struct {
	leaders     map[raft.Term]raft.ServerID
	votes       map[vote]raft.ServerID
	chains      map[raft.EntryID]uint64 // of every entry that was ever in a log
	history     []slot                  // history[i] is the committed entry i
	committedIn []raft.Term             // the leader's term when it was, and
	committedBy raft.Configuration      // whose quorum has the last of them
	states      map[raft.Index]uint64   // of a state machine that has applied up to there
	digest      uint64
	err         *Violation
}

type vote struct {
	voter raft.ServerID
	term  raft.Term
}

func newObserver() *observer {
	return &observer{
		leaders: map[raft.Term]raft.ServerID{}, votes: map[vote]raft.ServerID{},
		chains: map[raft.EntryID]uint64{}, states: map[raft.Index]uint64{},
	}
}

func (o *observer) bootstrap(config raft.Configuration) {
	o.history, o.committedIn = []slot{{config: &config}}, []raft.Term{0}
}

// prefix returns the committed log up to last.
func (o *observer) prefix(last raft.Index) []slot {
	if int(last) >= len(o.history) {
		o.fail("a snapshot ends at %d, but only %d is committed", last, len(o.history)-1)
		last = raft.Index(len(o.history) - 1)
	}
	return slices.Clone(o.history[:last+1])
}

func (o *observer) fail(format string, args ...any) {
	if o.err == nil {
		name, _, _ := strings.Cut(format, ": ")
		o.err = &Violation{Invariant: name, Text: fmt.Sprintf(format, args...)}
	}
}

func (o *observer) check(ok bool, format string, args ...any) {
	if !ok {
		o.fail(format, args...)
	}
}

// started checks that a process begins with exactly what its disk holds.
func (o *observer) started(s *server) {
	st := s.raft.Status()
	last := s.log[len(s.log)-1]
	o.check(raft.HardState{CurrentTerm: st.Term, VotedFor: st.VotedFor} == s.disk.hard,
		"%s starts with term %d and vote %q, its disk has %+v", s.id, st.Term, st.VotedFor, s.disk.hard)
	o.check(st.Last == last.EntryID, "%s starts with a log up to %v, its disk has %v", s.id, st.Last, last.EntryID)
	o.check(sameConfig(st.Config, *last.config), "%s starts with %v, its log says %v", s.id, st.Config, *last.config)
	s.seen = st
}

// observe looks at a server after it was asked for its effects.
func (c *cluster) observe(s *server, p raft.Persist) {
	o, before, after := c.observer, s.seen, s.raft.Status()
	s.seen = after
	o.digest = fold(fold(o.digest, []byte(s.id)...), uint64(c.now), uint64(after.Role), uint64(after.Term),
		uint64(after.CommitIndex), uint64(after.LastApplied), uint64(after.Stable), uint64(after.Last.Index))
	if after.Role == raft.Leader && (before.Role != raft.Leader || before.Term != after.Term) {
		o.elected(s, after) // before its first entry is looked at
		c.countElection(s, before, after)
	}
	c.observeLog(s, p, before, after)
	if o.err == nil {
		o.checkMonotone(s, before, after)
		c.checkCommitted(s, before, after)
		c.checkProgress(s, before, after)
	}
}

// elected checks Election Safety: at most one leader can be elected in a given
// term, over all time. And Leader Completeness: if a log entry is committed in a
// given term, then that entry will be present in the logs of the leaders for all
// higher-numbered terms.
func (o *observer) elected(s *server, st raft.Status) {
	other, taken := o.leaders[st.Term]
	o.check(!taken, "Election Safety: %s and %s both lead term %d", other, s.id, st.Term)
	o.leaders[st.Term] = s.id
	for i := len(o.history) - 1; i > 0; i-- {
		if o.committedIn[i] < st.Term {
			o.check(i < len(s.log) && s.log[i].chain == o.history[i].chain,
				"Leader Completeness: %s leads term %d without entry %v, committed in term %d", s.id, st.Term, o.history[i].EntryID, o.committedIn[i])
			return
		}
	}
}

// observeLog follows the server's log by what it hands out to be saved.
func (c *cluster) observeLog(s *server, p raft.Persist, before, after raft.Status) {
	o := c.observer
	if p.Snapshot != nil {
		last := p.Snapshot.LastIncludedIndex
		s.log = o.prefix(last)
		o.check(p.Snapshot.ID() == s.log[len(s.log)-1].EntryID, "%s installs the snapshot %v, not of the committed log", s.id, p.Snapshot.ID())
		config := *s.log[len(s.log)-1].config
		o.check(sameConfig(p.Snapshot.Config, config), "%s installs a snapshot with %v, the log up to %d says %v", s.id, p.Snapshot.Config, last, config)
	}
	if len(p.Entries) > 0 {
		first := p.Entries[0].Index
		if o.check(int(first) <= len(s.log), "%s has entry %d but not %d", s.id, first, len(s.log)); o.err != nil {
			return
		}
		if int(first) < len(s.log) {
			c.counts[Truncated]++
			o.check(!(before.Role == raft.Leader && after.Role == raft.Leader && before.Term == after.Term),
				"Leader Append-Only: %s, leader of term %d, replaces entry %d", s.id, after.Term, first)
		}
		s.log = extend(s.log, p.Entries)
		for i := int(first); i < len(s.log); i++ {
			o.checkEntry(s, i, after)
		}
	}
	last := s.log[len(s.log)-1]
	o.check(after.Last == last.EntryID, "%s has a log up to %v, it handed out %v", s.id, after.Last, last.EntryID)
	o.check(last.Term <= after.Term, "%s in term %d has an entry of term %d", s.id, after.Term, last.Term)
	o.check(sameConfig(after.Config, *last.config), "%s uses %v, the latest in its log is %v", s.id, after.Config, *last.config)
}

// checkEntry checks Log Matching: if two logs contain an entry with the same
// index and term, then the logs are identical in all entries up through the
// given index. And that every entry was made by the leader of its term.
func (o *observer) checkEntry(s *server, i int, st raft.Status) {
	e, prev := s.log[i], s.log[i-1]
	o.check(prev.Term <= e.Term, "%s has an entry of term %d after one of %d", s.id, e.Term, prev.Term)
	if chain, known := o.chains[e.EntryID]; known {
		o.check(chain == e.chain, "Log Matching: the log of %s up to %v is not what another's was", s.id, e.EntryID)
		return
	}
	o.chains[e.EntryID] = e.chain
	o.check(o.leaders[e.Term] == s.id, "%s made entry %v, but %q led that term", s.id, e.EntryID, o.leaders[e.Term])
	o.check(e.Config == nil || prev.configAt <= st.CommitIndex, "%s has two uncommitted configurations, at %d and %d", s.id, prev.configAt, e.Index)
}

func (o *observer) configProposed(s *server, st raft.Status) {
	o.check(st.ConfigIndex <= st.CommitIndex && !st.Config.Joint(), "%s starts a second membership change", s.id)
	o.check(o.history[min(int(st.CommitIndex), len(o.history)-1)].Term == st.Term,
		"%s changes the membership before it has committed an entry of its term", s.id)
}

func (o *observer) checkMonotone(s *server, before, after raft.Status) {
	o.check(after.Term >= before.Term && after.CommitIndex >= before.CommitIndex && after.LastApplied >= before.LastApplied,
		"%s goes back: term %d to %d, commitIndex %d to %d, lastApplied %d to %d", s.id,
		before.Term, after.Term, before.CommitIndex, after.CommitIndex, before.LastApplied, after.LastApplied)
	o.check(after.LastApplied <= after.CommitIndex && after.CommitIndex <= after.Last.Index && after.Stable <= after.Last.Index,
		"%s has lastApplied %d, commitIndex %d, stable %d, last %d", s.id, after.LastApplied, after.CommitIndex, after.Stable, after.Last.Index)
	o.check(after.FirstIndex <= after.Snapshot.LastIncludedIndex+1 && after.Snapshot.LastIncludedIndex <= after.CommitIndex,
		"%s has a log from %d, a snapshot up to %d, commitIndex %d", s.id, after.FirstIndex, after.Snapshot.LastIncludedIndex, after.CommitIndex)
}

// checkCommitted checks State Machine Safety at its root: nobody believes
// committed what differs from what was; and what a leader commits is an entry of
// its own term on the disks of a quorum, of both majorities if it is joint.
func (c *cluster) checkCommitted(s *server, before, after raft.Status) {
	o, n := c.observer, after.CommitIndex
	for i := before.CommitIndex + 1; i <= n; i++ {
		if int(i) == len(o.history) {
			o.check(before.Role == raft.Leader, "%s, a %v, is the first to know that %v is committed", s.id, before.Role, s.log[i].EntryID)
			o.check(s.log[n].Term == before.Term, "%s commits %v in term %d by counting replicas", s.id, s.log[n].EntryID, before.Term)
			o.check(c.isOnQuorum(before.Config, n, s.log[n].chain), "%s commits %v, which is not durable on a quorum", s.id, s.log[n].EntryID)
			for _, e := range s.log[i : n+1] { // with the configuration that the observer knows
				o.history = extend(o.history, []raft.Entry{e.Entry})
			}
			o.committedBy = before.Config
			o.committedIn = append(o.committedIn, slices.Repeat([]raft.Term{before.Term}, int(n-i+1))...)
		}
		o.check(s.log[i].chain == o.history[i].chain, "State Machine Safety: %s commits %v where %v is committed", s.id, s.log[i].EntryID, o.history[i].EntryID)
	}
}

// checkKept checks that what is committed stays on the disks of the quorum that
// made it so, whatever is written to a disk later.
func (c *cluster) checkKept(s *server) {
	o, last := c.observer, len(c.observer.history)-1
	o.check(last == 0 || c.isOnQuorum(o.committedBy, raft.Index(last), o.history[last].chain),
		"%s writes to its disk, and entry %d, which is committed, is no longer on a quorum", s.id, last)
}

// isOnQuorum counts disks, not opinions. It is written out a second time here
// so that a mistake in the core's quorumMin is not repeated.
func (c *cluster) isOnQuorum(config raft.Configuration, i raft.Index, chain uint64) bool {
	majority := func(ids []raft.ServerID) bool {
		n := 0
		for _, id := range ids {
			if log := c.server(id).disk.log; int(i) < len(log) && log[i].chain == chain {
				n++
			}
		}
		return 2*n > len(ids)
	}
	return majority(config.Voters) && (len(config.Old) == 0 || majority(config.Old))
}

// checkProgress checks what a leader believes of the others' logs. One that has
// moved on to a later term may have replaced entries since.
func (c *cluster) checkProgress(s *server, before, after raft.Status) {
	o := c.observer
	for _, p := range after.Peers {
		f, i := c.server(p.ID), p.MatchIndex
		o.check(p.NextIndex > i, "%s has nextIndex %d, matchIndex %d for %s", s.id, p.NextIndex, i, p.ID)
		o.check(f.disk.hard.CurrentTerm > after.Term || int(i) < len(f.disk.log) && f.disk.log[i].chain == s.log[i].chain,
			"%s believes that %s's disk agrees up to %d", s.id, p.ID, i)
		at := slices.IndexFunc(before.Peers, func(q raft.PeerStatus) bool { return q.ID == p.ID })
		o.check(at < 0 || before.Term != after.Term || before.Peers[at].MatchIndex <= i,
			"%s lowers matchIndex of %s to %d", s.id, p.ID, i)
	}
}

// applied checks State Machine Safety: if a server has applied a log entry at a
// given index to its state machine, no other server will ever apply a different
// log entry for the same index.
func (o *observer) applied(s *server) {
	m := &s.machine
	o.check(int(m.applied) < len(s.disk.log), "%s has applied up to %d, its disk has %d", s.id, m.applied, len(s.disk.log)-1)
	if state, known := o.states[m.applied]; known {
		o.check(state == m.state, "State Machine Safety: the state of %s at %d is not another's", s.id, m.applied)
	}
	o.states[m.applied] = m.state
	unknown := len(m.config.Voters) == 0 // see wantsSnapshot
	o.check(int(m.applied) < len(o.history) && (unknown || sameConfig(m.config, *o.history[m.applied].config)),
		"%s has applied up to %d, its configuration there is %v", s.id, m.applied, m.config)
}

func sameConfig(a, b raft.Configuration) bool {
	return slices.Equal(a.Voters, b.Voters) && slices.Equal(a.Old, b.Old) && slices.Equal(a.Learners, b.Learners)
}
