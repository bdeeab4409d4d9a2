package sim

import (
	"errors"
	"slices"
	"time"

	"kvorum/raft"
	"kvorum/raft/wal"
)

// transfer is a snapshot file on its way.
type transfer struct {
	packet
	run    int // of the sender, and
	toRun  int // of the receiver, when the transfer began
	meta   raft.SnapshotMeta
	file   wal.ReaderAtCloser
	size   int64
	pause  time.Duration // between two pieces
	breaks bool          // before it is whole
	flip   int64         // the bit of the file that arrives flipped; -1: none
	over   bool
}

// sendSnapshot sends the file from the sender's disk, piece by piece, ahead of
// the message. That may fail; either way the sender is told.
func (c *cluster) sendSnapshot(p packet, meta raft.SnapshotMeta) {
	s := p.from
	c.counts[SnapshotSent]++
	t := &transfer{packet: p, run: s.run, meta: meta, flip: -1}
	c.observer.snapshotSent(s, t.to, meta)
	var err error
	if t.file, t.size, err = s.disk.store.OpenSnapshotFile(meta); err != nil {
		// A newer one took its place before the leader heard of it.
		if s.disk.durable.snapshot.LastIncludedIndex <= meta.LastIncludedIndex {
			c.observer.fail("V4", "%s cannot send the snapshot %v: %v", s, meta.ID(), err)
		}
		c.tell(&t.packet, "lost: a newer snapshot took its place")
		c.took(s, Input{Kind: Lost, Message: &t.Message})
		c.later(s, c.delay(), func() { s.raft.SnapshotDone(p.To) })
		return
	}
	c.tell(&t.packet)
	t.pause = min(around(c.network.rand, c.snapshotTime()), 10*ElectionTimeout) / 3
	t.breaks = c.phase == chaos && chance(c.network.rand, c.mix.snapshotLoss)
	if c.phase == chaos && chance(c.network.rand, c.mix.snapshotLoss) {
		t.flip = c.network.rand.Int64N(8 * t.size)
	}
	c.network.transfers = append(c.network.transfers, t)
	t.due = c.now + 4*t.pause
	c.world.launch(&t.packet)
	c.after(t.pause, func() { c.sendPiece(t, nil) })
}

// end ends a transfer, and tells the sender.
func (c *cluster) end(t *transfer) {
	t.over = true
	c.world.land(&t.packet)
	c.network.transfers = slices.DeleteFunc(c.network.transfers, func(other *transfer) bool { return other == t })
	if t.from.run == t.run {
		t.file.Close()
		c.later(t.from, c.delay(), func() { t.from.raft.SnapshotDone(t.to.id) })
	}
}

// interrupt ends a transfer before it is whole.
func (c *cluster) interrupt(t *transfer, why string) {
	c.tell(&t.packet, "lost: "+why)
	c.took(t.from, Input{Kind: Lost, Message: &t.Message})
	c.end(t)
}

// sendPiece sends the next piece; in is the receiver's end of the stream, nil at
// the beginning.
func (c *cluster) sendPiece(t *transfer, in *wal.Incoming) {
	if t.over {
		return
	}
	in, whole, err := c.movePiece(t, in)
	switch {
	case err != nil:
		c.counts[InstallInterrupted]++
		c.interrupt(t, err.Error())
	case !whole:
		c.after(t.pause, func() { c.sendPiece(t, in) })
	default:
		c.tell(&t.packet, "arrives")
		c.world.heard(&t.packet)
		c.input(t.to, func() { t.to.raft.Step(t.Message) })
		c.end(t)
	}
}

// movePiece brings the next piece from disk to disk, where nothing is in the way.
func (c *cluster) movePiece(t *transfer, in *wal.Incoming) (_ *wal.Incoming, whole bool, err error) {
	why := c.obstacle(&t.packet)
	switch {
	case t.from.run != t.run:
		why = t.from.String() + " has crashed"
	case why != "":
	case t.to.paused:
		why = t.to.String() + " is paused"
	case !c.join(t.to):
		why = t.to.String() + " cannot store which cluster it is in"
	default:
		return c.receivePiece(t, in)
	}
	return in, false, errors.New(why)
}

// receivePiece gives the receiver's storage the next piece. The last one makes
// the snapshot whole.
func (c *cluster) receivePiece(t *transfer, in *wal.Incoming) (_ *wal.Incoming, whole bool, err error) {
	d := &t.to.disk
	if in == nil {
		t.toRun = t.to.run
		if in, err = d.store.ReceiveSnapshot(t.meta, t.size); err != nil {
			return nil, false, err
		}
		resumed := in.Offset() > 0 && in.Offset() < t.size
		d.garbled = d.garbled && resumed
		if resumed {
			c.counts[InstallResumed]++
		}
	}
	switch {
	case t.to.run != t.toRun:
		return in, false, errors.New(t.to.String() + " has crashed")
	case t.breaks && in.Offset() > 0:
		return in, false, errors.New("the stream broke")
	}
	piece := make([]byte, min(t.size/3+1, t.size-in.Offset()))
	if len(piece) > 0 {
		if _, err := t.file.ReadAt(piece, in.Offset()); err != nil {
			c.observer.fail("V4", "%s cannot read the snapshot %v that it sends: %v", t.from, t.meta.ID(), err)
			return in, false, err
		}
		garbled := c.garble(t, piece, in.Offset())
		if _, err = in.Write(piece); err != nil {
			return in, false, err
		}
		d.garbled = d.garbled || garbled
	}
	if in.Offset() < t.size {
		return in, false, nil
	}
	return in, true, c.commitIncoming(t.to, in)
}

// garble flips a bit of the piece at the given offset of the file, if that is the
// one, and reports whether it is.
func (c *cluster) garble(t *transfer, piece []byte, offset int64) bool {
	at := t.flip/8 - offset
	if t.flip < 0 || at < 0 || at >= int64(len(piece)) {
		return false
	}
	c.tell(&t.packet, "a bit of it flips")
	piece[at] ^= 1 << (t.flip % 8)
	return true
}

// commitIncoming checks V5 for what was received: a snapshot that is not what was
// sent is refused, and sent again.
func (c *cluster) commitIncoming(s *server, in *wal.Incoming) error {
	d := &s.disk
	failing := d.fault != nil
	err := in.Commit()
	switch {
	case err == nil && d.garbled:
		c.observer.fail("V5", "%s accepts a snapshot of which a bit was flipped on its way", s)
	case err == nil && d.refused:
		c.counts[GarbledSentAgain]++
		d.refused = false
	case err != nil && d.garbled && !failing:
		d.refused = true
	}
	return err
}
