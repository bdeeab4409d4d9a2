package sim

import (
	"fmt"
	"time"

	"kvorum/raft"
)

// clients propose commands and read, at any server, and remember what the
// answers must be.
type clients struct {
	commands int
	readID   uint64
	reads    map[uint64]pendingRead
	waiting  map[raft.EntryID]raft.ServerID // who accepted a proposal and will answer it
}

// pendingRead is a read that has not been answered. It must see everything that
// was committed anywhere when it began.
type pendingRead struct {
	at    *server
	begun time.Duration
	bound raft.Index
}

func newClients() clients {
	return clients{reads: map[uint64]pendingRead{}, waiting: map[raft.EntryID]raft.ServerID{}}
}

// propose sends a command to s or, if s knows better, to the leader.
func (l *clients) propose(c *cluster, s *server) {
	if s.raft != nil && !s.paused && s.seen.Leader != raft.None {
		s = c.server(s.seen.Leader)
	}
	l.commands++
	command := fmt.Appendf(nil, "%d", l.commands)
	if c.chance(0.05) {
		command = append(command, make([]byte, c.rand.IntN(300))...)
	}
	c.input(s, func() {
		if id, err := s.raft.Propose(command); err == nil {
			l.waiting[id] = s.id
			c.tracef("%s accepts %v", s.id, id)
		}
	})
}

// applied answers a proposal where it was accepted.
func (l *clients) applied(c *cluster, s *server, id raft.EntryID) {
	if l.waiting[id] == s.id {
		delete(l.waiting, id)
		c.counts[Acknowledged]++
	}
}

func (l *clients) read(c *cluster, s *server) {
	c.input(s, func() {
		l.readID++
		if s.raft.ReadIndex(l.readID) != nil {
			return
		}
		id := l.readID
		l.reads[id] = pendingRead{s, c.now, raft.Index(len(c.observer.history) - 1)}
		c.after(10*ElectionTimeout, func() {
			if _, unanswered := l.reads[id]; unanswered {
				delete(l.reads, id) // the client asks again
				c.counts[ReadLost]++
			}
		})
	})
}

// answered checks that a read is not stale. An answer may come twice.
func (l *clients) answered(c *cluster, s *server, rd raft.Read) {
	r, ok := l.reads[rd.ID]
	if !ok {
		return
	}
	delete(l.reads, rd.ID)
	c.counts[ReadAnswered]++
	c.observer.check(rd.Index >= r.bound && s.machine.applied >= r.bound,
		"stale read at %s: it sees up to %d (index %d), but %d was committed when it began", s.id, s.machine.applied, rd.Index, r.bound)
}
