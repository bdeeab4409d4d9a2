package raft

import "slices"

// Effects is a batch of work that a server asks the outside world to do. Its
// parts are independent of each other, so a slow disk delays no heartbeat and
// a slow state machine delays neither.
//
// Figure 2's "updated on stable storage before responding to RPCs" becomes
// one rule: nothing that a server promised may be seen before it is durable.
// Messages promise nothing that is not durable already; Persist.Messages wait
// for the batch they are in; Restore, Committed and Reads are durable too.
type Effects struct {
	Messages []Message // send; they may leave at once
	Persist  Persist   // make durable, in order, then call Persisted

	// For the state machine, in this order, after what earlier batches asked.
	Restore   *SnapshotMeta // replace the state by this snapshot's
	Committed []Entry       // apply
	Reads     []Read        // answer

	Trace []string // why the server did what it did, if Config.Trace
}

// Persist is what a batch must write to stable storage. Several batches may be
// on their way at once; they become durable in order, and any number together.
type Persist struct {
	Seq       uint64     // hand it to Persisted; 0: there is nothing to do
	HardState *HardState // nil: unchanged
	// Snapshot is one that was received from the leader. It takes the place of
	// the log up to its last entry, and of the whole log where that does not
	// contain its last entry (Figure 13).
	Snapshot *SnapshotMeta
	Entries  []Entry   // these replace any entry with the same or a later index
	Discard  Index     // entries up to here are not needed any more; 0: unchanged
	Messages []Message // send once all of this is durable
}

// Read says that the read ID may be answered from the state machine once that
// has applied the entry at Index.
type Read struct {
	ID    uint64
	Index Index
}

// Empty reports whether there is nothing to do.
func (fx *Effects) Empty() bool {
	return len(fx.Messages) == 0 && fx.Persist.Seq == 0 && fx.Restore == nil &&
		len(fx.Committed) == 0 && len(fx.Reads) == 0 && len(fx.Trace) == 0
}

// batch is a Persist that has not come back through Persisted.
type batch struct {
	seq       uint64
	hardState HardState
	upto      Index // the log is durable up to here once the batch is
}

// Effects applies the rules to what the inputs since the last call recorded,
// and returns what they ask for. The caller owns the result.
func (r *Raft) Effects() Effects {
	r.rules()
	out := r.out
	r.out = Effects{}
	r.fillPersist(&out.Persist)
	if r.restore != nil && r.stable >= r.restore.LastIncludedIndex {
		out.Restore, r.restore = r.restore, nil
		r.lastApplied = out.Restore.LastIncludedIndex
	}
	// All servers (Figure 2): if commitIndex > lastApplied: increment
	// lastApplied, apply log[lastApplied] to state machine (§5.3).
	//
	// Departure: a server applies only what is on its own stable storage, so that
	// no snapshot of its state runs ahead of its log.
	if hi := min(r.commitIndex, r.stable); hi > r.lastApplied && r.restore == nil {
		out.Committed = slices.Clone(r.log.slice(r.lastApplied+1, hi))
		r.lastApplied = hi
	}
	return out
}

// fillPersist adds to p what has changed since the last batch was handed out.
func (r *Raft) fillPersist(p *Persist) {
	hs := r.hardState()
	if hs != r.handed {
		p.HardState, r.handed = &hs, hs
	}
	p.Entries = slices.Clone(r.log.slice(r.saving+1, r.log.lastIndex()))
	r.saving = r.log.lastIndex()
	if p.HardState == nil && p.Snapshot == nil && len(p.Entries) == 0 && p.Discard == 0 && len(p.Messages) == 0 {
		return
	}
	r.seq++
	p.Seq = r.seq
	r.batches = append(r.batches, batch{r.seq, hs, r.saving})
}

// Persisted reports that the batch seq, and so all before it, is on stable
// storage. Only now does a server count its own vote and its own copy of the
// entries, as it counts another's once that is acknowledged (thesis §10.2.1).
func (r *Raft) Persisted(seq uint64) {
	for len(r.batches) > 0 && r.batches[0].seq <= seq {
		b := r.batches[0]
		r.batches = r.batches[1:]
		r.durable = b.hardState
		r.stable = max(r.stable, b.upto)
		r.diskWait = 0
	}
}
