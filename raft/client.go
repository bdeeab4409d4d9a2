package raft

import (
	"errors"
	"slices"
)

// What the client inputs answer when they cannot be served. None of them has
// had any effect.
var (
	ErrNotLeader      = errors.New("raft: not the leader")
	ErrNoLeader       = errors.New("raft: no leader is known")
	ErrBusy           = errors.New("raft: too many uncommitted entries")
	ErrTransferring   = errors.New("raft: leadership is being transferred")
	ErrConfigInFlight = errors.New("raft: a configuration change is in progress")
	ErrInvalidConfig  = errors.New("raft: a configuration needs at least one voter, and each server once")
	ErrNotVoter       = errors.New("raft: the server is not another voter")
)

// Propose: if command received from client: append entry to local log; the caller
// responds after entry applied to state machine (Figure 2, §5.3). The proposal is
// decided when an entry with the returned index is committed; it succeeded if
// that entry also has the returned term.
//
// Errors: ErrNotLeader, ask the leader; ErrTransferring and ErrBusy, try later.
func (r *Raft) Propose(command []byte) (EntryID, error) {
	switch {
	case r.role != Leader:
		return EntryID{}, ErrNotLeader
	case r.leader.transferee != None:
		// 1. The prior leader stops accepting new client requests (thesis §3.10).
		return EntryID{}, ErrTransferring
	case r.log.fills(r.cfg.MaxUncommitted, r.commitIndex+1, r.log.lastIndex()):
		return EntryID{}, ErrBusy
	}
	return r.appendAsLeader(Entry{Command: command}), nil
}

// pendingRead waits for a round of heartbeats to confirm that no newer leader
// existed when the read arrived.
type pendingRead struct {
	Read
	from  ServerID
	round uint64
}

// ReadIndex starts a linearizable read on any server (thesis §6.4). It is
// answered in Effects.Reads under the same id, which this server must never
// have used, not even before a restart; or never, if a message or leadership is
// lost: then start it again. The caller waits for its state machine to advance
// at least as far as Read.Index, and issues the query (steps 4 and 5).
//
// Errors: ErrNoLeader, try later.
func (r *Raft) ReadIndex(id uint64) error {
	switch {
	case r.role == Leader:
		r.startRead(r.cfg.ID, id)
	case r.leaderID != None:
		r.send(r.leaderID, ReadIndexRequest{ID: id})
	default:
		return ErrNoLeader
	}
	return nil
}

// handleReadIndexRequest: the leader does steps 1 to 3 for a follower (thesis §6.4).
func (r *Raft) handleReadIndexRequest(m Message, req ReadIndexRequest) {
	if r.role == Leader {
		r.startRead(m.From, req.ID)
	}
}

// startRead saves the current value of commitIndex as the index that the read
// must see (thesis §6.4, step 2).
//
// Departure: if the leader has not yet marked an entry from its current term
// committed, the read takes the index of the first such entry and goes on, where
// step 1 waits. All that was committed before the term precedes that entry.
func (r *Raft) startRead(from ServerID, id uint64) {
	index := max(r.commitIndex, r.leader.termStart)
	r.leader.reads = append(r.leader.reads, pendingRead{Read{id, index}, from, r.leader.round + 1})
}

// TransferLeadership hands leadership to the given voter, or if that is None to
// the most up-to-date one (thesis §3.10). Meanwhile no proposals are accepted,
// neither of commands nor of configurations. It is abandoned after an election timeout.
//
// Errors: ErrNotLeader; ErrNotVoter.
func (r *Raft) TransferLeadership(to ServerID) error {
	if r.role != Leader {
		return ErrNotLeader
	}
	if to == None {
		to = r.mostUpToDate()
	}
	if !r.config.IsVoter(to) || to == r.cfg.ID {
		return ErrNotVoter
	}
	r.tracef("handing leadership over to %s", to)
	r.leader.transferee, r.leader.transferTicks, r.leader.transferIsSent = to, 0, false
	return nil
}

// mostUpToDate returns the other voter whose log agrees furthest with ours.
func (r *Raft) mostUpToDate() (best ServerID) {
	var match Index
	for _, id := range r.config.Servers() {
		p := r.leader.progress[id]
		if id != r.cfg.ID && r.config.IsVoter(id) && (best == None || p.matchIndex > match) {
			best, match = id, p.matchIndex
		}
	}
	return best
}

// Leadership returns the server's role, its term and the leader of that term,
// None if unknown.
func (r *Raft) Leadership() (Role, Term, ServerID) { return r.role, r.currentTerm, r.leaderID }

// Status is a view of a server for people, tests and operators.
type Status struct {
	ID          ServerID
	Role        Role
	Term        Term
	VotedFor    ServerID
	Leader      ServerID // None: unknown
	FirstIndex  Index    // of the log that is kept
	Last        EntryID
	Stable      Index // the log is on stable storage up to here
	CommitIndex Index
	LastApplied Index // handed to the state machine
	Snapshot    SnapshotMeta
	Config      Configuration
	ConfigIndex Index
	Transferee  ServerID
	DiskWait    int  // ticks that stable storage has owed an answer
	DiskStuck   bool // for so long that this server neither leads nor stands for election
	Peers       []PeerStatus
}

// PeerStatus is what a leader knows of another server.
type PeerStatus struct {
	ID           ServerID
	MatchIndex   Index
	NextIndex    Index
	State        string // probe, replicate or snapshot
	SinceContact int    // ticks since it last answered; before it ever did, an election timeout and more
}

// Status returns the present state. It shares nothing with r.
func (r *Raft) Status() Status {
	s := Status{
		ID: r.cfg.ID, Role: r.role, Term: r.currentTerm, VotedFor: r.votedFor, Leader: r.leaderID,
		FirstIndex: r.log.firstIndex(), Last: r.log.last(), Stable: r.stable,
		CommitIndex: r.commitIndex, LastApplied: r.lastApplied, Snapshot: r.log.snapshot,
		Config: r.config.clone(), ConfigIndex: r.configIndex,
		Transferee: r.leader.transferee, DiskWait: r.diskWait, DiskStuck: r.diskIsStuck(),
	}
	if r.role != Leader {
		return s
	}
	for _, id := range r.config.Servers() {
		if id != r.cfg.ID {
			s.Peers = append(s.Peers, r.leader.progress[id].status(id))
		}
	}
	return s
}

func (p *progress) status(id ServerID) PeerStatus {
	state := "replicate"
	switch {
	case p.snapshot != 0:
		state = "snapshot"
	case p.probing:
		state = "probe"
	}
	return PeerStatus{id, p.matchIndex, p.nextIndex, state, p.silent}
}

func (c Configuration) clone() Configuration {
	return Configuration{slices.Clone(c.Voters), slices.Clone(c.Old), slices.Clone(c.Learners)}
}
