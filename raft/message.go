package raft

// Message is what servers exchange. What every RPC of Figure 2 shares is in
// the envelope: From is its leaderId or candidateId, Term the sender's
// currentTerm, in requests and in answers alike.
//
// Departure: the paper's RPCs are two messages each, either of which may be lost,
// repeated or late; so an answer repeats what there is to know of the request.
type Message struct {
	From, To ServerID
	Term     Term
	Body     Body
}

// Body is one of the types below.
type Body interface{ fields() string }

// RequestVote is invoked by candidates to gather votes (§5.2).
type RequestVote struct {
	LastLogIndex Index
	LastLogTerm  Term
}

// RequestVoteResponse is the answer to RequestVote.
type RequestVoteResponse struct {
	VoteGranted bool
}

// RequestPreVote asks whether a RequestVote for NextTerm would be granted
// (thesis §9.6). It carries the term asked about in the body, and so changes
// nobody's currentTerm.
type RequestPreVote struct {
	NextTerm     Term
	LastLogIndex Index
	LastLogTerm  Term
}

// RequestPreVoteResponse is the answer to RequestPreVote.
type RequestPreVoteResponse struct {
	NextTerm    Term // echoed
	VoteGranted bool
}

// AppendEntries is invoked by the leader to replicate log entries (§5.3); also
// used as heartbeat (§5.2).
//
// Departure: rounds of heartbeats are numbered, and an answer counts for its own
// round alone. That its sender followed us when the round began is all it proves:
// it confirms no later read, and no later membership of a server that came back.
type AppendEntries struct {
	PrevLogIndex Index
	PrevLogTerm  Term
	Entries      []Entry
	LeaderCommit Index
	Round        uint64 // echoed, so that the leader can date the answer (thesis §6.4)
}

// AppendEntriesResponse is the answer to AppendEntries and to InstallSnapshot.
//
// Departure: a follower says where the logs may agree, and not only that they do
// not, so that both sides skip a term at a time, much as the end of §5.3 suggests.
type AppendEntriesResponse struct {
	Success bool
	// Match is, on success, the last entry known to agree with the leader's
	// log; on failure, the follower's best guess at one that might (§5.3).
	Match        EntryID
	PrevLogIndex Index  // of the request
	Round        uint64 // of the request
}

// InstallSnapshot is invoked by the leader to send a snapshot to a follower
// that is too far behind (§7).
//
// Departure: Figure 13's offset, data and done belong to the transport, which
// streams the snapshot's bytes from disk to disk. This message is stepped at the
// receiver once all of them are there, and answered like an AppendEntries.
type InstallSnapshot struct {
	Snapshot SnapshotMeta
	Round    uint64
}

// ReadIndexRequest asks the leader, on behalf of a read at the sender, for the
// index that the read must see (thesis §6.4).
type ReadIndexRequest struct {
	ID uint64
}

// ReadIndexResponse is the answer to ReadIndexRequest, once the leader has
// confirmed that it still led when the request arrived.
type ReadIndexResponse struct {
	ID    uint64 // echoed
	Index Index
}

// TimeoutNow tells the target of a leadership transfer to start an election
// at once (thesis §3.10).
type TimeoutNow struct{}
