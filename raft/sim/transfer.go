package sim

import (
	"slices"
	"time"

	"kvorum/raft"
	"kvorum/raft/wal"
)

// transfer is a snapshot file on its way.
type transfer struct {
	from, to *server
	run      int // of the sender, and
	toRun    int // of the receiver, when the transfer began
	message  raft.Message
	meta     raft.SnapshotMeta
	file     wal.ReaderAtCloser
	size     int64
	pause    time.Duration // between two pieces
	breaks   bool          // before it is whole
	over     bool
}

// sendSnapshot sends the file from the sender's disk, piece by piece, ahead of
// the message. That may fail; either way the sender is told.
func (c *cluster) sendSnapshot(s *server, m raft.Message, meta raft.SnapshotMeta) {
	c.counts[SnapshotSent]++
	t := &transfer{from: s, to: c.server(m.To), run: s.run, message: m, meta: meta}
	c.observer.snapshotSent(s, t.to, meta)
	var err error
	if t.file, t.size, err = s.disk.store.OpenSnapshotFile(meta); err != nil {
		// A newer one took its place before the leader heard of it.
		if s.disk.durable.snapshot.LastIncludedIndex <= meta.LastIncludedIndex {
			c.observer.fail("V4", "%s cannot send the snapshot %v: %v", s, meta.ID(), err)
		}
		c.later(s, c.delay(), func() { s.raft.SnapshotDone(m.To) })
		return
	}
	t.pause = min(around(c.network.rand, c.snapshotTime()), 10*ElectionTimeout) / 3
	t.breaks = c.phase == chaos && chance(c.network.rand, c.mix.snapshotLoss)
	c.network.transfers = append(c.network.transfers, t)
	c.after(t.pause, func() { c.sendPiece(t, nil) })
}

// end ends a transfer, and tells the sender.
func (c *cluster) end(t *transfer) {
	if t.over {
		return
	}
	t.over = true
	c.network.transfers = slices.DeleteFunc(c.network.transfers, func(other *transfer) bool { return other == t })
	if t.from.run == t.run {
		t.file.Close()
		c.later(t.from, c.delay(), func() { t.from.raft.SnapshotDone(t.to.id) })
	}
}

// sendPiece sends the next piece; in is the receiver's end of the stream, nil at
// the beginning.
func (c *cluster) sendPiece(t *transfer, in *wal.Incoming) {
	if t.over {
		return
	}
	if t.from.run != t.run {
		c.counts[InstallInterrupted]++
		c.end(t)
		return
	}
	whole, ok := false, false
	if t.to.isRunning() && c.network.reaches(t.from, t.to) && c.join(t.to) {
		in, whole, ok = c.receivePiece(t, in)
	}
	switch {
	case !ok:
		c.counts[InstallInterrupted]++
	case !whole:
		c.after(t.pause, func() { c.sendPiece(t, in) })
		return
	default:
		c.input(t.to, func() { t.to.raft.Step(t.message) })
	}
	c.end(t)
}

// receivePiece gives the receiver's storage the next piece. The last one makes
// the snapshot whole.
func (c *cluster) receivePiece(t *transfer, in *wal.Incoming) (_ *wal.Incoming, whole, ok bool) {
	var err error
	if in == nil {
		t.toRun = t.to.run
		if in, err = t.to.disk.store.ReceiveSnapshot(t.meta, t.size); err != nil {
			return nil, false, false
		}
		if in.Offset() > 0 && in.Offset() < t.size {
			c.counts[InstallResumed]++
		}
	}
	if t.to.run != t.toRun || t.breaks && in.Offset() > 0 {
		return in, false, false
	}
	piece := make([]byte, min(t.size/3+1, t.size-in.Offset()))
	if len(piece) > 0 {
		if _, err := t.file.ReadAt(piece, in.Offset()); err != nil {
			c.observer.fail("V4", "%s cannot read the snapshot %v that it sends: %v", t.from, t.meta.ID(), err)
			return in, false, false
		}
		if _, err = in.Write(piece); err != nil {
			return in, false, false
		}
	}
	if in.Offset() < t.size {
		return in, false, true
	}
	return in, true, in.Commit() == nil
}
