package node

import (
	"context"
	"fmt"
	"io"

	"kvorum/raft"
)

// work is what run hands to apply; apply does its parts in this order.
type work struct {
	restore   *raft.SnapshotMeta
	entries   []raft.Entry
	proposals []*proposal // proposals[i], if any, waits for the result of entries[i]
	reads     []*read
	snapshot  *snapshotJob
}

func (w work) empty() bool {
	return w.restore == nil && len(w.entries) == 0 && len(w.reads) == 0 && w.snapshot == nil
}

// snapshotJob is what apply hands to snap.
type snapshotJob struct {
	meta    raft.SnapshotMeta
	state   io.WriterTo
	written *writtenSnapshot // nil: nobody waits
	done    chan error       // nil: nobody waits
}

type writtenSnapshot struct {
	meta  raft.SnapshotMeta
	bytes int64
}

// applier is the state of the goroutine apply.
type applier struct {
	*Node
	at      raft.SnapshotMeta // the snapshot that would be taken now
	last    raft.Index        // the last entry in the snapshot that was last taken
	waiting []*read           // for entries that are not applied yet
}

// apply drives the state machine, whose state is as of at.
func (n *Node) apply(ctx context.Context, at raft.SnapshotMeta) error {
	a := &applier{Node: n, at: at, last: at.LastIncludedIndex}
	for {
		select {
		case <-ctx.Done():
			return nil
		case works := <-n.works:
			for _, w := range works {
				if err := a.do(w); err != nil {
					return err
				}
			}
		}
	}
}

func (a *applier) do(w work) error {
	if w.restore != nil {
		if err := a.restore(*w.restore); err != nil {
			return err
		}
		a.at, a.last = *w.restore, w.restore.LastIncludedIndex
		a.newBytes.Store(0)
		a.installed.Add(1)
		a.log.Info("installed snapshot", "index", a.at.LastIncludedIndex)
	}
	for i, e := range w.entries {
		if err := a.applyEntry(e, w.proposals[i]); err != nil {
			return err
		}
	}
	a.waiting = append(a.waiting, w.reads...)
	a.answerReads()
	a.considerSnapshot(w.snapshot)
	return nil
}

// applyEntry applies e to the state machine. If the command came from a client of
// this server, as leader: respond after entry applied to state machine (Figure 2, §5.3).
func (a *applier) applyEntry(e raft.Entry, p *proposal) error {
	var result []byte
	if len(e.Command) > 0 {
		var err error
		if result, err = a.cfg.StateMachine.Apply(e); err != nil {
			return fmt.Errorf("node: apply entry %d of term %d: %w", e.Index, e.Term, err)
		}
	}
	a.at.LastIncludedIndex, a.at.LastIncludedTerm = e.Index, e.Term
	a.newBytes.Add(int64(len(e.Command)))
	if e.Config != nil {
		a.at.Config = *e.Config
	}
	a.applied.Store(uint64(e.Index))
	if p != nil {
		p.result = result
		p.done <- nil
	}
	return nil
}

// answerReads answers the reads whose index has been applied: a read waits for the
// state machine to advance at least as far as the readIndex (thesis §6.4, step 4).
// Those that nobody waits for any more are forgotten. It looks at every waiting
// read; only reads on a follower that lags have to wait.
func (a *applier) answerReads() {
	var waiting []*read
	for _, r := range a.waiting {
		if r.index <= a.at.LastIncludedIndex {
			r.done <- nil
		} else if r.ctx.Err() == nil {
			waiting = append(waiting, r)
		}
	}
	a.waiting = waiting
}

// considerSnapshot has a snapshot taken if one is asked for or due.
func (a *applier) considerSnapshot(asked *snapshotJob) {
	switch {
	case asked == nil && !a.isSnapshotDue():
		return
	case len(a.at.Config.Voters) == 0:
		// A newcomer that has not come to the entry that added it. With a
		// snapshot that names no servers it could never elect anybody.
		if asked != nil {
			asked.done <- ErrNoConfiguration
		}
		return
	case len(a.jobs) == cap(a.jobs): // apply alone adds to them
		asked.done <- ErrSnapshotRunning // none is due while one is under way
		return
	}
	job := snapshotJob{}
	if asked != nil {
		job = *asked
	}
	job.meta, job.state = a.at, a.cfg.StateMachine.Snapshot()
	a.last = a.at.LastIncludedIndex
	a.newBytes.Store(0)
	a.unwritten.Add(1)
	a.jobs <- job // there is room
}

// isSnapshotDue looks at bytes, too, since entries differ a thousandfold: else
// SnapshotEntries large ones would fill memory and disk. It waits for as many as
// the state has, so that what is due by bytes no more than doubles what is written.
// While a snapshot is under way no other is due: it would be old when its turn came.
func (a *applier) isSnapshotDue() bool {
	every := a.cfg.SnapshotEntries
	return every > 0 && a.unwritten.Load() == 0 && (a.at.LastIncludedIndex >= a.last+every ||
		a.newBytes.Load() >= max(int64(a.cfg.SnapshotBytes), a.stateBytes.Load()))
}

// snap writes snapshots, each state once. If one fails, the log is simply not cut:
// the node goes on, and tries again when the next snapshot is due.
func (n *Node) snap(ctx context.Context) error {
	var newest writtenSnapshot // since the start
	for {
		var job snapshotJob
		select {
		case job = <-n.jobs:
		case <-ctx.Done():
			return nil
		}
		var err error
		if job.meta.LastIncludedIndex > newest.meta.LastIncludedIndex {
			var written writtenSnapshot
			written, err = n.write(ctx, job)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				n.log.Error("snapshot failed; the log is kept", "index", job.meta.LastIncludedIndex, "err", err)
			default:
				newest = written
			}
		}
		n.unwritten.Add(-1)
		if job.done != nil {
			*job.written = newest
			job.done <- err
		}
	}
}

// write writes a snapshot and has the log cut.
func (n *Node) write(ctx context.Context, job snapshotJob) (writtenSnapshot, error) {
	bytes, err := n.cfg.Storage.WriteSnapshot(job.meta, unhurried{ctx, job.state, n.isSnapshotUrgent})
	if err != nil {
		return writtenSnapshot{}, err
	}
	n.stateBytes.Store(bytes)
	n.log.Info("wrote snapshot", "index", job.meta.LastIncludedIndex, "bytes", bytes)
	select {
	case n.snapshots <- job.meta:
	case <-ctx.Done():
	}
	return writtenSnapshot{job.meta, bytes}, nil
}

// isSnapshotUrgent reports that another snapshot waits for the one that is being
// written, or that the log has grown by SnapshotBytes since that was taken.
func (n *Node) isSnapshotUrgent() bool {
	return len(n.jobs) > 0 || n.newBytes.Load() >= int64(n.cfg.SnapshotBytes)
}

// restore replaces the state machine's state by the snapshot's.
func (n *Node) restore(s raft.SnapshotMeta) error {
	r, err := n.cfg.Storage.OpenSnapshot(s)
	if err != nil {
		return fmt.Errorf("node: open snapshot %d: %w", s.LastIncludedIndex, err)
	}
	counted := &byteCounter{r: r}
	err = n.cfg.StateMachine.Restore(counted)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("node: restore snapshot %d: %w", s.LastIncludedIndex, err)
	}
	n.applied.Store(uint64(s.LastIncludedIndex))
	n.stateBytes.Store(counted.n)
	return nil
}

type byteCounter struct {
	r io.Reader
	n int64
}

func (c *byteCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
