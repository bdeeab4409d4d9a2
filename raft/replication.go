package raft

// leaderState is the volatile state on leaders, reinitialized after election (Figure 2).
type leaderState struct {
	progress  map[ServerID]*progress
	termStart Index  // the no-op that began this leader's term
	round     uint64 // the latest round of heartbeats (thesis §6.4)
	spread    Index  // a commitIndex up to here is worth a message of its own
	lastRound uint64 // the round at the previous quorum check
	reads     []pendingRead

	transferee     ServerID // leadership is on its way to this server (thesis §3.10)
	transferTicks  int      // since then
	transferIsSent bool     // it has been sent TimeoutNow
}

// progress is what a leader knows of one server, itself included.
type progress struct {
	nextIndex  Index
	matchIndex Index
	ackedRound uint64
	firstRound uint64 // answers to earlier rounds belong to an earlier membership

	// While the leader does not know where the logs agree it sends one
	// AppendEntries at a time; after that it streams them.
	probing  bool
	waiting  bool  // a probe is on its way
	sent     Index // the last entry that was sent
	snapshot Index // a snapshot up to here is on its way; 0: none

	sentCommit Index
	sentRound  uint64
	silent     int // ticks since it last answered; before it ever did, an election timeout and more
}

func (l leaderState) clone(ids []ServerID) leaderState {
	if l.progress == nil {
		return l
	}
	copies := map[ServerID]*progress{}
	for _, id := range ids {
		p := *l.progress[id]
		copies[id] = &p
	}
	l.progress = copies
	l.reads = append([]pendingRead(nil), l.reads...)
	return l
}

// becomeLeader: upon election: send initial empty AppendEntries RPCs (heartbeat) to
// each server (Figure 2, §5.2). To track them begins a round, and replicate sends it.
//
// Departure: the initial heartbeat of Figure 2 is not empty: it brings the no-op.
func (r *Raft) becomeLeader() {
	r.tracef("elected leader of term %d", r.currentTerm)
	r.role, r.leaderID = Leader, r.cfg.ID
	r.elapsed = 0
	r.votes, r.leader = nil, leaderState{}
	r.trackServers()
	// A leader has all committed entries, but does not know which those are.
	// To find out, it commits a blank no-op entry at the start of its term (§8).
	r.leader.termStart = r.appendAsLeader(Entry{}).Index
}

// trackServers makes progress agree with the configuration: nextIndex is
// initialized to leader last log index + 1, matchIndex to 0 (Figure 2). It always
// holds the leader itself, which may manage a cluster that does not include
// itself; then it does not count itself in majorities (§6, thesis §4.2.2).
// A server that comes, or comes back, starts from nothing: what it answered to
// earlier rounds, perhaps before it was removed, does not count.
func (r *Raft) trackServers() {
	r.leader.round++
	old := r.leader.progress
	r.leader.progress = map[ServerID]*progress{}
	for _, id := range r.tracked() {
		p := old[id]
		if p == nil {
			p = &progress{nextIndex: r.log.lastIndex() + 1, probing: true, firstRound: r.leader.round, silent: r.cfg.ElectionTicks}
		}
		r.leader.progress[id] = p
	}
}

// tracked returns the servers that a leader keeps progress of.
func (r *Raft) tracked() []ServerID { return append(r.config.Servers(), r.cfg.ID) }

// appendAsLeader appends e to the leader's log, as the next entry of its term.
func (r *Raft) appendAsLeader(e Entry) EntryID {
	e.EntryID = EntryID{r.log.lastIndex() + 1, r.currentTerm}
	r.log.add([]Entry{e})
	if e.Config != nil {
		// A server always uses the latest configuration in its log, regardless
		// of whether the entry is committed (§6, thesis §4.1).
		r.config, r.configIndex = *e.Config, e.Index
		r.tracef("configuration %v from %d on", r.config, e.Index)
		r.trackServers()
	}
	return e.EntryID
}

