package sim

import (
	"errors"
	"fmt"
	"slices"

	"kvorum/kv"
	"kvorum/raft"
)

// Leader returns the server that leads the latest term that anybody leads, and
// runs; None: there is none.
func (w *World) Leader() raft.ServerID {
	var leader *server
	for _, s := range w.c.servers {
		if s.isRunning() && s.seen.Role == raft.Leader && (leader == nil || s.seen.Term > leader.seen.Term) {
			leader = s
		}
	}
	if leader == nil {
		return raft.None
	}
	return leader.id
}

// Reconfigure asks a server to lead the change to a configuration.
func (w *World) Reconfigure(at raft.ServerID, voters, learners []raft.ServerID) error {
	return w.onRunning(at, func(s *server) error {
		for _, id := range slices.Concat(voters, learners) {
			if w.c.byID[id] == nil {
				return fmt.Errorf("there is no server %s", id)
			}
		}
		var err error
		w.c.input(s, func() {
			before := s.raft.Status()
			if _, err = s.raft.ProposeConfig(voters, learners); err == nil {
				w.c.observer.configProposed(s, &before)
			}
		})
		return answer(s, err)
	})
}

// answer is what a server says to whom it refuses something.
func answer(s *server, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s answers: %w", s, err)
}

// Transfer asks a server to hand leadership over to another, or if that is None to
// the most up-to-date one.
func (w *World) Transfer(from, to raft.ServerID) error {
	return w.onRunning(from, func(s *server) error {
		var err error
		w.c.input(s, func() { err = s.raft.TransferLeadership(to) })
		return answer(s, err)
	})
}

// Suspect tells a server that the process of another is gone.
func (w *World) Suspect(id, gone raft.ServerID) error {
	return w.onRunning(id, func(s *server) error {
		other := w.c.byID[gone]
		if other == nil || other == s {
			return fmt.Errorf("there is no other server %s", gone)
		}
		w.c.input(s, func() { w.c.suspect(s, other) })
		return nil
	})
}

// Snapshot lets a server save one of its state, and cut its log.
func (w *World) Snapshot(id raft.ServerID) error {
	return w.onRunning(id, func(s *server) error {
		switch {
		case !s.machine.wantsSnapshot(0):
			return fmt.Errorf("%s is saving a snapshot already, or does not know the configuration", s)
		case s.machine.applied <= s.disk.durable.snapshot.LastIncludedIndex:
			return fmt.Errorf("%s has applied nothing since its snapshot", s)
		}
		w.c.tracef("%s saves a snapshot up to %d", s, s.machine.applied)
		w.c.saveSnapshot(s)
		return nil
	})
}

// Ask lets a new client ask a server once. The operation says what: its Kind, Key,
// Value and Expected. A stale get is answered by the server at hand, from the state
// that it has; all else is linearizable.
func (w *World) Ask(id raft.ServerID, what Operation, stale bool) error {
	return w.at(id, func(s *server) error {
		o := &operation{Operation: what, client: &client{id: w.c.clients.lastID}}
		w.c.clients.lastID++
		o.Client, o.At, o.Call = o.client.id, id, w.c.now
		switch o.Kind {
		case Get:
		case Set:
			o.command = kv.Set{Key: o.Key, Value: []byte(o.Value)}
		case Delete:
			o.command = kv.Delete{Key: o.Key}
		case CompareAndSet:
			o.command = kv.CompareAndSet{Key: o.Key, Expected: expected(o.Expected), Value: []byte(o.Value)}
		default:
			return errors.New("a client can get, set, delete and cas")
		}
		if o.command != nil {
			o.encoded = kv.Encode(o.command)
		}
		w.asks = append(w.asks, o)
		w.ask(o, s, stale)
		return nil
	})
}

// ask asks once: who is not answered has to look what became of it.
func (w *World) ask(o *operation, s *server, stale bool) {
	c := w.c
	if stale && s.isRunning() {
		value, _, ok := s.machine.kv.Get(o.Key)
		o.Seen = State{ok, string(value)}
		c.finish(o, OK)
		return
	}
	c.tryAt(o, s)
	if o.accepted == 0 && o.read == nil && !o.done && !s.paused {
		c.giveUp(o) // the server knows no leader, or is not there
		return
	}
	c.after(10*ElectionTimeout, func() {
		if !o.done {
			c.giveUp(o)
		}
	})
}
