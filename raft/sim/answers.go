package sim

import (
	"time"

	"kvorum/raft"
)

// pendingRead is an attempt to read that has not been answered. It must see
// everything that was committed anywhere when it began.
type pendingRead struct {
	op    *operation
	at    *server
	run   int
	began time.Duration
	term  raft.Term // of the server
	bound raft.Index
}

// readAt begins a linearizable read at s.
func (c *cluster) readAt(o *operation, s *server) {
	l := &c.clients
	c.input(s, func() {
		l.readID++
		id := l.readID
		if s.raft.ReadIndex(id) != nil {
			return
		}
		_, term, _ := s.raft.Leadership()
		o.read = &pendingRead{o, s, s.run, c.now, term, c.observer.committed()}
		l.reads[id] = o.read
		c.after(10*ElectionTimeout, func() {
			if l.reads[id] != nil {
				delete(l.reads, id) // by now the client has asked again
				c.counts[ReadLost]++
			}
		})
	})
}

// readAnswered checks Q1, that a read is not stale, and Q5, that it has waited
// for what it must see. An answer may come twice.
func (c *cluster) readAnswered(s *server, rd raft.Read) {
	l, o := &c.clients, c.observer
	r := l.reads[rd.ID]
	if r == nil || r.run != s.run {
		return // the process that asked is not there any more
	}
	delete(l.reads, rd.ID)
	if r.at != s {
		o.fail("Q5", "a read of %s is answered at %s", r.at, s)
	}
	if rd.Index < r.bound {
		o.fail("Q1", "stale read at %s: it sees up to %d, but %d was committed when it began", s, rd.Index, r.bound)
	}
	if s.machine.applied < rd.Index {
		o.fail("Q5", "%s answers a read at %d before it has applied %d", s, s.machine.applied, rd.Index)
	}
	s.machine.asOf = max(s.machine.asOf, r.began)
	if r.op.done {
		return
	}
	c.counts[ReadAnswered]++
	if r.op.deposed {
		c.counts[ReadRetried]++
	}
	s.read(r.op)
	c.finish(r.op, OK)
}

// answered checks Q2 when the first server has applied an entry: a write of a
// session happens once, and every attempt is answered alike. And Q4: the answers
// of all servers are equal.
func (o *observer) answered(s *server, e raft.Entry, result []byte) {
	if o.err != nil {
		return
	}
	a, h := &o.applies[e.Index], foldBytes(0, result)
	if a.answered {
		if a.result != h {
			o.fail("Q4", "%s answers %v as no other server does", s, e.EntryID)
		}
		return
	}
	a.answered, a.result = true, h
	try := o.attempts[e.EntryID]
	if try == nil || try.op.at == (once{}) || len(result) < 2 || result[1] != 0 { // not performed, by its Status
		return
	}
	first, again := o.once[try.op.at]
	if !again {
		o.once[try.op.at] = e.Index
		return
	}
	o.c.counts[DedupHit]++
	if o.applies[first].result != h {
		o.fail("Q2", "%v is answered differently at %d and at %d", &try.op.Operation, first, e.Index)
	}
	if _, revision, _ := s.machine.kv.Get(try.op.Key); revision == e.Index {
		o.fail("Q2", "%v happens at %d and again at %d", &try.op.Operation, first, e.Index)
	}
}

// lost checks Q3: who is told that an attempt has no effect will never see one.
func (o *observer) lost(a *attempt) {
	if a.lost = true; a.committed {
		o.fail("Q3", "%v was committed, and its client is told that it was not: %v", a.at, &a.op.Operation)
	}
}

func (o *observer) attemptCommitted(id raft.EntryID) {
	a := o.attempts[id]
	if a == nil {
		return
	}
	a.committed, a.op.happened = true, true
	if a.lost || a.op.done && a.op.Outcome == Definite && !a.op.expired {
		o.fail("Q3", "%v is committed, but its client was told that it would not be: %v", id, &a.op.Operation)
	}
}

// failedDefinitely checks Q3 for the whole of a write, all attempts.
func (o *observer) failedDefinitely(op *operation) {
	if op.happened && !op.expired {
		o.fail("Q3", "a client is told that its write failed, and it has happened: %v", &op.Operation)
	}
}