// tickLeader sends heartbeats: repeat during idle periods to prevent election
// timeouts (Figure 2, §5.2). A leader steps down if an election timeout elapses
// without a successful round of heartbeats to a majority (thesis §6.2).
//
// Departure: a leader looks once in an election timeout, so that up to two may have
// elapsed before it steps down.
func (r *Raft) tickLeader() {
	r.leader.spread = r.commitIndex
	for _, id := range r.config.Servers() {
		r.leader.progress[id].silent++
	}
	if r.leader.transferTicks++; r.leader.transferTicks >= r.cfg.ElectionTicks {
		// If leadership transfer does not complete after about an election
		// timeout, the prior leader aborts the transfer (thesis §3.10).
		r.leader.transferee = None
	}
	if r.elapsed%r.cfg.HeartbeatTicks == 0 {
		r.leader.round++
	}
	if r.elapsed < r.cfg.ElectionTicks {
		return
	}
	r.elapsed = 0
	switch {
	case r.quorumRound() < r.leader.lastRound:
		r.tracef("no quorum answered round %d: stepping down", r.leader.lastRound)
		r.becomeFollower(r.currentTerm, None)
	case r.diskIsStuck():
		r.tracef("our disk does not answer: stepping down")
		r.becomeFollower(r.currentTerm, None)
	default:
		r.leader.lastRound = r.leader.round
	}
}

// sendAppendEntries sends the follower the entries from nextIndex on, or none
// if too many are in flight. Either way prevLogIndex names the entry that the
// leader believes comes before, so that even a heartbeat finds out whether
// earlier entries were lost.
func (r *Raft) sendAppendEntries(to ServerID, p *progress) {
	p.sentCommit, p.sentRound = r.commitIndex, r.leader.round
	prev := p.nextIndex - 1
	prevTerm, ok := r.log.term(prev)
	if p.snapshot == 0 && !ok {
		r.sendInstallSnapshot(to, p)
	}
	if p.snapshot != 0 {
		// All logs agree before their first entry: a heartbeat and no more.
		r.send(to, AppendEntries{Round: r.leader.round})
		return
	}
	req := AppendEntries{PrevLogIndex: prev, PrevLogTerm: prevTerm, LeaderCommit: r.commitIndex, Round: r.leader.round}
	if r.hasRoom(p) {
		hi := r.log.within(r.cfg.MaxAppend, p.nextIndex, r.log.lastIndex())
		req.Entries = append([]Entry(nil), r.log.slice(p.nextIndex, hi)...)
		p.sent = hi
		if !p.probing {
			// Pipelining: nextIndex moves on before the answer has come (thesis §10.2.2).
			p.nextIndex = hi + 1
		}
	}
	p.waiting = p.probing
	r.send(to, req)
}

// hasRoom reports whether there are entries to send and the follower's window
// has room for them. A probe is one AppendEntries at a time.
func (r *Raft) hasRoom(p *progress) bool {
	switch {
	case p.nextIndex > r.log.lastIndex():
		return false
	case p.probing:
		return !p.waiting
	}
	return !r.log.fills(r.cfg.MaxInflight, p.matchIndex+1, p.nextIndex-1)
}

// handleAppendEntries is the AppendEntries receiver of Figure 2. It accepts a leader
// that is not part of the server's latest configuration (thesis §4.1).
func (r *Raft) handleAppendEntries(m Message, req AppendEntries) {
	// 1. Reply false if term < currentTerm (§5.1).
	if m.Term < r.currentTerm {
		r.send(m.From, AppendEntriesResponse{})
		return
	}
	r.heardFromLeader(m.From)

	// 2. Reply false if log doesn't contain an entry at prevLogIndex whose
	// term matches prevLogTerm (§5.3).
	prev := EntryID{req.PrevLogIndex, req.PrevLogTerm}
	if !r.log.matches(prev) {
		r.tracef("entry %v is not in our log", prev)
		r.send(m.From, AppendEntriesResponse{Match: r.log.guess(prev), PrevLogIndex: prev.Index, Round: req.Round})
		return
	}

	// 3. If an existing entry conflicts with a new one, delete it and all
	// that follow it. 4. Append any new entries not already in the log.
	r.appendAsFollower(req.Entries)

	// 5. If leaderCommit > commitIndex, set commitIndex = min(leaderCommit,
	// index of last new entry).
	lastNew := prev
	if n := len(req.Entries); n > 0 {
		lastNew = req.Entries[n-1].EntryID
	}
	r.commitTo(min(req.LeaderCommit, lastNew.Index))
	r.acknowledge(m.From, AppendEntriesResponse{Success: true, Match: lastNew, PrevLogIndex: prev.Index, Round: req.Round})
}

