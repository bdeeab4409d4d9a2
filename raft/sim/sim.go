// Package sim plays a cluster of Raft servers through faults, in one goroutine
// and in virtual time, and checks after every event that what the paper
// promises still holds.
//
// Everything random comes from one seed, which also draws the seed's own mix of
// faults: the same seed is the same run, event for event. A run has two parts.
// In the first the nemesis (faults.go) crashes and pauses servers, stalls disks,
// cuts links and changes the membership; only safety is demanded. Then all
// faults end, and the cluster must settle within a bounded time.
//
// A test that fails prints the seed. To see that run again, line by line:
//
//	go test ./raft/sim -run TestSeeds -seed 17 -v
//
// The observer (invariants.go) believes no server: it sees what the servers hand
// out to disks, network and state machines, and keeps its own account.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"kvorum/raft"
)

// Times that all seeds share. A tick is drawn for each server around tickTime.
const (
	tickTime       = 10 * time.Millisecond
	electionTicks  = 10
	heartbeatTicks = 2
	chaosTime      = 12 * time.Second
	// ElectionTimeout is the minimum election timeout of a server whose clock
	// is right, in virtual time.
	ElectionTimeout = electionTicks * tickTime
)

// Options say what to play.
type Options struct {
	Seed  uint64
	Trace func(line string) // is given a line for everything that happens; may be nil
	Until time.Duration     // stop at this virtual time; 0: play to the end
	Drop  []int             // numbers of actions, from 0, that are left out
}

// Result is what a run found out.
type Result struct {
	Seed    uint64
	Err     error         // a *Violation: the first invariant that broke, or what did not settle
	Digest  uint64        // of every observation in turn: equal for equal runs
	Events  int           // inputs, completions and faults played
	Time    time.Duration // virtual
	Settled time.Duration // virtual, from the end of the faults until all was well
	Counts  map[Situation]int
	Actions int // of clients and faults; each has a number below this one
}

// Violation is an invariant that broke.
type Violation struct {
	Invariant string        // which one, without the particulars
	At        time.Duration // virtual
	Text      string
}

func (v *Violation) Error() string { return fmt.Sprintf("at %v: %s", v.At, v.Text) }

// Run plays seed. If trace is not nil it is given a line for everything that
// happens. It returns within a second or so of real time.
func Run(seed uint64, trace func(line string)) Result {
	return Play(Options{Seed: seed, Trace: trace})
}

// Play plays a run, or what Options leave of it.
func Play(o Options) (res Result) {
	c := newCluster(o)
	defer func() {
		if p := recover(); p != nil { // the core names broken invariants itself
			c.tracef("%s", debug.Stack())
			c.observer.fail("panic: %v", p)
		}
		res = Result{o.Seed, nil, c.observer.digest, c.played, c.now, c.settled, c.counts, c.actions}
		if err := c.observer.err; err != nil {
			c.tracef("%s", err.Text)
			err.At, res.Err = c.now, err
		}
	}()
	c.unleash()
	end := chaosTime
	if o.Until > 0 {
		end = min(end, o.Until)
	}
	c.playUntil(end)
	if c.observer.err == nil && (o.Until == 0 || o.Until > chaosTime) {
		c.settle()
	}
	return
}

// cluster is the servers and the world they run in.
type cluster struct {
	seed     uint64
	rand     *rand.Rand
	actions  int          // begun or left out
	dropped  map[int]bool // the numbers of those that are left out
	now      time.Duration
	events   events
	played   int
	servers  []*server
	network  network
	mix      mix
	healed   bool
	observer *observer
	clients  clients
	counts   map[Situation]int
	settled  time.Duration
	trace    func(string)
}

// server is one process with its disk. The process comes and goes.
type server struct {
	id      raft.ServerID
	tick    time.Duration // of its clock
	raft    *raft.Raft    // nil while the process is down
	run     int           // counts crashes: what an earlier process waited for is void
	paused  bool
	backlog []func() // inputs that came while it was paused
	disk    disk
	machine machine
	log     []slot      // log[i] is entry i, as the process has handed it out
	seen    raft.Status // when it was last observed
	asked   raft.Term   // in which it was told to take over leadership
}

func newCluster(o Options) *cluster {
	c := &cluster{
		seed: o.Seed, rand: stream(o.Seed, 0), trace: o.Trace, dropped: map[int]bool{},
		network: network{cut: map[link]bool{}}, observer: newObserver(), counts: map[Situation]int{}, clients: newClients(),
	}
	for _, n := range o.Drop {
		c.dropped[n] = true
	}
	c.mix = drawMix(c.rand)
	c.tracef("%+v", c.mix)
	var voters []raft.ServerID
	for i := range c.mix.servers {
		s := &server{id: raft.ServerID(fmt.Sprintf("n%d", i+1)), tick: c.mix.clock(c.rand)}
		c.servers = append(c.servers, s)
		if i < c.mix.voters {
			voters = append(voters, s.id)
		}
	}
	first := raft.Bootstrap(voters...).Snapshot
	c.observer.bootstrap(first.Config)
	for i, s := range c.servers {
		meta := raft.SnapshotMeta{}
		if i < c.mix.voters {
			meta = first
		}
		s.disk = newDisk(meta)
		c.start(s)
	}
	return c
}

