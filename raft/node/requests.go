package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"kvorum/raft"
)

// What a request may come to, besides the errors of package raft and those of
// its context. When its context ends, a proposal may still take effect.
var (
	// ErrSlotLost: another leader's entry was committed in the proposal's place,
	// so the proposal has, and will have, no effect.
	ErrSlotLost = errors.New("node: another leader's entry took the proposal's place")
	// ErrLeadershipLost: this server lost leadership and cannot tell whether the
	// proposal will take effect.
	ErrLeadershipLost = errors.New("node: leadership was lost before the proposal was decided")
	// ErrStopped: the node no longer runs; of a proposal in flight the outcome is unknown.
	ErrStopped = errors.New("node: stopped")
	// ErrTransferFailed: this server still leads, or another than the wanted one does.
	ErrTransferFailed = errors.New("node: leadership was not handed over within an election timeout")
	// ErrNoConfiguration: this server has not heard yet who is in its cluster.
	ErrNoConfiguration = errors.New("node: the cluster's configuration is not known yet")
	// ErrSnapshotRunning: try again when the snapshot that is being written is done.
	ErrSnapshotRunning = errors.New("node: a snapshot is being written")
)

// Status is what a node knows of itself.
type Status struct {
	raft.Status
	Applied            raft.Index    // by the state machine
	SnapshotsInstalled uint64        // received from a leader since the start
	DiskSilence        time.Duration // how long the disk has owed an answer; 0: it owes none
}

// proposal waits for its slot of the log to be decided.
type proposal struct {
	command []byte
	at      raft.EntryID
	result  []byte
	done    chan error // receives exactly one value
}

// read waits until the state machine reflects what it must.
type read struct {
	ctx   context.Context // once it ends nobody waits any more
	index raft.Index
	done  chan error // receives exactly one value
}

// readBatch is reads that were given to raft together: under one id, and under
// further ones if the first answer was long in coming. Any of them will do.
type readBatch struct {
	reads []*read
	ids   []uint64
	since int // tick at which raft was last asked
}

type transfer struct {
	to    raft.ServerID
	since int // tick
	done  chan error
}

// Receive hands the node a message from the network. It never blocks; what the
// node cannot take is lost, as it might have been on the way.
func (n *Node) Receive(m raft.Message) { n.inbox.receive(m) }

// SnapshotDone says that the transport has delivered, or given up, the
// snapshot that it was sending to the server.
func (n *Node) SnapshotDone(to raft.ServerID) {
	n.inbox.request(func() { n.raft.SnapshotDone(to) })
}

// Suspect says that the process of the server is gone. If it leads, this server does
// not wait for it: see [raft.Raft.Suspect]. It is harmless where that is not so.
func (n *Node) Suspect(id raft.ServerID) {
	n.inbox.request(func() {
		n.raft.Suspect(id)
		n.calm = n.now
	})
}

// Leadership returns who leads. Its fields were read together.
func (n *Node) Leadership() Leadership { return *n.leadership.Load() }

// Applied returns the index of the last entry that the state machine has applied.
func (n *Node) Applied() raft.Index { return raft.Index(n.applied.Load()) }

// DiskStuck returns how long the disk has not answered, if that is so long that
// this server neither leads nor stands for election until it does; else 0.
func (n *Node) DiskStuck() time.Duration { return time.Duration(n.stuck.Load()) }

// News receives after each change of Leadership, and when the disk begins or ceases to
// be stuck. It holds one reminder, and is for one reader.
func (n *Node) News() <-chan struct{} { return n.news }

// Propose replicates command, and returns what the state machine made of it
// and where in the log it stands.
//
// Errors: those of raft.Propose and ErrSlotLost, it has no effect;
// ErrLeadershipLost, ErrStopped and those of ctx, it may yet take effect.
func (n *Node) Propose(ctx context.Context, command []byte) ([]byte, raft.EntryID, error) {
	p := &proposal{command: command, done: make(chan error, 1)}
	err := n.do(ctx, p.done, func() {
		n.held = append(n.held, p)
		n.heldBytes += len(command)
	})
	if err != nil {
		return nil, raft.EntryID{}, err
	}
	return p.result, p.at, nil
}

// ProposeConfig changes the configuration to the given servers, and returns
// once that is committed. The caller derived them from the configuration at
// index from: if that is not the latest any more, nothing changes, and the answer
// is raft.ErrConfigInFlight. Errors: those of raft.ProposeConfig and of Propose.
func (n *Node) ProposeConfig(ctx context.Context, from raft.Index, voters, learners []raft.ServerID) (raft.EntryID, error) {
	p := &proposal{done: make(chan error, 1)}
	err := n.do(ctx, p.done, func() {
		if n.raft.Status().ConfigIndex != from {
			p.done <- raft.ErrConfigInFlight
			return
		}
		at, err := n.raft.ProposeConfig(voters, learners)
		n.await(p, at, err)
	})
	if err != nil {
		return raft.EntryID{}, err
	}
	return p.at, nil
}