// appendAsFollower also lets the configuration follow the log: if an entry that
// changed it is removed, the server falls back to the previous configuration in
// its log (thesis §4.1).
func (r *Raft) appendAsFollower(entries []Entry) {
	last := r.log.lastIndex()
	first := r.log.append(entries)
	if first == 0 {
		return
	}
	if first <= r.commitIndex {
		panic("raft: State Machine Safety: a leader replaces a committed entry")
	}
	if first <= last {
		r.tracef("entries from %d on conflict with the leader's: replaced", first)
		r.notStableFrom(first)
	}
	r.config, r.configIndex = r.log.latestConfig()
}

// notStableFrom notes that the log from index i on is not, and once the batches
// that are on their way have arrived still will not be, on stable storage.
func (r *Raft) notStableFrom(i Index) {
	r.stable, r.saving = min(r.stable, i-1), min(r.saving, i-1)
	for n := range r.batches {
		r.batches[n].upto = min(r.batches[n].upto, i-1)
	}
}

// acknowledge tells the leader how far our logs agree.
//
// Departure: a follower may answer one AppendEntries twice, at once and when its
// disk has answered. Entries are a promise, and wait; that we heard this round is
// none, and a slow disk must not make a leader believe that it lost its quorum.
func (r *Raft) acknowledge(leader ServerID, ack AppendEntriesResponse) {
	if ack.Match.Index > r.stable && ack.Round != r.answeredRound {
		early := ack
		early.Match.Index = r.stable
		early.Match.Term, _ = r.log.term(r.stable)
		r.send(leader, early)
	}
	r.answeredRound = ack.Round
	r.send(leader, ack)
}

// handleAppendEntriesResponse records how far a follower's log agrees with
// ours (Figure 2, Leaders).
func (r *Raft) handleAppendEntriesResponse(m Message, resp AppendEntriesResponse) {
	p := r.leader.progress[m.From]
	if r.role != Leader || p == nil || resp.Round < p.firstRound {
		return
	}
	p.ackedRound = max(p.ackedRound, resp.Round)
	p.silent = 0
	if resp.Success {
		// If successful: update nextIndex and matchIndex for follower (§5.3).
		// matchIndex increases monotonically (Figure 2), also where answers overtake each other.
		p.matchIndex = max(p.matchIndex, resp.Match.Index)
		p.nextIndex = max(p.nextIndex, p.matchIndex+1)
	}
	switch {
	case p.snapshot > p.matchIndex:
		// Until the snapshot has arrived there is nothing else to learn.
	case resp.Success && p.probing:
		// The logs agree up to the probe, so its entries are as good as there.
		p.nextIndex = max(p.nextIndex, p.sent+1)
		p.probing, p.waiting, p.snapshot = false, false, 0
	case resp.Success:
	case p.probing && resp.PrevLogIndex != p.nextIndex-1:
		// One loss fails all that was streamed after it; the first failure did.
	default:
		// If AppendEntries fails because of log inconsistency: decrement
		// nextIndex and retry (§5.3).
		p.probing, p.waiting = true, false
		guess := r.log.guess(resp.Match)
		p.nextIndex = max(p.matchIndex+1, min(p.nextIndex, guess.Index+1))
	}
}

// commitTo: commitIndex increases monotonically (Figure 2).
func (r *Raft) commitTo(i Index) {
	if i > r.commitIndex {
		r.tracef("committed up to %d", i)
		r.commitIndex = i
	}
}
