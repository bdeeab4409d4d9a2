package sim

import (
	"errors"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// Ask lets a new client ask a server once. The operation says what: its Kind, Key,
// Value, Expected, Level and MaxAge.
func (w *World) Ask(id raft.ServerID, what Operation) error {
	return w.at(id, func(s *server) error {
		o, err := w.operation(s, what)
		if err != nil {
			return err
		}
		w.begin(o)
		w.ask(o, s)
		return nil
	})
}

// Propose lets a new client hand a write to a server that is not to forward it. An
// error says that the server does not lead, or takes no more.
func (w *World) Propose(id raft.ServerID, what Operation) error {
	return w.onRunning(id, func(s *server) error {
		o, err := w.operation(s, what)
		if err != nil {
			return err
		}
		return s.take(func(r *consensus) error {
			if r != s.raft {
				_, err := r.Propose(o.encoded)
				return err
			}
			w.begin(o)
			w.c.propose(o, s)
			w.giveUpAfter(o, s, patient)
			return nil
		})
	})
}

// operation returns what a new client asks of a server.
func (w *World) operation(s *server, what Operation) (*operation, error) {
	o := &operation{Operation: what, client: &client{id: w.c.clients.lastID}}
	o.Client, o.At, o.Call = o.client.id, s.id, w.c.now
	switch o.Kind {
	case Get:
		return o, nil
	case Set:
		o.command = kv.Set{Key: o.Key, Value: []byte(o.Value)}
	case Delete:
		o.command = kv.Delete{Key: o.Key}
	case CompareAndSet:
		o.command = kv.CompareAndSet{Key: o.Key, Expected: expected(o.Expected), Value: []byte(o.Value)}
	default:
		return nil, errors.New("a client can get, set, delete and cas")
	}
	o.encoded = kv.Encode(o.command)
	return o, nil
}

func (w *World) begin(o *operation) {
	w.c.clients.lastID++
	w.asks = append(w.asks, o)
}

// How long a client waits for its answer, and how long a server tries to be fresh
// enough for a bounded read, as in package rpc.
const (
	patient        = 10 * ElectionTimeout
	patientBounded = time.Second
)

// ask asks once: who is not answered has to look what became of it. A bounded read is
// decided as in package rpc: from the state at hand if that is known to be fresh
// enough, or else as a linearizable one.
func (w *World) ask(o *operation, s *server) {
	c := w.c
	isFresh := o.Level == Stale || o.Level == Bounded && c.now-s.machine.asOf <= o.MaxAge
	if o.Kind == Get && isFresh && s.isRunning() {
		s.read(o)
		c.finish(o, OK)
		return
	}
	c.tryAt(o, s)
	switch {
	case o.accepted == 0 && o.read == nil && !o.done && !s.paused:
		w.refuse(o, s) // the server knows no leader, or is not there
	case o.Level == Bounded:
		w.giveUpAfter(o, s, patientBounded)
	default:
		w.giveUpAfter(o, s, patient)
	}
}

// read answers a get from the state that a server has.
func (s *server) read(o *operation) {
	value, _, ok := s.machine.kv.Get(o.Key)
	o.Seen = State{ok, string(value)}
}

func (w *World) giveUpAfter(o *operation, s *server, d time.Duration) {
	w.c.after(d, func() {
		if !o.done {
			w.refuse(o, s)
		}
	})
}

// refuse ends an operation that was not answered. Of a bounded read the server says why.
func (w *World) refuse(o *operation, s *server) {
	if o.Level == Bounded && s.isRunning() {
		o.Refused = "TOO_STALE"
	}
	w.c.giveUp(o)
}
