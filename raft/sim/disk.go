package sim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"kvorum/raft"
	"kvorum/raft/wal"
)

const (
	folder    = "disk"
	clusterID = "0123456789abcdef0123456789abcdef"
)

// disk is a server's stable storage: the real one, on a file system in memory. A
// batch that was handed to it is saved later, in order, several at once.
type disk struct {
	incarnation string
	fs          *wal.MemFS
	store       *wal.Store // nil while the process is down
	durable     account    // what the observer knows to be on it

	writes  []raft.Persist // handed over, not yet durable
	syncing int            // how many of them are being saved
	saves   int            // counts saves that were begun

	stuckUntil time.Duration  // no save returns before
	unsure     []raft.Persist // were being saved when the process ended
	damaged    bool           // since the last start
	joined     bool           // it knows its cluster
	garbled    bool           // a bit was flipped in the snapshot that it receives
	refused    bool           // it refused such a snapshot, and has received no other since

	fault      error  // what an operation of the file system will return,
	operations int    // after so many, and
	failed     string // which operation that was
}

// errPower is how the operations fail that come after the power.
var errPower = errors.New("sim: no power")

// before is asked by the file system ahead of each operation.
func (d *disk) before(operation, _ string) error {
	if d.fault == nil || d.fault == syscall.ENOSPC && operation != "create" && operation != "write" {
		return nil
	}
	if d.operations--; d.operations > 0 {
		return nil
	}
	if d.operations == 0 {
		d.failed = operation
	}
	err := d.fault
	if err != errPower {
		d.fault = nil // it fails once
	}
	return err
}

// bootstrap makes s one of the first voters, before anything can go wrong.
func (c *cluster) bootstrap(s *server, voters []raft.ServerID) {
	store, err := c.openStore(s)
	if err == nil {
		err = store.Bootstrap(clusterID, voters...)
	}
	if err = errors.Join(err, store.Close()); err != nil {
		c.observer.fail("V3", "%s cannot be made: %v", s, err)
	}
	s.disk.joined = true
	s.disk.durable.snapshot = raft.Bootstrap(voters...).Snapshot
	s.disk.durable.log = []slot{{config: &s.disk.durable.snapshot.Config}}
}

func (c *cluster) openStore(s *server) (*wal.Store, error) {
	return wal.Open(s.disk.fs, folder, wal.Options{
		Name: s.name, Incarnation: s.disk.incarnation, SegmentBytes: c.mix.segmentBytes,
	})
}

// open reads the disk, as a process does that starts. It reports whether that
// process can go on.
func (c *cluster) open(s *server) (saved raft.Saved, ok bool) {
	d := &s.disk
	store, err := c.openStore(s)
	if err != nil {
		c.cannotOpen(s, err)
		return saved, false
	}
	d.fault = nil
	d.store = store
	saved, err = store.Load()
	if err != nil {
		c.observer.fail("V3", "%s cannot load: %v", s, err)
		return saved, false
	}
	c.observer.recovered(s, saved)
	d.unsure, d.damaged = nil, false
	return saved, c.observer.err == nil
}

// cannotOpen: the only reasons are those that we made. A server that knows that
// its disk is damaged does not start, and says nothing to anybody (V5).
func (c *cluster) cannotOpen(s *server, err error) {
	c.tracef("%s cannot start: %v", s, err)
	switch {
	case errors.Is(err, wal.ErrCorrupt) && s.disk.damaged:
		c.counts[DamageRefused]++
		s.broken = true
	case errors.Is(err, errPower):
		c.counts[CrashInRecovery]++
		c.cutPower(s, c.disks)
		s.run++
		c.startAfter(s, around(c.disks, c.mix.downTime))
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENOSPC):
		s.disk.fs.Kill()
		s.run++
		c.startAfter(s, around(c.disks, c.mix.downTime))
	default:
		c.observer.fail("V3", "%s does not start: %v", s, err)
	}
}

