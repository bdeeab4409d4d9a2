package raft

// startPreVote asks the others whether they would vote for us: a candidate only
// increments its term if it first learns from a majority of the cluster that
// they would be willing to grant the candidate their votes (thesis §9.6).
//
// Departure: every election begins with a pre-vote, which the thesis offers as an
// extension, except that of a transfer's target.
func (r *Raft) startPreVote() {
	r.resetElectionTimer()
	// A server that is not part of its own latest configuration should still
	// start new elections, as it might still be needed until the C-new entry is
	// committed (thesis §4.2.2). So may a learner that does not know yet that the
	// entry that made it one is committed: harmlessly, as it needs the votes of a
	// quorum like anybody, and would step down again in advanceConfig.
	if !r.config.IsVoter(r.cfg.ID) && r.configIndex <= r.commitIndex {
		return
	}
	if r.diskIsStuck() {
		r.tracef("election timeout, but our disk does not answer")
		return
	}
	r.tracef("election timeout: would we win term %d?", r.currentTerm+1)
	// Followers discard the leader's identity when starting a new election (thesis §6.2).
	r.role, r.leaderID = PreCandidate, None
	r.votes = []ServerID{r.cfg.ID}
	last := r.log.last()
	r.broadcast(RequestPreVote{NextTerm: r.currentTerm + 1, LastLogIndex: last.Index, LastLogTerm: last.Term})
}

// Suspect says that the process of another server is gone. If that led us, its
// silence counts as an election timeout, and of ours no more than half is left, at
// random, lest all stand at once (§5.2). A false suspicion is harmless: those who
// hear the leader refuse the pre-vote (thesis §9.6, thesis §4.2.3).
//
// Departure: a server may stand before its election timeout has elapsed.
func (r *Raft) Suspect(id ServerID) {
	if id == r.leaderID {
		r.tracef("%s is gone, we are told", id)
		r.unheard = max(r.unheard, r.cfg.ElectionTicks)
		r.timeout = min(r.timeout, r.elapsed+1+r.rand.intn(r.cfg.ElectionTicks)/2)
	}
}

// startElection is "on conversion to candidate, start election" (Figure 2):
// increment currentTerm, vote for self, reset election timer, send RequestVote
// RPCs to all other servers (§5.2).
func (r *Raft) startElection() {
	r.currentTerm++
	r.votedFor = r.cfg.ID
	r.resetElectionTimer()
	r.tracef("standing for term %d", r.currentTerm)
	r.role, r.leaderID = Candidate, None
	r.votes = []ServerID{r.cfg.ID}
	last := r.log.last()
	r.broadcast(RequestVote{LastLogIndex: last.Index, LastLogTerm: last.Term})
}

func (r *Raft) broadcast(body Body) {
	for _, id := range r.config.Servers() {
		if id != r.cfg.ID && r.config.IsVoter(id) {
			r.send(id, body)
		}
	}
}

// handleRequestPreVote answers yes if the candidate's log is sufficiently
// up-to-date, and we have not received heartbeats from a valid leader for at
// least a baseline election timeout (thesis §9.6). So servers that were removed,
// and hear no leader any more, do not disrupt the others (§6, thesis §4.2.3).
//
// Departure: who hears a leader refuses pre-votes, where §6 and thesis §4.2.3
// disregard RequestVote itself. Nobody who is refused sends one, and the target
// of a transfer needs no flag to be let through.
func (r *Raft) handleRequestPreVote(m Message, req RequestPreVote) {
	granted := false
	switch {
	case req.NextTerm <= r.currentTerm:
		r.tracef("no pre-vote for %s: term %d is over", m.From, req.NextTerm)
	case r.role == Leader || r.unheard < r.cfg.ElectionTicks:
		r.tracef("no pre-vote for %s: we hear a leader", m.From)
	case !r.isUpToDate(EntryID{req.LastLogIndex, req.LastLogTerm}):
		r.tracef("no pre-vote for %s: its log is behind ours", m.From)
	default:
		granted = true
	}
	r.send(m.From, RequestPreVoteResponse{NextTerm: req.NextTerm, VoteGranted: granted})
}

// handleRequestVote is the RequestVote receiver of Figure 2. A server also grants
// its vote to a candidate that is not part of its latest configuration, and
// whether or not it is a voter in that: it may not have heard yet (thesis §4.1).
func (r *Raft) handleRequestVote(m Message, req RequestVote) {
	granted := false
	switch {
	case m.Term < r.currentTerm:
		// 1. Reply false if term < currentTerm (§5.1).
		r.tracef("no vote for %s: term %d is over", m.From, m.Term)
	case r.votedFor != None && r.votedFor != m.From:
		// 2. If votedFor is null or candidateId,
		r.tracef("no vote for %s: voted for %s", m.From, r.votedFor)
	case !r.isUpToDate(EntryID{req.LastLogIndex, req.LastLogTerm}):
		// and candidate's log is at least as up-to-date as receiver's log,
		r.tracef("no vote for %s: its log is behind ours", m.From)
	default:
		// grant vote (§5.2, §5.4).
		r.tracef("vote for %s in term %d", m.From, m.Term)
		granted = true
		r.votedFor = m.From
		r.resetElectionTimer()
	}
	r.send(m.From, RequestVoteResponse{VoteGranted: granted})
}

// isUpToDate is the election restriction: candidate's log is at least as
// up-to-date as ours. If the logs have last entries with different terms, then the
// log with the later term is more up-to-date; if they end with the same term, then
// whichever log is longer is (§5.4.1).
func (r *Raft) isUpToDate(candidate EntryID) bool {
	ours := r.log.last()
	return candidate.Term > ours.Term || candidate.Term == ours.Term && candidate.Index >= ours.Index
}

func (r *Raft) handleRequestPreVoteResponse(m Message, resp RequestPreVoteResponse) {
	if r.role == PreCandidate && resp.NextTerm == r.currentTerm+1 && resp.VoteGranted {
		r.votes = append(r.votes, m.From)
	}
}

func (r *Raft) handleRequestVoteResponse(m Message, resp RequestVoteResponse) {
	if r.role == Candidate && resp.VoteGranted {
		r.votes = append(r.votes, m.From)
	}
}

// handleTimeoutNow: this request has the same effect as the target server's
// election timer firing: the target server starts a new election (thesis §3.10).
// It does not ask for pre-votes first; the others hear the leader, and would refuse.
func (r *Raft) handleTimeoutNow(m Message) {
	if m.Term == r.currentTerm && r.config.IsVoter(r.cfg.ID) && !r.diskIsStuck() {
		r.tracef("%s hands leadership over to us", m.From)
		r.startElection()
	}
}
