package sim

import (
	"time"

	"kvorum/raft"
)

// disk is a server's stable storage. A batch that was handed to it becomes
// durable later, in order, several with one fsync; until then a crash may lose
// it, or the end of it.
type disk struct {
	hard     raft.HardState
	snapshot raft.SnapshotMeta // the newest, and
	state    uint64            // the state machine's state in it
	log      []slot            // log[i] is entry i
	discard  raft.Index        // entries up to here are gone, and log knows them only from hearsay
	received map[raft.EntryID]uint64

	writes  []raft.Persist // handed over, not yet durable
	syncing int            // how many of them the present fsync covers

	stuckUntil time.Duration // no fsync returns before
}

func newDisk(meta raft.SnapshotMeta) disk {
	return disk{snapshot: meta, log: []slot{{config: &meta.Config}}, received: map[raft.EntryID]uint64{}}
}

// load returns what a process finds when it starts.
func (d *disk) load() raft.Saved {
	saved := raft.Saved{HardState: d.hard, Snapshot: d.snapshot}
	for _, s := range d.log[d.discard+1:] {
		saved.Entries = append(saved.Entries, s.Entry)
	}
	return saved
}

// write hands a batch to the disk.
func (c *cluster) write(s *server, p raft.Persist) {
	s.disk.writes = append(s.disk.writes, p)
	if s.disk.syncing == 0 {
		c.sync(s)
	}
}

// sync starts an fsync of the batches that wait, or of the first few of them.
func (c *cluster) sync(s *server) {
	d := &s.disk
	d.syncing = 1 + c.rand.IntN(len(d.writes))
	if d.syncing > 1 {
		c.counts[GroupCommit]++
	}
	run := s.run
	c.after(max(c.around(c.mix.fsync), d.stuckUntil-c.now), func() {
		if s.run == run {
			c.synced(s)
		}
	})
}

// synced makes durable what the fsync covered, whether or not the process is
// paused, and tells the process.
func (c *cluster) synced(s *server) {
	d := &s.disk
	done := d.writes[:d.syncing]
	d.writes, d.syncing = d.writes[d.syncing:], 0
	for _, p := range done {
		c.makeDurable(s, p)
	}
	if len(d.writes) > 0 {
		c.sync(s)
	}
	if c.mayCrash(s) {
		return
	}
	c.input(s, func() {
		s.raft.Persisted(done[len(done)-1].Seq)
		for _, p := range done {
			for _, m := range p.Messages {
				if c.mayCrash(s) {
					return
				}
				c.send(s, m)
			}
		}
	})
}

// loseWrites is what a crash does to the disk: any number of the batches that
// were not yet durable survive, the first ones, and perhaps part of one more.
func (c *cluster) loseWrites(s *server) {
	d := &s.disk
	n := c.rand.IntN(len(d.writes) + 1)
	for _, p := range d.writes[:n] {
		c.makeDurable(s, p)
	}
	if n < len(d.writes) && c.chance(0.3) {
		torn := d.writes[n]
		torn.Discard = 0
		if torn.Entries = torn.Entries[:c.rand.IntN(len(torn.Entries)+1)]; c.chance(0.5) {
			torn.Snapshot, torn.Entries = nil, nil
		}
		c.makeDurable(s, torn)
	}
	d.writes, d.syncing = nil, 0
}

// makeDurable writes a batch in the order term and vote, snapshot, entries.
func (c *cluster) makeDurable(s *server, p raft.Persist) {
	d := &s.disk
	if p.HardState != nil {
		c.observer.hardStateDurable(s, *p.HardState)
		d.hard = *p.HardState
	}
	if p.Snapshot != nil {
		c.installDurably(s, *p.Snapshot)
	}
	if len(p.Entries) > 0 {
		if first := p.Entries[0].Index; first > raft.Index(len(d.log)) || first <= d.discard {
			c.observer.fail("%s saves entries from %d on, its disk has %d to %d", s.id, first, d.discard+1, len(d.log)-1)
			return
		}
		d.log = extend(d.log, p.Entries)
	}
	d.discard = max(d.discard, p.Discard)
	if d.discard > d.snapshot.LastIncludedIndex {
		c.observer.fail("%s discards entries up to %d, its snapshot ends at %d", s.id, d.discard, d.snapshot.LastIncludedIndex)
	}
	c.checkKept(s)
}

func (c *cluster) installDurably(s *server, meta raft.SnapshotMeta) {
	d, last := &s.disk, meta.LastIncludedIndex
	state, ok := d.received[meta.ID()]
	if !ok {
		c.observer.fail("%s installs the snapshot %v, which it never received", s.id, meta.ID())
		return
	}
	if int(last) >= len(d.log) || d.log[last].Term != meta.LastIncludedTerm {
		d.log, d.discard = c.observer.prefix(last), last
	}
	if last > d.snapshot.LastIncludedIndex {
		d.snapshot, d.state = meta, state
	}
}
