// Package raft is the Raft consensus algorithm, as a pure function of its
// inputs: no clock, no disk, no network, no goroutine.
//
// "§" cites Ongaro and Ousterhout, In Search of an Understandable Consensus
// Algorithm (extended version, 2014); "thesis §" cites Ongaro's dissertation,
// Consensus: Bridging Theory and Practice (2014).
//
// Three ideas carry the code.
//
// Inputs record, rules decide, effects perform. Figure 2 has RPC receivers and
// Rules for Servers. The receivers (handleX) only note what they learn; every
// decision that depends on it is made in [Raft.Effects], by one function,
// rules, in one fixed order; what it asks of the outside is a value, [Effects].
//
// One notion of quorum. quorumMin is the largest value that a quorum has
// reached: of matchIndex it commits (§5.3), of acknowledged rounds it confirms
// reads and leadership (thesis §6.4, thesis §6.2), of zeros and ones it counts votes.
// Joint consensus (§6) is the smaller of two majorities and appears nowhere else.
//
// One durability rule. Nothing that a server promised (a term, a vote, an
// acknowledged entry) may be seen before it is on stable storage. The leader
// need not wait for its own disk before it replicates, but counts its own copy
// only once its disk has answered (thesis §10.2.1).
//
// Figure 2, and where it is:
//
//	currentTerm, votedFor, log[]      Raft.currentTerm, Raft.votedFor, Raft.log
//	commitIndex, lastApplied          Raft.commitIndex, Raft.lastApplied
//	nextIndex[], matchIndex[]         progress.nextIndex, progress.matchIndex
//	stable storage before responding  Raft.send, Raft.promiseIsDurable, Persist, Raft.Persisted
//	AppendEntries: arguments          AppendEntries, Message.Term, Message.From
//	AppendEntries: results            AppendEntriesResponse
//	AppendEntries: rules 1, 2, 5      Raft.handleAppendEntries, log.matches
//	AppendEntries: rules 3, 4         Raft.appendAsFollower, log.append
//	RequestVote: arguments, results   RequestVote, RequestVoteResponse
//	RequestVote: rules 1, 2           Raft.handleRequestVote, Raft.isUpToDate
//	All Servers: apply                Raft.Effects, Effects.Committed
//	All Servers: higher term          Raft.Step, Raft.becomeFollower
//	Followers: respond to RPCs        Raft.Step
//	Followers: election timeout       Raft.Tick, Raft.startPreVote
//	Candidates: start election        Raft.startElection
//	Candidates: majority of votes     Raft.hasWon, Raft.becomeLeader
//	Candidates: AppendEntries         Raft.heardFromLeader
//	Candidates: election timeout      Raft.Tick
//	Leaders: heartbeats               Raft.becomeLeader, Raft.tickLeader
//	Leaders: command from client      Raft.Propose, Raft.appendAsLeader, node.applier.applyEntry
//	Leaders: last log index           Raft.replicate, Raft.sendAppendEntries
//	Leaders: successful, fails        Raft.handleAppendEntriesResponse
//	Leaders: exists an N              Raft.advanceCommitIndex
//
// Figure 13:
//
//	InstallSnapshot: arguments        InstallSnapshot, SnapshotMeta
//	InstallSnapshot: results          AppendEntriesResponse
//	InstallSnapshot: rules 1, 6       Raft.handleInstallSnapshot
//	InstallSnapshot: rules 2, 3, 4    wal.snapshots.newPartial, wal.Incoming.Write, wal.Incoming.Commit
//	InstallSnapshot: rule 5           wal.partial.finish, wal.snapshots.receive, wal.snapshots.removeOld
//	InstallSnapshot: rules 7, 8       Raft.install, wal.log.install, Effects.Restore, kv.Store.Restore
//
// The dissertation:
//
//	thesis §3.10 leadership transfer       Raft.TransferLeadership, Raft.advanceTransfer, Raft.handleTimeoutNow
//	thesis §4.1 safety                     Raft.ProposeConfig, log.latestConfig
//	thesis §4.2.1 catching up new servers  Configuration.Learners, discovery.promoteLearner
//	thesis §4.2.2 removing the leader      Raft.advanceConfig, Raft.startPreVote
//	thesis §4.2.3 disruptive servers       Raft.handleRequestPreVote
//	thesis §4.3 joint consensus            Configuration.Joint, quorumMin, Raft.advanceConfig
//	thesis §6.2 routing, CheckQuorum       Raft.tickLeader, Raft.Leadership
//	thesis §6.3 linearizable semantics     kv.state.openSession, kv.state.applyOnce, kv.state.advanceClock
//	thesis §6.4 read-only queries          Raft.ReadIndex, Raft.startRead, Raft.advanceReads, node.applier.answerReads
//	thesis §9.6 pre-vote                   Raft.startPreVote, Raft.Suspect, RequestPreVote
//	thesis §10.2.1 the leader's disk       Raft.promiseIsDurable, Raft.advanceCommitIndex
//	thesis §10.2.2 pipelining              Raft.sendAppendEntries
//
// Of sessions the core knows nothing: a retry may stand twice in the log
// (testdata/thesis-6.3-sessions.txt), and package kv sees to it that it happens once.
//
// A Raft is not safe for concurrent use; package node drives one.
package raft
