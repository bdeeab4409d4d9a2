package sim

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"kvorum/raft"
)

// World is a run that is played event by event, looked at in between, and
// interfered with: what a laboratory needs. The same options and the same
// interference after the same events are the same run.
//
// It is not safe for concurrent use. Close it when it is not played to its end.
type World struct {
	c    *cluster
	step func() (struct{}, bool)
	stop func()

	yield   func(struct{}) bool
	over    bool
	inside  bool                       // of what is one event
	count   int                        // of messages, copies included
	flights []*packet                  // on their way, in the order of their numbers
	granted map[ballot][]raft.ServerID // the votes that have arrived
	asks    []*operation               // of clients, in order
	digest  uint64
}

// ballot is an election, or an attempt at one, of one server.
type ballot struct {
	candidate raft.ServerID
	term      raft.Term
	pre       bool
}

// NewWorld returns the run of o before its first event. Options.Until is not
// observed.
func NewWorld(o Options) *World {
	o.Until = 0
	w := &World{c: newCluster(o), granted: map[ballot][]raft.ServerID{}}
	w.c.world = w
	// A run with faults waits for this and that in the middle of its functions,
	// so it goes on in them from one event to the next.
	w.step, w.stop = iter.Pull(func(yield func(struct{}) bool) {
		w.yield = yield
		w.c.guard(func() {
			w.c.create()
			w.c.play()
		})
	})
	w.step() // to where the servers have started, before the first event
	return w
}

// Step plays the next event. It reports false, and plays nothing, when the run is
// over: an invariant broke, or it has come to its end.
func (w *World) Step() bool {
	if w.over || w.c.observer.err != nil {
		return false
	}
	played := w.c.played
	if _, more := w.step(); !more {
		w.over = true
	}
	return w.c.played > played
}

// Quiet says whether Options.Trace is to be left alone from now on, by who plays what
// they know already: to write it takes a third of the time. The run is the same.
func (w *World) Quiet(quiet bool) { w.c.quiet = quiet }

// Close ends the run.
func (w *World) Close() {
	w.over = true
	w.stop()
}

// turn lets whoever plays the run have a look, before every event: after the last
// one it is known that there is none.
func (w *World) turn() {
	if w != nil && !w.yield(struct{}{}) {
		w.c.observer.stop()
	}
}

// Events returns how many events have been played; what is done to the world is
// one, too.
func (w *World) Events() int { return w.c.played }

// Now returns when the last of them was, in virtual time.
func (w *World) Now() time.Duration { return w.c.now }

// Next returns when the next event comes, as far as is known.
func (w *World) Next() time.Duration { return w.c.events.heap[0].at }

// Over reports whether nothing comes any more.
func (w *World) Over() bool { return w.over || w.c.observer.err != nil }

// Violation returns the first invariant that broke, or nil.
func (w *World) Violation() *Violation {
	v, _ := w.c.violation().(*Violation)
	return v
}

// Digest is of all that servers have done and said: equal for equal runs.
func (w *World) Digest() uint64 { return fold(w.digest, w.c.observer.digest) }

// said, launch, land and heard follow the network, for whoever plays the run.
func (w *World) said(p *packet) {
	if w != nil {
		w.digest = foldBytes(fold(w.digest, uint64(w.c.now)), []byte(p.String()))
	}
}

func (w *World) launch(p *packet) {
	if w != nil {
		w.count++
		p.number = w.count
		w.flights = append(w.flights, p)
	}
}

func (w *World) land(p *packet) {
	if w != nil {
		w.flights = slices.DeleteFunc(w.flights, func(other *packet) bool { return other == p })
	}
}

// heard counts the votes as they come.
func (w *World) heard(p *packet) {
	if w == nil {
		return
	}
	b := ballot{candidate: p.To, term: p.Term}
	switch body := p.Body.(type) {
	case raft.RequestVoteResponse:
		if !body.VoteGranted {
			return
		}
	case raft.RequestPreVoteResponse:
		if !body.VoteGranted {
			return
		}
		b.term, b.pre = body.NextTerm, true
	default:
		return
	}
	if !slices.Contains(w.granted[b], p.From) {
		w.granted[b] = append(w.granted[b], p.From)
	}
}

func (w *World) asked(o *operation) {
	if w != nil {
		w.asks = append(w.asks, o)
	}
}

const forever = time.Duration(math.MaxInt64)

// calmMix is of a run in which nothing goes wrong by itself.
func calmMix(clients int) mix {
	const t = ElectionTimeout
	m := mix{
		servers: 3, voters: 3, clients: clients, keys: 3,
		delay: t / 16, fsync: t / 60, applyTime: t / 200, snapshotTime: t / 8, downTime: t, heartbeatTicks: 2,
		maxAppend: raft.Limit{Entries: 8}, maxInflight: raft.Limit{Entries: 32}, maxUncommitted: raft.Limit{Entries: 200},
		snapshotEvery: 1 << 30, keep: 2, segmentBytes: 4 << 10, readPercent: 40,
	}
	if clients > 0 {
		m.ask = t / 2
	}
	return m
}

// keepAsking is what goes on in a calm run: its own clients, if it has any, and
// time, which passes also where no server runs.
func (c *cluster) keepAsking() {
	r := stream(c.seed, forPhases)
	var second, ask func()
	second = func() { c.after(time.Second, second) }
	ask = func() {
		c.ask(r)
		c.after(around(r, c.mix.ask), ask)
	}
	second()
	if c.mix.ask > 0 {
		c.after(ElectionTimeout, ask)
	}
}

// at does something to a server, as an event.
func (w *World) at(id raft.ServerID, do func(s *server) error) error {
	s := w.c.byID[id]
	if s == nil {
		return fmt.Errorf("there is no server %s", id)
	}
	return w.event(func() error { return do(s) })
}

// event does something to the world. It counts as an event if it could be done.
func (w *World) event(do func() error) (err error) {
	switch {
	case w.Over():
		return errors.New("the run is over")
	case w.c.phase != chaos:
		return errors.New("all faults have ended: now the simulator waits for the servers to settle")
	}
	if w.inside {
		return do()
	}
	w.inside = true
	w.c.guard(func() { err = do() })
	w.inside = false
	if err == nil {
		w.c.played++
	}
	return err
}

// Together does several things to the world as one event. It is for what cannot
// fail once the first has been done.
func (w *World) Together(do func() error) error { return w.event(do) }