func (c *cluster) server(id raft.ServerID) *server {
	for _, s := range c.servers {
		if s.id == id {
			return s
		}
	}
	panic("sim: no server " + id)
}

// start starts the process from what its disk holds.
func (c *cluster) start(s *server) {
	s.raft = raft.New(raft.Config{
		ID: s.id, ElectionTicks: electionTicks, HeartbeatTicks: heartbeatTicks,
		MaxAppend: c.mix.maxAppend, MaxInflight: c.mix.maxInflight, MaxUncommitted: c.mix.maxUncommitted,
		Seed: c.rand.Uint64(), Trace: c.trace != nil,
	}, s.disk.load())
	s.log = append([]slot(nil), s.disk.log...)
	s.machine = machine{applied: s.disk.snapshot.LastIncludedIndex, state: s.disk.state, config: s.disk.snapshot.Config}
	c.observer.started(s)
	c.keepTicking(s, time.Duration(c.rand.Int64N(int64(s.tick))))
	c.tracef("%s starts", s.id)
}

// keepTicking gives s a tick after d, and from then on at the rate of its clock.
func (c *cluster) keepTicking(s *server, d time.Duration) {
	run := s.run
	c.after(d, func() {
		if s.run != run {
			return
		}
		c.keepTicking(s, s.tick)
		if !s.paused || c.mix.tickBursts {
			c.input(s, s.raft.Tick)
		}
	})
}

// crash ends the process. The disk keeps what it must, and some of the rest.
func (c *cluster) crash(s *server) {
	c.tracef("%s crashes", s.id)
	if len(s.disk.writes) > 0 {
		c.counts[CrashBeforeDurable]++
	}
	c.loseWrites(s)
	s.raft, s.paused, s.backlog = nil, false, nil
	s.run++
	c.after(c.around(c.mix.downTime), func() {
		if s.raft == nil {
			c.start(s)
		}
	})
}

// mayCrash is called between any two effects: that is where bugs live.
func (c *cluster) mayCrash(s *server) bool {
	if !c.healed && c.chance(c.mix.crashPoint) {
		c.crash(s)
		return true
	}
	return false
}

// input lets the process take an input and carries out what it asks for. A
// paused process takes it later, one that is down never.
func (c *cluster) input(s *server, f func()) {
	switch {
	case s.raft == nil:
		return
	case s.paused:
		s.backlog = append(s.backlog, f)
		return
	}
	f()
	if s.raft != nil && !c.chance(c.mix.drainMore) { // else together with the next input
		c.perform(s)
	}
}

// later is input after d, unless the process that waits for it has crashed.
func (c *cluster) later(s *server, d time.Duration, f func()) {
	run := s.run
	c.after(d, func() {
		if s.run == run {
			c.input(s, f)
		}
	})
}

func (c *cluster) perform(s *server) {
	fx := s.raft.Effects()
	for _, line := range fx.Trace {
		c.tracef("%s %s", s.id, line)
	}
	c.observe(s, fx.Persist)
	if c.observer.err != nil {
		return
	}
	for _, m := range fx.Messages {
		if c.mayCrash(s) {
			return
		}
		c.send(s, m)
	}
	if fx.Persist.Seq != 0 && !c.mayCrash(s) {
		c.write(s, fx.Persist)
	}
	if s.raft != nil && (fx.Restore != nil || len(fx.Committed) > 0 || len(fx.Reads) > 0) && !c.mayCrash(s) {
		c.work(s, fx)
	}
}

// event is something that happens at a time. Events at one time happen in the
// order in which they were planned.
type event struct {
	at    time.Duration
	order int
	do    func()
}

type events struct {
	heap  []event
	count int
}

func (e *events) Len() int           { return len(e.heap) }
func (e *events) Less(i, j int) bool { return e.heap[i].before(e.heap[j]) }
func (e *events) Swap(i, j int)      { e.heap[i], e.heap[j] = e.heap[j], e.heap[i] }
func (e *events) Push(x any)         { e.heap = append(e.heap, x.(event)) }
func (e *events) Pop() any {
	last := e.heap[len(e.heap)-1]
	e.heap = e.heap[:len(e.heap)-1]
	return last
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.order < f.order }

// after plans do for d from now.
func (c *cluster) after(d time.Duration, do func()) {
	c.events.count++
	heap.Push(&c.events, event{c.now + d, c.events.count, do})
}

// playUntil plays events until the given time or the first broken invariant.
func (c *cluster) playUntil(end time.Duration) {
	for c.observer.err == nil && c.events.heap[0].at <= end {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		c.played++
		e.do()
	}
	if c.observer.err == nil {
		c.now = max(c.now, end)
	}
}

func (c *cluster) tracef(format string, args ...any) {
	if c.trace != nil {
		c.trace(fmt.Sprintf("%10.3fms ", float64(c.now)/1e6) + fmt.Sprintf(format, args...))
	}
}
