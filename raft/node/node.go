package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"kvorum/raft"
)

// Config says what a Node runs and on what.
type Config struct {
	Raft            raft.Config
	TickInterval    time.Duration // the length of a tick, the unit of times in Raft
	SnapshotEntries raft.Index    // applied entries between snapshots, more if writing one takes longer; 0: only TakeSnapshot takes them
	SnapshotBytes   int           // applied commands between snapshots, in bytes, or the last snapshot's size if larger; 0: 64 MiB
	SnapshotTail    raft.Index    // entries kept before a snapshot, for slow followers, of at most SnapshotBytes in all
	Storage         Storage
	Transport       Transport
	StateMachine    StateMachine
	Logger          *slog.Logger     // nil: none
	Observe         func(Leadership) // called on each change, from run: it must not block; may be nil
}

// Leadership is who leads, as one server knows it.
type Leadership struct {
	Role   raft.Role
	Term   raft.Term
	Leader raft.ServerID // raft.None: unknown
}

// Node is a running server.
type Node struct {
	cfg        Config
	log        *slog.Logger
	inbox      inbox
	saves      chan []raft.Persist
	saved      chan uint64 // the last batch that save has made durable
	works      chan []work
	jobs       chan snapshotJob
	snapshots  chan raft.SnapshotMeta // written by snap
	stopped    chan struct{}          // closed when Run returns
	news       chan struct{}          // capacity 1, as one reminder is enough
	leadership atomic.Pointer[Leadership]
	applied    atomic.Uint64 // the last index that apply has applied
	installed  atomic.Uint64 // snapshots received from a leader
	unwritten  atomic.Int32  // snapshots that apply has taken, and snap has not written yet
	newBytes   atomic.Int64  // of the commands applied since a snapshot was last taken
	stateBytes atomic.Int64  // the size of the latest snapshot, written or restored
	stuck      atomic.Int64  // for how long the disk has been stuck, in nanoseconds

	// Owned by run.
	raft      *raft.Raft
	clock     clock
	now       int                      // ticks since the start
	led       int                      // the tick at which this server last led
	calm      int                      // the tick before which no election timeout is over
	told      raft.Index               // what handed was at the last tick
	messages  []raft.Message           // taken from the inbox
	asked     []func()                 // taken from the inbox
	unsaved   []raft.Persist           // due to save
	saving    bool                     // save has not answered yet
	undone    []work                   // due to apply
	handed    raft.Index               // the last entry that was due to apply
	held      []*proposal              // not yet given to raft
	heldBytes int                      // of their commands
	proposals map[raft.Index]*proposal // not yet decided
	changes   []*proposal              // of the configuration, committed as C-old,new
	transfers []*transfer              // not yet over
	newReads  []*read                  // not yet given to raft
	reads     []*readBatch             // not yet confirmed
	nextRead  uint64                   // never repeats, not even after a restart
}

// New returns a node that does nothing until Run.
func New(cfg Config) *Node {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cfg.SnapshotBytes = cmp.Or(cfg.SnapshotBytes, 64<<20)
	n := &Node{
		cfg: cfg, log: log,
		inbox:     newInbox(),
		saves:     make(chan []raft.Persist),
		saved:     make(chan uint64),
		works:     make(chan []work),
		jobs:      make(chan snapshotJob, 1), // one that was asked for waits while another is written
		snapshots: make(chan raft.SnapshotMeta),
		stopped:   make(chan struct{}),
		news:      make(chan struct{}, 1),
		proposals: map[raft.Index]*proposal{},
		nextRead:  rand.Uint64(),
	}
	n.leadership.Store(&Leadership{})
	return n
}

// Run serves until ctx ends, and then returns nil, or until storage or the
// state machine fails. No goroutine outlives it.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.stopped)
	at, err := n.load()
	if err != nil {
		return err
	}
	parent := ctx
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	var others sync.WaitGroup
	for _, part := range []func(context.Context) error{n.save, n.snap,
		func(ctx context.Context) error { return n.apply(ctx, at) }} {
		others.Go(func() {
			if err := part(ctx); err != nil {
				fail(err)
			}
		})
	}
	n.run(ctx)
	others.Wait()
	if err := context.Cause(ctx); err != context.Cause(parent) {
		return err
	}
	return nil
}

// load restores what earlier runs saved.
func (n *Node) load() (raft.SnapshotMeta, error) {
	saved, err := n.cfg.Storage.Load()
	if err != nil {
		return raft.SnapshotMeta{}, err
	}
	if saved.Snapshot.LastIncludedIndex > 0 {
		if err := n.restore(saved.Snapshot); err != nil {
			return raft.SnapshotMeta{}, err
		}
	}
	n.raft = raft.New(n.cfg.Raft, saved)
	n.observe()
	return saved.Snapshot, nil
}