// Barrier returns once the local state machine reflects every proposal that
// completed before the call, so that reading it is linearizable. It works on
// every server. Errors: raft.ErrNoLeader, ErrStopped and those of ctx.
func (n *Node) Barrier(ctx context.Context) (raft.Index, error) {
	r := &read{ctx: ctx, done: make(chan error, 1)}
	if err := n.do(ctx, r.done, func() { n.newReads = append(n.newReads, r) }); err != nil {
		return 0, err
	}
	return r.index, nil
}

// WaitApplied returns once the local state machine has applied the entry at
// index. Errors: ErrStopped and those of ctx.
func (n *Node) WaitApplied(ctx context.Context, index raft.Index) error {
	if n.Applied() >= index {
		return nil
	}
	r := &read{ctx: ctx, index: index, done: make(chan error, 1)}
	return n.do(ctx, r.done, func() { n.undone = append(n.undone, work{reads: []*read{r}}) })
}

// TransferLeadership hands leadership to the voter, or if that is raft.None to
// the most up-to-date one, and returns once it leads.
// Errors: those of raft.TransferLeadership, ErrTransferFailed, ErrStopped and those of ctx.
func (n *Node) TransferLeadership(ctx context.Context, to raft.ServerID) error {
	t := &transfer{to: to, done: make(chan error, 1)}
	return n.do(ctx, t.done, func() {
		if err := n.raft.TransferLeadership(to); err != nil {
			t.done <- err
			return
		}
		t.since = n.now
		n.transfers = append(n.transfers, t)
	})
}

// TakeSnapshot writes a snapshot of the present state, unless this is what it wrote
// last, and returns what the snapshot covers and its size in bytes.
// Errors: ErrSnapshotRunning, ErrNoConfiguration, ErrStopped, those of the
// disk (the node goes on) and of ctx.
func (n *Node) TakeSnapshot(ctx context.Context) (raft.SnapshotMeta, int64, error) {
	job := snapshotJob{written: new(writtenSnapshot), done: make(chan error, 1)}
	if err := n.do(ctx, job.done, func() { n.undone = append(n.undone, work{snapshot: &job}) }); err != nil {
		return raft.SnapshotMeta{}, 0, err
	}
	return job.written.meta, job.written.bytes, nil
}

// Status returns the present state. Errors: ErrStopped and those of ctx.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var s Status
	done := make(chan error, 1)
	err := n.do(ctx, done, func() {
		s = Status{Status: n.raft.Status(), Applied: n.Applied(), SnapshotsInstalled: n.installed.Load()}
		s.DiskSilence = time.Duration(s.DiskWait) * n.cfg.TickInterval
		done <- nil
	})
	if err != nil {
		return Status{}, err
	}
	return s, nil
}

// do has run call start, and waits for the answer in done.
func (n *Node) do(ctx context.Context, done <-chan error, start func()) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stopped:
		return ErrStopped
	default:
	}
	n.inbox.request(start)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stopped:
		return ErrStopped
	}
}

// startProposals gives raft the proposals that have come. While its disk is busy a
// leader holds them back, as many as one AppendEntries takes, so that they share the
// next message and the next fsync. No answer comes later for it than by a message's
// way, as a server applies only what is on its own disk, and that is busy for as long.
func (n *Node) startProposals() {
	role, _, _ := n.raft.Leadership()
	if role == raft.Leader && n.saving && !n.heldEnough() {
		return
	}
	for _, p := range n.held {
		if n.isLagging() {
			p.done <- raft.ErrBusy
			continue
		}
		at, err := n.raft.Propose(p.command)
		n.await(p, at, err)
	}
	n.held, n.heldBytes = nil, 0
}

func (n *Node) heldEnough() bool {
	most := n.cfg.Raft.MaxAppend
	return most.Entries > 0 && len(n.held) >= most.Entries || most.Bytes > 0 && n.heldBytes >= most.Bytes
}

// isLagging reports that the state machine is so far behind that accepting
// more would only fill the memory.
func (n *Node) isLagging() bool {
	limit := raft.Index(n.cfg.Raft.MaxUncommitted.Entries)
	return limit > 0 && n.handed > n.Applied()+limit
}

// await registers p for the slot that raft gave it.
func (n *Node) await(p *proposal, at raft.EntryID, err error) {
	if err != nil {
		p.done <- err
		return
	}
	p.at = at
	if old := n.proposals[at.Index]; old != nil {
		// Our log lost the old proposal's entry, but another server may still
		// hold it, and be elected.
		old.done <- ErrLeadershipLost
	}
	n.proposals[at.Index] = p
}