// write hands a batch to the disk.
func (c *cluster) write(s *server, p raft.Persist) {
	s.disk.writes = append(s.disk.writes, p)
	if s.disk.syncing == 0 {
		c.sync(s)
	}
}

// sync begins to save the batches that wait, or the first few of them.
func (c *cluster) sync(s *server) {
	d := &s.disk
	d.syncing = 1 + c.disks.IntN(len(d.writes))
	if d.syncing > 1 {
		c.counts[GroupCommit]++
	}
	c.saveAfter(s, max(around(c.disks, c.mix.fsync), d.stuckUntil-c.now))
}

func (c *cluster) saveAfter(s *server, d time.Duration) {
	s.disk.saves++
	run, saves := s.run, s.disk.saves
	c.after(d, func() {
		if s.run == run && s.disk.saves == saves {
			c.save(s)
		}
	})
}

// unstick lets a disk that is stuck answer.
func (c *cluster) unstick(s *server) {
	s.disk.stuckUntil = 0
	if s.disk.syncing > 0 {
		c.saveAfter(s, around(c.disks, c.mix.fsync))
	}
}

// save makes durable what is due, whether or not the process is paused, and
// tells the process.
func (c *cluster) save(s *server) {
	d := &s.disk
	done := d.writes[:d.syncing:d.syncing]
	d.writes, d.syncing = d.writes[d.syncing:], 0
	if err := d.store.Save(done); err != nil {
		d.unsure = slices.Clone(done)
		c.diskFailed(s, err)
		return
	}
	c.took(s, Input{Kind: Written, Number: done[len(done)-1].Seq})
	for _, p := range done {
		c.observer.saved(s, p)
	}
	if c.observer.err != nil {
		return
	}
	if len(d.writes) > 0 {
		c.sync(s)
	}
	if c.mayCrash(s) {
		return
	}
	c.input(s, func() {
		s.raft.Persisted(done[len(done)-1].Seq)
		var messages []raft.Message
		for _, p := range done {
			messages = append(messages, p.Messages...)
		}
		c.sendAll(s, messages)
	})
}

// diskFailed ends the process: nothing is known any more of what is durable. The
// operator starts it again.
func (c *cluster) diskFailed(s *server, err error) {
	if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
		c.observer.fail("V1", "%s cannot save: %v", s, err)
		return
	}
	c.tracef("%s ends: %v", s, err)
	c.counts[DiskFailed]++
	c.stop(s)
	c.losePageCache(s, c.disks)
	s.disk.writes, s.disk.syncing, s.disk.store = nil, 0, nil
	c.startAfter(s, around(c.disks, c.mix.downTime))
}

// cutPower is what a crash does to the disk: a save and a snapshot that were on
// their way get as far as some operation of the file system, and what was not
// synced may be lost, sector by sector and name by name.
func (c *cluster) cutPower(s *server, r *rand.Rand) {
	d := &s.disk
	if len(d.writes) > 0 {
		c.counts[CrashBeforeDurable]++
	}
	d.fault, d.operations, d.failed = errPower, 1+r.IntN(8), ""
	if m := &s.machine; m.saving != nil && d.store != nil && r.IntN(2) == 0 {
		d.store.WriteSnapshot(m.saving.meta, m.saving.state) // its error is known
	}
	if d.syncing > 0 && r.IntN(2) == 0 {
		d.unsure = slices.Clone(d.writes[:d.syncing])
		d.store.Save(d.unsure) // its error is known
	}
	if d.failed == "sync" {
		c.counts[CrashBeforeSync]++
	}
	d.fault = nil
	if r.IntN(3) == 0 {
		d.fs.Kill() // only the process ended
	} else {
		c.losePageCache(s, r)
	}
	d.writes, d.syncing, d.store = nil, 0, nil
}

func (c *cluster) losePageCache(s *server, r *rand.Rand) {
	perMille := oneOf(r, 0, 500, 500, 1000)
	s.disk.fs.Crash(func() bool { return chance(r, perMille) })
}
