package raft

import "slices"

// rules applies the Rules for Servers that do not wait for a
// message or a tick. Handlers only record what they learn; every decision
// that depends on it is made here, in one place and one order, so that no
// handler has to go on after the ground has moved under it.
func (r *Raft) rules() {
	if r.role == PreCandidate && r.hasWon() {
		r.startElection()
	}
	if r.role == Candidate && r.hasWon() {
		r.becomeLeader()
	}
	if r.role == Leader {
		r.advanceCommitIndex()
		r.advanceConfig()
	}
	if r.role == Leader {
		r.advanceReads()
		r.advanceTransfer()
		r.replicate()
	}
}

// hasWon: if votes received from majority of servers: become leader. A
// candidate's own vote is a promise like any other, and counts once it is
// durable; so every leader's term is durable, and its requests need not wait
// (Figure 2, §5.2).
func (r *Raft) hasWon() bool {
	return r.config.hasQuorum(func(id ServerID) bool {
		if id == r.cfg.ID && r.role == Candidate && r.durable != r.hardState() {
			return false
		}
		return slices.Contains(r.votes, id)
	})
}

// advanceCommitIndex: if there exists an N such that N > commitIndex, a
// majority of matchIndex[i] ≥ N, and log[N].term == currentTerm: set
// commitIndex = N (§5.3, §5.4.2).
func (r *Raft) advanceCommitIndex() {
	// Only what the leader has written to its own disk counts (thesis §10.2.1).
	r.leader.progress[r.cfg.ID].matchIndex = r.stable
	n := quorumMin(r.config, func(id ServerID) Index { return r.leader.progress[id].matchIndex })
	if t, _ := r.log.term(n); n > r.commitIndex && t == r.currentTerm {
		r.commitTo(n)
	}
	if !r.cfg.LazyCommit {
		r.leader.spread = r.commitIndex
	}
}

// advanceConfig moves a membership change on once its entry is committed. Once
// C-old,new has been committed, the leader creates a log entry describing C-new,
// whoever began the change (§6, thesis §4.3). A leader that is removed from the
// configuration steps down once the C-new entry is committed (thesis §4.2.2).
//
// Departure: a removed leader sends the most up-to-date voter TimeoutNow before it
// steps down, so that the cluster need not wait for an election timeout.
func (r *Raft) advanceConfig() {
	switch {
	case r.configIndex > r.commitIndex:
		return
	case r.config.Joint():
		next := Configuration{Voters: r.config.Voters, Learners: r.config.Learners}
		r.appendAsLeader(Entry{Config: &next})
	case !r.config.IsVoter(r.cfg.ID):
		r.tracef("no longer a voter: stepping down")
		r.send(r.mostUpToDate(), TimeoutNow{})
		r.becomeFollower(r.currentTerm, None)
	}
}

// advanceReads issues a new round of heartbeats for all reads that have come
// since the last, once that is over, and waits for acknowledgments from a majority
// of the cluster: no newer leader can have existed when the round began (thesis
// §6.4, step 3).
func (r *Raft) advanceReads() {
	confirmed := r.quorumRound()
	if n := len(r.leader.reads); n > 0 && r.leader.reads[n-1].round > r.leader.round && confirmed == r.leader.round {
		r.leader.round++
		confirmed = r.quorumRound()
	}
	for len(r.leader.reads) > 0 && r.leader.reads[0].round <= confirmed {
		rd := r.leader.reads[0]
		r.leader.reads = r.leader.reads[1:]
		if rd.from == r.cfg.ID {
			r.out.Reads = append(r.out.Reads, rd.Read)
		} else {
			r.send(rd.from, ReadIndexResponse(rd.Read))
		}
	}
}

// quorumRound returns the latest round of heartbeats that a quorum has answered.
func (r *Raft) quorumRound() uint64 {
	r.leader.progress[r.cfg.ID].ackedRound = r.leader.round
	return quorumMin(r.config, func(id ServerID) uint64 { return r.leader.progress[id].ackedRound })
}

// advanceTransfer: the prior leader fully updates the target server's log to
// match its own, using normal log replication, and then sends a TimeoutNow
// request to the target server (thesis §3.10, steps 2 and 3).
func (r *Raft) advanceTransfer() {
	to := r.leader.transferee
	if p := r.leader.progress[to]; p != nil && !r.leader.transferIsSent && p.matchIndex == r.log.lastIndex() {
		r.leader.transferIsSent = true
		r.send(to, TimeoutNow{})
	}
}

// replicate: if last log index ≥ nextIndex for a follower: send AppendEntries
// RPC with log entries starting at nextIndex (§5.3). It also spreads a new
// commitIndex and, as heartbeat, a new round. Entries go to all servers in both
// configurations (thesis §4.3), and to learners (thesis §4.2.1).
func (r *Raft) replicate() {
	for _, id := range r.config.Servers() {
		if id == r.cfg.ID {
			continue
		}
		for p := r.leader.progress[id]; r.isDue(p); {
			r.sendAppendEntries(id, p)
		}
	}
}

// isDue reports whether a follower should be sent an AppendEntries now.
func (r *Raft) isDue(p *progress) bool {
	switch {
	case p.sentRound < r.leader.round:
		return true
	case p.snapshot != 0:
		return false
	case p.probing:
		return !p.waiting
	default:
		return p.sentCommit < r.leader.spread || r.hasRoom(p)
	}
}
