package raft

// Compact tells the server that the state machine has durably saved its state
// as s: it may delete all log entries up through the last included index (§7).
// It keeps the last few, at most keep entries of keepBytes bytes in all, so that a
// follower a little behind need not be sent the snapshot.
func (r *Raft) Compact(s SnapshotMeta, keep Index, keepBytes int) {
	if s.LastIncludedIndex <= r.log.snapshot.LastIncludedIndex {
		return // an installed snapshot came first
	}
	r.tracef("snapshot up to %d", s.LastIncludedIndex)
	r.log.compact(s, keep, keepBytes)
	r.out.Persist.Discard = r.log.base.Index
}

// sendInstallSnapshot: the leader has already discarded the next log entry that
// it needs to send to a follower (§7).
func (r *Raft) sendInstallSnapshot(to ServerID, p *progress) {
	s := r.log.snapshot
	r.tracef("%s needs entry %d, which is gone: sending it the snapshot up to %d", to, p.nextIndex, s.LastIncludedIndex)
	p.snapshot, p.probing, p.sent = s.LastIncludedIndex, true, 0
	r.send(to, InstallSnapshot{Snapshot: s, Round: r.leader.round})
}

// SnapshotDone tells the leader that the transport has delivered the snapshot
// to the server, or has given up. Either way it is time to find out where the
// server's log stands.
func (r *Raft) SnapshotDone(to ServerID) {
	if p := r.leader.progress[to]; p != nil && p.snapshot != 0 {
		p.nextIndex = max(p.matchIndex, p.snapshot) + 1
		p.probing, p.waiting, p.snapshot, p.sent = true, false, 0, 0
	}
}

// handleInstallSnapshot is the InstallSnapshot receiver of Figure 13 once the file is
// complete: package wal sees to rules 2 to 5, and rpc to its coming in order. Its
// answer is that of an AppendEntries that brought the log to the same point.
//
// Departure: a snapshot that describes a prefix of our log is not installed; all
// that it says is that the prefix is committed.
func (r *Raft) handleInstallSnapshot(m Message, req InstallSnapshot) {
	// 1. Reply immediately if term < currentTerm.
	if m.Term < r.currentTerm {
		r.send(m.From, AppendEntriesResponse{})
		return
	}
	r.heardFromLeader(m.From)
	s := req.Snapshot
	switch {
	case s.LastIncludedIndex <= r.commitIndex:
		r.tracef("snapshot up to %d is nothing new", s.LastIncludedIndex)
	case r.log.matches(s.ID()):
		// 6. If existing log entry has same index and term as snapshot's last
		// included entry, retain log entries following it and reply.
		r.commitTo(s.LastIncludedIndex)
	default:
		r.install(s)
	}
	r.acknowledge(m.From, AppendEntriesResponse{Success: true, Match: s.ID(), Round: req.Round})
}

func (r *Raft) install(s SnapshotMeta) {
	r.tracef("installing the snapshot up to %d", s.LastIncludedIndex)
	r.notStableFrom(r.commitIndex + 1) // what follows may differ from the leader's log
	// 7. Discard the entire log (Figure 13).
	r.log = newLog(s, nil)
	r.saving = s.LastIncludedIndex
	// 8. Reset state machine using snapshot contents (and load snapshot's cluster configuration).
	r.config, r.configIndex = s.Config, s.LastIncludedIndex
	r.commitIndex = s.LastIncludedIndex
	r.out.Persist.Snapshot, r.restore = &s, &s
}
