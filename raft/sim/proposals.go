package sim

import (
	"errors"

	"kvorum/kv"
	"kvorum/raft"
)

// tryAt asks s, which forwards what only a leader can do.
func (c *cluster) tryAt(o *operation, s *server) {
	if s.raft == nil {
		return // the connection is refused
	}
	if o.command == nil {
		c.readAt(o, s)
		return
	}
	o.accepted++ // until we know better
	c.input(s, func() {
		o.accepted--
		_, _, leader := s.raft.Leadership()
		switch {
		case leader == s.id:
			c.propose(o, s)
		case leader == raft.None:
		default:
			if to := c.server(leader); c.network.reaches(s, to) {
				o.accepted++ // until the leader says otherwise
				c.after(c.delay(), func() { c.forwarded(o, s, to) })
			}
		}
	})
}

func (c *cluster) forwarded(o *operation, from, to *server) {
	if !c.network.reaches(from, to) || !to.isRunning() {
		return
	}
	c.input(to, func() {
		o.accepted--
		c.propose(o, to)
	})
}

// propose hands the command to the core of a server that believes it leads.
func (c *cluster) propose(o *operation, s *server) {
	id, err := s.raft.Propose(o.encoded)
	if err != nil {
		if errors.Is(err, raft.ErrBusy) {
			c.counts[Busy]++
		}
		return // certainly without effect
	}
	o.accepted++
	a := &attempt{op: o, at: id}
	c.observer.attempts[id] = a
	s.waiting[id.Index] = a
	if c.trace != nil {
		c.tracef("%s accepts %v of client %d: %v", s, id, o.Client, &o.Operation)
	}
}

// forgetProposals: a snapshot has decided them in a way that s cannot tell.
func (c *cluster) forgetProposals(s *server, upto raft.Index) {
	for i := range s.waiting {
		if i <= upto {
			delete(s.waiting, i)
		}
	}
}

// decided answers whoever waits for the slot that has been applied: with the
// result if the entry is theirs, and else with a definite failure.
func (c *cluster) decided(s *server, at raft.EntryID, result []byte) {
	a := s.waiting[at.Index]
	if a == nil {
		return
	}
	delete(s.waiting, at.Index)
	switch {
	case a.at != at:
		c.counts[SlotLost]++
		c.observer.lost(a)
		a.op.accepted--
	case c.phase == chaos && chance(c.clients.rand, c.mix.answerLost):
	default:
		c.answer(a.op, result)
	}
}

// answer tells the client what became of its write.
func (c *cluster) answer(o *operation, encoded []byte) {
	if o.done {
		return
	}
	result, err := kv.DecodeResult(encoded)
	switch {
	case err != nil:
		c.observer.fail("Q2", "the answer to %v cannot be read: %v", &o.Operation, err)
	case result.Status == kv.SessionExpired:
		c.counts[SessionExpired]++
		o.client.session, o.client.sequence = 0, 0
		o.expired = true
		o.accepted--
		c.giveUp(o)
	case result.Status != kv.OK:
		c.observer.fail("Q2", "client %d is told %v about %v", o.Client, result.Status, &o.Operation)
	default:
		c.fill(o, result)
		c.finish(o, OK)
	}
}

func (c *cluster) fill(o *operation, result kv.Result) {
	switch o.Kind {
	case openSession:
		o.client.session, o.client.sequence = uint64(result.Revision), 0
	case Delete:
		o.Seen.Exists = result.Existed
	case CompareAndSet:
		if o.Swapped = result.Swapped; !o.Swapped {
			o.Seen = State{result.Existed, string(result.Value)}
		}
	}
}
