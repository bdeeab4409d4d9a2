package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"kvorum/raft"
)

// Times that all seeds share. A server's clock is drawn around tickTime.
const (
	tickTime      = 50 * time.Millisecond
	electionTicks = 10
	// ElectionTimeout is the minimum election timeout of a server whose clock
	// is right, in virtual time.
	ElectionTimeout = electionTicks * tickTime

	chaosTime      = 100 * ElectionTimeout
	shortChaosTime = 14 * ElectionTimeout
)

// Options say what to play.
type Options struct {
	Seed  uint64
	Trace func(line string) // is given a line for everything that happens; may be nil
	Until time.Duration     // stop at this virtual time; 0: play to the end

	// Record is given all inputs of all cores, in order; may be nil.
	Record func(Input)

	Drop []int // numbers of actions, from 0, that are left out

	// Servers is how many there are, at most 7; 0: as many as the seed draws.
	Servers int

	// Short plays three servers for a few seconds, and keeps the history of
	// what their clients saw.
	Short bool

	// Calm plays three servers, or as many as Servers says, without faults and
	// without an end: what happens is up to who plays it (see World).
	Calm bool
	// Clients is how many clients a calm run has of its own.
	Clients int
}

// Result is what a run found out.
type Result struct {
	Seed    uint64
	Err     error         // a *Violation: the first invariant that broke
	Digest  uint64        // of every observation in turn: equal for equal runs
	Events  int           // inputs, completions and faults played
	Time    time.Duration // virtual
	Settled time.Duration // virtual, from the end of the faults until all was well
	Counts  map[Situation]int
	Actions int         // of clients and faults; each has a number below this one
	Servers []string    // the ids of all, n1 or, in the place of one that was lost, n1@2
	History []Operation // of a short run
}

// Violation is an invariant that broke.
type Violation struct {
	Invariant string        // its short name
	At        time.Duration // virtual
	Text      string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s at %v: %s", v.Invariant, v.At, v.Text)
}

// Run plays seed. If trace is not nil it is given a line for everything that
// happens. It returns within a second or so of real time.
func Run(seed uint64, trace func(line string)) Result {
	return Play(Options{Seed: seed, Trace: trace})
}

// errStop ends a run that was asked to stop before its end.
var errStop = errors.New("sim: stopped")

// Play plays a run.
func Play(o Options) Result {
	c := newCluster(o)
	c.guard(func() {
		c.create()
		c.play()
	})
	return Result{
		Seed: o.Seed, Err: c.violation(), Digest: c.observer.digest, Events: c.played, Time: c.now,
		Settled: c.settled, Counts: c.counts, Actions: c.actions, History: c.clients.history(c.now),
		Servers: c.names(),
	}
}

// guard does a part of a run. The core names broken invariants itself.
func (c *cluster) guard(do func()) {
	defer func() {
		if p := recover(); p != nil {
			c.tracef("%s", debug.Stack())
			c.observer.fail("panic", "%v", p)
		}
	}()
	do()
}

// violation returns the first invariant that broke.
func (c *cluster) violation() error {
	if err := c.observer.err; err != errStop {
		return err
	}
	return nil
}

func (c *cluster) names() []string {
	var all []string
	for _, s := range c.servers {
		all = append(all, s.String())
	}
	return all
}

func (c *cluster) play() {
	chaos := chaosTime
	switch {
	case c.calm:
		c.keepAsking()
		c.playUntil(forever)
		return
	case c.short:
		chaos = shortChaosTime
	}
	c.planActions(chaos, nemesis)
	c.playUntil(chaos)
	if !c.short {
		c.playCore()
	}
	c.playHealed()
}

// phase is a part of a run.
type phase int

const (
	chaos phase = iota
	core
	healed
)

// cluster is the servers and the world they run in.
type cluster struct {
	seed         uint64
	short, calm  bool
	mix          mix
	phase        phase
	weatherSince time.Duration // when it began
	now          time.Duration
	until        time.Duration // 0: to the end
	events       events
	played       int
	servers      []*server // in the order in which they came
	byID         map[raft.ServerID]*server
	network      network
	disks        *rand.Rand
	machines     *rand.Rand
	starts       *rand.Rand
	clients      clients
	actions      int
	dropped      map[int]bool
	observer     *observer
	counts       map[Situation]int
	settled      time.Duration
	trace        func(string)
	quiet        bool // what happens is known, and nobody listens for now
	record       func(Input)
	world        *World // who looks on and interferes; nil: nobody
}

func newCluster(o Options) *cluster {
	c := &cluster{
		seed: o.Seed, short: o.Short, calm: o.Calm, until: o.Until, trace: o.Trace, record: o.Record,
		byID: map[raft.ServerID]*server{}, dropped: map[int]bool{}, counts: map[Situation]int{},
		disks: stream(o.Seed, forDisks), machines: stream(o.Seed, forMachines), starts: stream(o.Seed, forServers),
	}
	for _, n := range o.Drop {
		c.dropped[n] = true
	}
	c.observer = newObserver(c)
	c.network = newNetwork(o.Seed)
	c.mix = drawMix(stream(o.Seed, forMix), o.Short)
	if o.Calm {
		c.mix = calmMix(o.Clients)
	}
	if n := o.Servers; n > 0 {
		c.mix.servers, c.mix.voters = n, max(1, n-(c.mix.servers-c.mix.voters))
	}
	c.clients = newClients(c)
	return c
}

// create makes the first servers, and lets the voters among them form a cluster.
func (c *cluster) create() {
	if !c.calm { // which has no faults to tell of
		for line := range strings.SplitSeq(c.mix.String(), "\n") {
			c.tracef("%s", line)
		}
	}
	for i := range c.mix.servers {
		c.add(fmt.Sprintf("n%d", i+1), 1, c.mix.clock(c.starts))
	}
	var voters []raft.ServerID
	for _, s := range c.servers[:c.mix.voters] {
		voters = append(voters, s.id)
	}
	c.observer.bootstrap(raft.Bootstrap(voters...).Snapshot.Config)
	for i, s := range c.servers {
		if i < c.mix.voters {
			c.bootstrap(s, voters)
		}
		c.start(s)
	}
}

// after plans do for d from now.
func (c *cluster) after(d time.Duration, do func()) { c.events.add(c.now+d, do) }

// playUntil plays events until the given time or the first broken invariant.
func (c *cluster) playUntil(end time.Duration) {
	if c.until > 0 && end > c.until {
		end = c.until
		defer c.observer.stop()
	}
	for c.observer.err == nil && c.events.heap[0].at <= end {
		if c.world.turn(); c.observer.err != nil {
			break // whoever plays the run has broken something, or has enough
		}
		e := c.events.next()
		c.now = e.at
		c.played++
		e.do()
	}
	if c.observer.err == nil {
		c.now = max(c.now, end)
	}
}

func (c *cluster) tracef(format string, args ...any) {
	if c.trace != nil && !c.quiet {
		c.trace(fmt.Sprintf("%10.3fs ", c.now.Seconds()) + fmt.Sprintf(format, args...))
	}
}