func (n *Node) run(ctx context.Context) {
	n.clock = newClock(n.cfg.TickInterval)
	defer n.clock.timer.Stop()
	for {
		// A nil channel is never ready: nothing is offered when nothing is due.
		var saves chan<- []raft.Persist
		if len(n.unsaved) > 0 {
			saves = n.saves
		}
		var works chan<- []work
		if len(n.undone) > 0 {
			works = n.works
		}
		select {
		case <-ctx.Done():
			return
		case saves <- n.unsaved:
			n.unsaved, n.saving = nil, true
			continue
		case works <- n.undone:
			n.undone = nil
			continue
		case <-n.clock.timer.C:
		case <-n.inbox.ready:
			runtime.Gosched() // who is about to ask may do so now
		case seq := <-n.saved:
			n.saving = false
			n.raft.Persisted(seq)
		case s := <-n.snapshots:
			n.raft.Compact(s, n.cfg.SnapshotTail, n.cfg.SnapshotBytes)
		}
		for range n.clock.passed() {
			n.tick()
		}
		n.takeInbox()
		n.startProposals()
		n.startReads()
		n.perform(n.raft.Effects())
		n.observe()
		n.clock.sleep(n.patience())
	}
}

// takeInbox takes all that waits, so that one AppendEntries and one fsync serve it.
func (n *Node) takeInbox() {
	n.messages, n.asked = n.inbox.take(n.messages[:0], n.asked[:0])
	for _, m := range n.messages {
		n.raft.Step(m)
		n.listen(m)
	}
	for _, do := range n.asked {
		do()
	}
	clear(n.messages) // nothing is kept that is done
	clear(n.asked)
}

func (n *Node) tick() {
	n.now++
	n.told = n.handed
	n.raft.Tick()
	if role, _, _ := n.raft.Leadership(); role == raft.Leader {
		n.led = n.now
	}
	n.observeDisk()
	n.expire()
}

// observeDisk publishes for how long the disk has been stuck, and says when
// that begins and ends.
func (n *Node) observeDisk() {
	var stuck time.Duration
	if s := n.raft.Status(); s.DiskStuck {
		stuck = time.Duration(s.DiskWait) * n.cfg.TickInterval
	}
	before := time.Duration(n.stuck.Swap(int64(stuck)))
	if (before > 0) != (stuck > 0) {
		notify(n.news)
	}
	switch {
	case before == 0 && stuck > 0:
		n.log.Warn("the disk does not answer: until it does this server neither leads nor stands for election", "for", stuck)
	case before > 0 && stuck == 0:
		n.log.Info("the disk answers again", "after", before)
	}
}

// perform hands out effects. The order of its parts does not matter: they are
// independent of each other.
func (n *Node) perform(fx raft.Effects) {
	for _, m := range fx.Messages {
		n.cfg.Transport.Send(m)
	}
	if fx.Persist.Seq != 0 {
		n.unsaved = append(n.unsaved, fx.Persist)
	}
	for _, t := range fx.Trace {
		n.log.Debug(t)
	}
	if w := n.decide(fx); !w.empty() {
		n.undone = append(n.undone, w)
	}
}

// observe publishes who leads, and starts again what a change of leader lost.
func (n *Node) observe() {
	role, term, leader := n.raft.Leadership()
	now, before := Leadership{role, term, leader}, *n.leadership.Load()
	n.observeTransfers(now)
	if now == before {
		return
	}
	n.leadership.Store(&now)
	notify(n.news)
	if text := describe(before, now); text != "" {
		n.log.Info(text, "leader", Name(leader), "term", term)
	}
	n.restartReads(0)
	if n.cfg.Observe != nil {
		n.cfg.Observe(now)
	}
}

// save makes batches durable: all that queued up while it wrote the last, with
// one fsync. Only then do the messages leave that promise what is in them.
func (n *Node) save(ctx context.Context) error {
	for {
		var batches []raft.Persist
		select {
		case batches = <-n.saves:
		case <-ctx.Done():
			return nil
		}
		if err := n.cfg.Storage.Save(batches); err != nil {
			return fmt.Errorf("node: save: %w", err)
		}
		for _, b := range batches {
			for _, m := range b.Messages {
				n.cfg.Transport.Send(m)
			}
		}
		select {
		case n.saved <- batches[len(batches)-1].Seq:
		case <-ctx.Done():
			return nil
		}
	}
}
