package raft

import (
	"fmt"
	"slices"
)

// Role is the part that a server plays in its current term (§5.1, Figure 4).
type Role uint8

const (
	Follower     Role = iota
	PreCandidate      // asks whether it could win an election (thesis §9.6)
	Candidate
	Leader
)

func (r Role) String() string {
	return [...]string{"follower", "pre-candidate", "candidate", "leader"}[r]
}

// Limit bounds a run of entries. A zero field is no bound.
type Limit struct {
	Entries int
	Bytes   int
}

// Config fixes what never changes while a server runs. Times are in ticks.
type Config struct {
	ID             ServerID
	ElectionTicks  int    // minimum election timeout; the actual one is drawn from [n, 2n) (§5.2)
	HeartbeatTicks int    // several fit into ElectionTicks, so that a lost one deposes nobody
	MaxAppend      Limit  // of one AppendEntries
	MaxInflight    Limit  // sent to a follower and not acknowledged
	MaxUncommitted Limit  // in the leader's log; Propose returns ErrBusy past it
	LazyCommit     bool   // a new commitIndex waits for a tick, or for entries or a round to travel with (§5.3)
	Seed           uint64 // election timeouts are the only random thing in Raft
	Trace          bool   // say in Effects.Trace why each step did what it did
}

// Raft is one server. Its fields follow the State box of Figure 2.
type Raft struct {
	cfg  Config
	rand prng

	// Persistent state on all servers. Updated on stable storage before
	// responding to RPCs: see Effects.
	currentTerm Term
	votedFor    ServerID
	log         log

	// Volatile state on all servers.
	commitIndex Index
	lastApplied Index

	// The latest configuration in the log, committed or not (§6).
	config      Configuration
	configIndex Index

	role     Role
	leaderID ServerID   // so follower can redirect clients
	votes    []ServerID // who grants a candidate its vote, or a pre-candidate the prospect of it
	leader   leaderState

	elapsed int // ticks since the election timer was reset; on a leader, since it last checked its quorum
	timeout int // election timeout drawn for this round
	unheard int // ticks since a current leader was last heard from

	answeredRound uint64 // the last round of heartbeats that was acknowledged

	// What is on stable storage, and what is on its way there.
	durable  HardState // on stable storage
	stable   Index     // the log is on stable storage up to here
	handed   HardState // last handed out in a Persist
	saving   Index     // entries up to here have been handed out in a Persist
	batches  []batch   // handed out, not yet Persisted
	seq      uint64    // of the last batch
	diskWait int       // ticks since the disk last answered, while batches is not empty

	restore *SnapshotMeta // installed; the state machine gets it once it is durable
	out     Effects       // under construction
}

// New returns a server restored from what stable storage held.
func New(cfg Config, saved Saved) *Raft {
	r := &Raft{cfg: cfg, rand: prng(cfg.Seed)}
	r.currentTerm, r.votedFor = saved.HardState.CurrentTerm, saved.HardState.VotedFor
	r.durable, r.handed = saved.HardState, saved.HardState
	r.log = newLog(saved.Snapshot, saved.Entries)
	r.commitIndex = saved.Snapshot.LastIncludedIndex
	r.lastApplied = saved.Snapshot.LastIncludedIndex
	r.stable, r.saving = r.log.lastIndex(), r.log.lastIndex()
	r.config, r.configIndex = r.log.latestConfig()
	r.unheard = cfg.ElectionTicks
	r.resetElectionTimer()
	return r
}

// Tick advances time by one tick.
func (r *Raft) Tick() {
	r.elapsed++
	r.unheard++
	if len(r.batches) > 0 {
		r.diskWait++
	}
	switch {
	case r.role == Leader:
		r.tickLeader()
	case r.elapsed >= r.timeout:
		// Followers (Figure 2): if election timeout elapses without receiving
		// AppendEntries RPC from current leader or granting vote to candidate:
		// convert to candidate. Candidates: start new election (§5.2).
		r.startPreVote()
	}
}

// Step hands the server a message from the network.
func (r *Raft) Step(m Message) {
	// All servers (Figure 2): if RPC request or response contains term
	// T > currentTerm: set currentTerm = T, convert to follower (§5.1).
	if m.Term > r.currentTerm {
		r.tracef("term %d from %s is newer than ours", m.Term, m.From)
		r.becomeFollower(m.Term, None)
	}
	// Followers (Figure 2): respond to RPCs from candidates and leaders (§5.2).
	switch body := m.Body.(type) {
	case RequestPreVote:
		r.handleRequestPreVote(m, body)
	case RequestVote:
		r.handleRequestVote(m, body)
	case AppendEntries:
		r.handleAppendEntries(m, body)
	case InstallSnapshot:
		r.handleInstallSnapshot(m, body)
	case ReadIndexRequest:
		r.handleReadIndexRequest(m, body)
	case TimeoutNow:
		r.handleTimeoutNow(m)
	default:
		r.stepResponse(m)
	}
}

