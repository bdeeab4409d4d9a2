package sim

import (
	"time"

	"kvorum/raft"
)

// machine is the simplest state machine that shows every mistake: its state is
// a hash of all commands in order.
type machine struct {
	applied raft.Index
	state   uint64
	config  raft.Configuration // as of applied
	reads   []raft.Read        // wait for applied
	due     time.Duration      // when it will be done with what it was given
	saving  bool               // a snapshot is on its way to the disk
}

// work gives the machine something to do. It may be slow, but keeps the order.
func (c *cluster) work(s *server, fx raft.Effects) {
	m := &s.machine
	m.due = max(m.due, c.now+c.around(c.mix.applyTime))
	c.later(s, m.due-c.now, func() {
		if fx.Restore != nil {
			c.restore(s, *fx.Restore)
		}
		for _, e := range fx.Committed {
			c.apply(s, e)
		}
		m.reads = append(m.reads, fx.Reads...)
		c.answerReads(s)
		if m.wantsSnapshot(s.disk.snapshot.LastIncludedIndex + c.mix.snapshotEvery) {
			c.saveSnapshot(s)
		}
	})
}

// wantsSnapshot: the first servers are given their configuration outside the
// log. One that joined later and replays the log from its beginning does not
// know it until it meets an entry that changes it, and must not save a snapshot
// that says otherwise.
func (m *machine) wantsSnapshot(at raft.Index) bool {
	return !m.saving && m.applied >= at && len(m.config.Voters) > 0
}

func (c *cluster) apply(s *server, e raft.Entry) {
	m := &s.machine
	if e.Index != m.applied+1 {
		c.observer.fail("%s is to apply %d after %d", s.id, e.Index, m.applied)
	}
	m.applied, m.state = e.Index, hash(m.state, e)
	if e.Config != nil {
		m.config = *e.Config
	}
	c.observer.applied(s)
	c.clients.applied(c, s, e.EntryID)
}

func (c *cluster) restore(s *server, meta raft.SnapshotMeta) {
	m := &s.machine
	if meta.LastIncludedIndex <= m.applied {
		c.observer.fail("%s is to go back from %d to the snapshot %v", s.id, m.applied, meta.ID())
	}
	m.applied, m.state, m.config = meta.LastIncludedIndex, s.disk.received[meta.ID()], meta.Config
	c.observer.applied(s)
	c.counts[SnapshotInstalled]++
}

func (c *cluster) answerReads(s *server) {
	m := &s.machine
	waiting := m.reads[:0]
	for _, rd := range m.reads {
		if rd.Index > m.applied {
			waiting = append(waiting, rd)
		} else {
			c.clients.answered(c, s, rd)
		}
	}
	m.reads = waiting
}

// saveSnapshot takes a snapshot of this moment and saves it while work goes on.
func (c *cluster) saveSnapshot(s *server) {
	m := &s.machine
	m.saving = true
	meta := raft.SnapshotMeta{
		LastIncludedIndex: m.applied, LastIncludedTerm: c.observer.history[m.applied].Term, Config: m.config,
	}
	state := m.state
	c.later(s, c.around(c.snapshotTime()), func() {
		m.saving = false
		if meta.LastIncludedIndex > s.disk.snapshot.LastIncludedIndex {
			s.disk.snapshot, s.disk.state = meta, state
		}
		if !c.mayCrash(s) {
			s.raft.Compact(meta, c.mix.keep)
		}
	})
}