// decide settles what the effects decide, and returns what is left to apply. A read
// whose entry has been applied need not pass through apply.
func (n *Node) decide(fx raft.Effects) work {
	w := work{restore: fx.Restore, entries: fx.Committed}
	if fx.Restore != nil {
		n.forget(fx.Restore.LastIncludedIndex)
		n.supersede()
		n.handed = fx.Restore.LastIncludedIndex
	}
	if len(fx.Committed) > 0 {
		w.proposals = make([]*proposal, len(fx.Committed))
		for i, e := range fx.Committed {
			w.proposals[i] = n.decided(e)
		}
		n.handed = fx.Committed[len(fx.Committed)-1].Index
	}
	for _, rd := range fx.Reads {
		reads := n.confirmed(rd)
		if rd.Index > n.Applied() {
			w.reads = append(w.reads, reads...)
			continue
		}
		for _, r := range reads {
			r.done <- nil
		}
	}
	return w
}

// confirmed returns the reads that rd answers, none if they were answered before.
func (n *Node) confirmed(rd raft.Read) []*read {
	i := slices.IndexFunc(n.reads, func(b *readBatch) bool { return slices.Contains(b.ids, rd.ID) })
	if i < 0 {
		return nil
	}
	reads := n.reads[i].reads
	n.reads = slices.Delete(n.reads, i, i+1)
	for _, r := range reads {
		r.index = rd.Index
	}
	return reads
}

// decided returns the proposal that waits for the result of e, if any. By the
// Log Matching Property e is the proposal's entry exactly if its term is too.
func (n *Node) decided(e raft.Entry) *proposal {
	if e.Config != nil && !e.Config.Joint() {
		for _, p := range n.changes {
			p.done <- nil
		}
		n.changes = nil
	}
	p := n.proposals[e.Index]
	delete(n.proposals, e.Index)
	switch {
	case p == nil:
		return nil
	case p.at != e.EntryID:
		p.done <- ErrSlotLost
		return nil
	case e.Config != nil && e.Config.Joint():
		n.changes = append(n.changes, p) // not over until C-new is committed
		return nil
	}
	return p
}

// forget answers the proposals that a snapshot decided in a way that this
// server cannot tell any more.
func (n *Node) forget(upto raft.Index) {
	for i, p := range n.proposals {
		if i <= upto {
			p.done <- ErrLeadershipLost
			delete(n.proposals, i)
		}
	}
}

// supersede drops the entries and snapshots that apply has not taken yet: the
// one that is about to be restored contains them.
func (n *Node) supersede() {
	for i, w := range n.undone {
		for _, p := range w.proposals {
			if p != nil {
				p.done <- ErrLeadershipLost
			}
		}
		n.undone[i] = work{reads: w.reads, snapshot: w.snapshot}
	}
}

// expire gives up on what has waited too long: reads whose message was lost
// are started again; proposals that nobody has decided for two election
// timeouts since this server led are answered, so that clients fail fast.
func (n *Node) expire() {
	n.restartReads(n.cfg.Raft.ElectionTicks / 2)
	if n.now-n.led < 2*n.cfg.Raft.ElectionTicks {
		return
	}
	n.forget(^raft.Index(0))
	for _, p := range n.changes {
		p.done <- ErrLeadershipLost
	}
	n.changes = nil
}

// restartReads asks raft again for reads that have waited for at least age
// ticks, except those that nobody waits for any more.
func (n *Node) restartReads(age int) {
	n.reads = slices.DeleteFunc(n.reads, func(b *readBatch) bool {
		if n.now-b.since < age {
			return false
		}
		b.reads = slices.DeleteFunc(b.reads, func(r *read) bool { return r.ctx.Err() != nil })
		return !n.ask(b)
	})
}

// startReads gives raft all reads that have come since it last did, as one. On a
// follower they wait while others are under way: the leader can confirm them
// all in one round, and a message for each turn would only keep it busy.
func (n *Node) startReads() {
	role, _, _ := n.raft.Leadership()
	if len(n.newReads) == 0 || len(n.reads) > 0 && role != raft.Leader {
		return
	}
	if b := (&readBatch{reads: n.newReads}); n.ask(b) {
		n.reads = append(n.reads, b)
	}
	n.newReads = nil
}

// ask gives b to raft under a new id. It reports false if b is over: because
// it is empty, or because there is no leader, as the reads are told.
func (n *Node) ask(b *readBatch) bool {
	if len(b.reads) == 0 {
		return false
	}
	n.nextRead++
	if err := n.raft.ReadIndex(n.nextRead); err != nil {
		for _, r := range b.reads {
			r.done <- err
		}
		return false
	}
	b.ids, b.since = append(b.ids, n.nextRead), n.now
	return true
}

// observeTransfers answers the transfers that are over.
func (n *Node) observeTransfers(now Leadership) {
	if len(n.transfers) == 0 {
		return
	}
	var open []*transfer
	for _, t := range n.transfers {
		switch {
		case now.Role == raft.Leader && n.raft.Status().Transferee != raft.None:
			open = append(open, t)
		case now.Role == raft.Leader:
			t.done <- ErrTransferFailed
		case now.Leader != raft.None && (t.to == raft.None || t.to == now.Leader):
			t.done <- nil
		case now.Leader != raft.None || n.now-t.since > 2*n.cfg.Raft.ElectionTicks:
			t.done <- ErrTransferFailed
		default:
			open = append(open, t)
		}
	}
	n.transfers = open
}