// stepResponse handles answers to our own requests. An answer from an earlier
// term concerns a role that we no longer play, so it is dropped.
func (r *Raft) stepResponse(m Message) {
	if m.Term < r.currentTerm {
		return
	}
	switch body := m.Body.(type) {
	case RequestPreVoteResponse:
		r.handleRequestPreVoteResponse(m, body)
	case RequestVoteResponse:
		r.handleRequestVoteResponse(m, body)
	case AppendEntriesResponse:
		r.handleAppendEntriesResponse(m, body)
	case ReadIndexResponse:
		r.out.Reads = append(r.out.Reads, Read(body))
	default:
		panic(fmt.Sprintf("raft: unknown message %T", m.Body))
	}
}

// becomeFollower enters term as a follower of leader, which may be None: a
// server forgets the leader when the term changes, so that no client is sent in
// circles (thesis §6.2). Its votes, reads and transfers end with its role.
func (r *Raft) becomeFollower(term Term, leader ServerID) {
	if term > r.currentTerm {
		r.currentTerm, r.votedFor = term, None
		r.answeredRound = 0 // each leader counts its rounds from 1
	}
	if r.role == Leader {
		r.resetElectionTimer() // a leader's is the time since it last checked its quorum
	}
	r.role, r.leaderID = Follower, leader
	r.votes, r.leader = nil, leaderState{}
}

// resetElectionTimer: election timeouts are chosen randomly from a fixed interval (§5.2).
func (r *Raft) resetElectionTimer() {
	r.elapsed = 0
	r.timeout = r.cfg.ElectionTicks + r.rand.intn(r.cfg.ElectionTicks)
}

// heardFromLeader records a sign of life from the leader of this term. Candidates
// (Figure 2): if AppendEntries RPC received from new leader: convert to follower (§5.2).
func (r *Raft) heardFromLeader(id ServerID) {
	if r.role == Leader {
		panic(fmt.Sprintf("raft: Election Safety: %s and %s both lead term %d", r.cfg.ID, id, r.currentTerm))
	}
	r.becomeFollower(r.currentTerm, id)
	r.resetElectionTimer()
	r.unheard = 0
}

func (r *Raft) hardState() HardState { return HardState{r.currentTerm, r.votedFor} }

// send sends body in the current term: at once if it promises nothing that is
// not on stable storage yet, else together with what it promises.
func (r *Raft) send(to ServerID, body Body) {
	m := Message{From: r.cfg.ID, To: to, Term: r.currentTerm, Body: body}
	if r.promiseIsDurable(body) {
		r.out.Messages = append(r.out.Messages, m)
	} else {
		r.out.Persist.Messages = append(r.out.Persist.Messages, m)
	}
}

// promiseIsDurable: every message promises our term and our vote in it, and an
// acknowledgement promises entries too. A leader's requests promise no entries:
// the leader can write to its disk in parallel with replicating to the followers
// (thesis §10.2.1).
func (r *Raft) promiseIsDurable(body Body) bool {
	ack, ok := body.(AppendEntriesResponse)
	return r.durable == r.hardState() && !(ok && ack.Success && ack.Match.Index > r.stable)
}

// diskIsStuck reports that stable storage has not answered for so long that this
// server had better not lead. It leaves room for a disk that is only slow: a new
// file of the log costs four syncs, and each may take an election timeout.
//
// Departure: a server whose disk is stuck neither stands for election nor stays
// leader. A leader's requests do not wait for its disk, so nobody else would notice.
func (r *Raft) diskIsStuck() bool { return r.diskWait >= 6*r.cfg.ElectionTicks }

// tracef says why the server did what it did. The sentence is the comment.
func (r *Raft) tracef(format string, args ...any) {
	if r.cfg.Trace {
		r.out.Trace = append(r.out.Trace, fmt.Sprintf(format, args...))
	}
}

// Clone returns a copy that shares nothing with r that either could change: a
// Raft is a value, so that a run can be rewound and explored.
func (r *Raft) Clone() *Raft {
	c := *r
	c.log.entries, c.log.sizes = slices.Clip(c.log.entries), slices.Clip(c.log.sizes)
	c.log.configs = slices.Clip(c.log.configs)
	c.votes, c.batches = slices.Clone(r.votes), slices.Clone(r.batches)
	c.out.Messages, c.out.Trace = slices.Clone(r.out.Messages), slices.Clone(r.out.Trace)
	c.out.Persist.Messages, c.out.Reads = slices.Clone(r.out.Persist.Messages), slices.Clone(r.out.Reads)
	c.leader = r.leader.clone(r.tracked())
	return &c
}
