package sim

import (
	"io"
	"math"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// machine is the state machine of a process, with what package node keeps
// around it.
type machine struct {
	kv      *kv.Store
	applied raft.Index
	term    raft.Term          // of the entry at applied
	config  raft.Configuration // as of applied
	reads   []raft.Read        // wait for applied
	asOf    time.Duration      // what had completed by then is in the state, for certain
	due     time.Duration      // when it will be done with what it was given
	saving  *snapshotJob       // a snapshot is on its way to the disk
	restore int                // counts snapshots from the leader: earlier work is contained in them
}

// never is before all times, and no age overflows since then.
const never = -forever / 2

type snapshotJob struct {
	meta  raft.SnapshotMeta
	state io.WriterTo
}

// load fills the machine of a process that starts.
func (c *cluster) load(s *server, saved raft.Saved) bool {
	s.machine = machine{kv: kv.New(), config: saved.Snapshot.Config, asOf: never}
	if saved.Snapshot.LastIncludedIndex == 0 {
		return true
	}
	return c.restoreState(s, saved.Snapshot)
}

// restoreState replaces the state by the one in a snapshot on the disk.
func (c *cluster) restoreState(s *server, meta raft.SnapshotMeta) bool {
	m := &s.machine
	r, err := s.disk.store.OpenSnapshot(meta)
	if err == nil {
		err = m.kv.Restore(r)
		r.Close() // never fails
	}
	if err != nil {
		c.observer.fail("V4", "%s cannot restore the snapshot %v: %v", s, meta.ID(), err)
		return false
	}
	m.applied, m.term, m.config = meta.LastIncludedIndex, meta.LastIncludedTerm, meta.Config
	c.observer.applied(s)
	return c.observer.err == nil
}

// work gives the machine something to do. It may be slow, but keeps the order.
func (c *cluster) work(s *server, fx raft.Effects) {
	m := &s.machine
	if fx.Restore != nil {
		m.restore++
	}
	restore := m.restore
	m.due = max(m.due, c.now+around(c.machines, c.mix.applyTime))
	c.later(s, m.due-c.now, func() {
		if m.restore == restore {
			c.applyWork(s, fx)
		}
		m.reads = append(m.reads, fx.Reads...)
		c.answerReads(s)
		if m.wantsSnapshot(s.disk.durable.snapshot.LastIncludedIndex + c.mix.snapshotEvery) {
			c.saveSnapshot(s)
		}
	})
}

func (c *cluster) applyWork(s *server, fx raft.Effects) {
	if fx.Restore != nil {
		if fx.Restore.LastIncludedIndex <= s.machine.applied {
			c.observer.fail("I6", "%s is to go back from %d to the snapshot %v", s, s.machine.applied, fx.Restore.ID())
			return
		}
		if c.restoreState(s, *fx.Restore) {
			c.counts[SnapshotInstalled]++
		}
		c.forgetProposals(s, s.machine.applied)
	}
	for _, e := range fx.Committed {
		if c.observer.err == nil {
			c.apply(s, e)
		}
	}
}

func (c *cluster) apply(s *server, e raft.Entry) {
	m := &s.machine
	if e.Index != m.applied+1 {
		c.observer.fail("I5", "%s is to apply %d after %d", s, e.Index, m.applied)
		return
	}
	var result []byte
	if len(e.Command) > 0 {
		var err error
		if result, err = m.kv.Apply(e); err != nil {
			c.observer.fail("I5", "%s cannot apply %v: %v", s, e.EntryID, err)
			return
		}
	}
	m.applied, m.term = e.Index, e.Term
	if e.Config != nil {
		m.config = *e.Config
	}
	c.observer.applied(s)
	c.observer.answered(s, e, result)
	c.decided(s, e.EntryID, result)
}

// answerReads answers the reads whose index has been applied.
func (c *cluster) answerReads(s *server) {
	m := &s.machine
	waiting := m.reads[:0]
	for _, rd := range m.reads {
		if rd.Index > m.applied {
			waiting = append(waiting, rd)
		} else {
			c.readAnswered(s, rd)
		}
	}
	m.reads = waiting
}

// wantsSnapshot: the first servers are given their configuration outside the
// log. One that joined later and replays the log from its beginning does not
// know it until it meets an entry that changes it, and must not save a snapshot
// that says otherwise.
func (m *machine) wantsSnapshot(at raft.Index) bool {
	return m.saving == nil && m.applied >= at && len(m.config.Voters) > 0
}

// saveSnapshot takes a snapshot of this moment and saves it while work goes on.
func (c *cluster) saveSnapshot(s *server) {
	m := &s.machine
	job := &snapshotJob{raft.SnapshotMeta{LastIncludedIndex: m.applied, LastIncludedTerm: m.term, Config: m.config}, m.kv.Snapshot()}
	m.saving = job
	c.later(s, around(c.machines, c.snapshotTime()), func() {
		m.saving = nil
		c.mayFailSnapshot(s)
		if _, err := s.disk.store.WriteSnapshot(job.meta, job.state); err != nil {
			c.tracef("%s has no new snapshot: %v", s, err)
			c.counts[SnapshotFailed]++
			return
		}
		c.observer.snapshotSaved(s, job.meta)
		if !c.mayCrash(s) {
			s.raft.Compact(job.meta, c.mix.keep, math.MaxInt)
		}
	})
}

func (c *cluster) snapshotTime() time.Duration {
	if c.phase != chaos {
		return ElectionTimeout / 4
	}
	return c.mix.snapshotTime
}
