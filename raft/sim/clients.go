package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// clients ask servers to read and write, one thing at a time each, and ask again
// when nobody answers. Most write in a session, so that asking again is safe.
type clients struct {
	rand     *rand.Rand
	all      []*client
	silent   bool // they ask nothing new
	lastID   int
	values   int
	readID   uint64
	reads    map[uint64]*pendingRead
	recorded []*operation // of a short run
}

// client is one that knows at most one session.
type client struct {
	id        int
	inSession bool
	session   uint64 // 0: it has none yet
	sequence  uint64
	underWay  *operation
}

func newClients(c *cluster) clients {
	l := clients{rand: stream(c.seed, forClients), reads: map[uint64]*pendingRead{}}
	for i := range c.mix.clients {
		l.all = append(l.all, &client{id: i, inSession: i%4 != 3})
	}
	l.lastID = len(l.all)
	return l
}

// operation is what a client wants, with what came of it.
type operation struct {
	Operation
	client   *client
	command  kv.Command // nil: a read
	encoded  []byte
	at       once // where it has a session
	try      int  // counts attempts
	accepted int  // attempts that may have had an effect, as far as the client knows
	done     bool
	read     *pendingRead // the last attempt
	deposed  bool         // a leader fell while it was being read from
	happened bool         // an attempt is committed
	expired  bool         // its session had ended: being committed means nothing
}

// once names a write of a session.
type once struct{ session, sequence uint64 }

// attempt is one try of a write that a server has accepted.
type attempt struct {
	op        *operation
	at        raft.EntryID
	committed bool
	lost      bool // it was said to have had no effect
}

// ask begins an operation for a client, unless it is waiting for another.
func (c *cluster) ask(r *rand.Rand) {
	l := &c.clients
	k := oneOf(r, l.all...)
	if k.underWay != nil || l.silent {
		return
	}
	l.values++
	o := &operation{client: k, Operation: Operation{Client: k.id, Key: fmt.Sprintf("k%d", r.IntN(c.mix.keys)), Call: c.now}}
	if k.inSession && k.session == 0 {
		o.Kind, o.command = openSession, kv.OpenSession{}
	} else {
		c.draw(r, o)
	}
	if o.command != nil {
		o.encoded = kv.Encode(o.command)
	}
	k.underWay = o
	c.world.asked(o)
	if c.short && o.Kind != openSession {
		l.recorded = append(l.recorded, o)
	}
	c.try(o, r)
}

// draw decides what the operation is.
func (c *cluster) draw(r *rand.Rand, o *operation) {
	k, value := o.client, fmt.Sprintf("v%d", c.clients.values)
	var session *kv.Once
	if k.inSession {
		session = &kv.Once{Session: k.session, Sequence: k.sequence + 1, FirstUnacked: k.sequence + 1}
	}
	if chance(r, 50) {
		value += strings.Repeat(".", r.IntN(300))
	}
	content := []byte(value)
	switch n := r.IntN(100); {
	case n < c.mix.readPercent:
		o.Kind = Get
		return
	case n < c.mix.readPercent+10:
		o.Kind, o.command = Delete, kv.Delete{Key: o.Key, Once: session}
	case n < c.mix.readPercent+30:
		o.Kind, o.Value = CompareAndSet, value
		o.Expected = c.guess(r, o.Key)
		o.command = kv.CompareAndSet{Key: o.Key, Expected: expected(o.Expected), Value: content, Once: session}
	default:
		o.Kind, o.Value = Set, value
		o.command = kv.Set{Key: o.Key, Value: content, Once: session}
	}
	if session != nil {
		k.sequence++
		o.at = once{k.session, k.sequence}
	}
}

// guess is what somebody may believe that a key holds: what some server says.
func (c *cluster) guess(r *rand.Rand, key string) State {
	s := oneOf(r, c.servers...)
	if s.machine.kv == nil {
		return State{}
	}
	value, _, ok := s.machine.kv.Get(key)
	return State{ok, string(value)}
}

func expected(s State) kv.Expected {
	if !s.Exists {
		return kv.Absent{}
	}
	return kv.HasValue(s.Value)
}

// patience is how many times a client asks during the chaos, and how long it
// waits before it asks again.
const (
	patience  = 6
	retryTime = ElectionTimeout
)

// try sends an operation to some server, at times to two at once, and plans what
// happens if there is no answer.
func (c *cluster) try(o *operation, r *rand.Rand) {
	o.try++
	try := o.try
	c.tryAt(o, c.contact(r))
	if o.at != (once{}) && chance(r, 30) {
		c.tryAt(o, c.contact(r))
	}
	c.after(retryTime/2+time.Duration(r.Int64N(int64(retryTime))), func() {
		if !o.done && o.try == try {
			c.tryAgain(o, r)
		}
	})
}

// contact draws a server that the client may know how to reach. Once the faults
// have ended it passes over those that have been left behind.
func (c *cluster) contact(r *rand.Rand) *server {
	for range 20 {
		s := oneOf(r, c.servers...)
		if !s.gone && (c.phase == chaos || !s.faulty && c.follows(s)) {
			return s
		}
	}
	return c.servers[len(c.servers)-1]
}

// follows reports whether s follows a server that leads, and has it as a member: a
// learner that was removed believes in its last leader for ever.
func (c *cluster) follows(s *server) bool {
	leader := c.byID[s.seen.Leader]
	return leader != nil && leader.seen.Role == raft.Leader && leader.seen.Term == s.seen.Term &&
		slices.Contains(leader.seen.Config.Servers(), s.id)
}

// tryAgain: an attempt that may have had an effect must not be repeated outside
// of a session.
func (c *cluster) tryAgain(o *operation, r *rand.Rand) {
	safe := o.accepted == 0 || o.at != once{} || o.Kind == openSession
	switch {
	case !safe || c.phase == chaos && o.try >= patience:
		c.giveUp(o)
	default:
		if o.accepted > 0 {
			c.counts[Retried]++
		}
		if rd := o.read; rd != nil && rd.at.seen.Term > rd.term {
			o.deposed = true
		}
		c.try(o, r)
	}
}

func (c *cluster) giveUp(o *operation) {
	outcome := Unknown
	if o.accepted == 0 {
		outcome = Definite
	}
	c.finish(o, outcome)
}

// finish ends an operation. Where its outcome is unknown it may go on for ever,
// and the client goes on as another.
func (c *cluster) finish(o *operation, outcome Outcome) {
	o.done, o.Outcome, o.Return = true, outcome, c.now
	o.client.underWay = nil
	switch outcome {
	case OK:
		c.counts[Acknowledged]++
	case Unknown:
		o.client.id = c.clients.lastID
		c.clients.lastID++
	case Definite:
		c.counts[FailedDefinitely]++
		c.observer.failedDefinitely(o)
	}
	if c.trace != nil {
		c.tracef("client %d: %v", o.Client, &o.Operation)
	}
}
