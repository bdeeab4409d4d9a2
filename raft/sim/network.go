package sim

import (
	"fmt"
	"time"

	"kvorum/raft"
)

// network is the directed links between servers. Messages overtake each other,
// because each draws its own delay.
type network struct {
	cut map[link]bool
}

type link struct{ from, to raft.ServerID }

// send gives m to the network, which may lose, delay or repeat it.
func (c *cluster) send(s *server, m raft.Message) {
	c.observer.sent(s, m)
	c.countMessage(m)
	if c.trace != nil {
		c.tracef("  %s", describe(m))
	}
	if snapshot, ok := m.Body.(raft.InstallSnapshot); ok {
		c.counts[SnapshotSent]++
		c.sendSnapshot(s, m, snapshot.Snapshot)
		return
	}
	if !c.healed && c.chance(c.mix.drop) {
		return
	}
	c.carry(m, c.delay())
	if !c.healed && c.chance(c.mix.duplicate) {
		c.carry(m, c.delay()+c.around(time.Second)) // possibly in another term
	}
}

func (c *cluster) carry(m raft.Message, d time.Duration) {
	l, sent := link{m.From, m.To}, c.now
	if c.network.cut[l] {
		return
	}
	c.after(d, func() {
		tooLate := c.healed && c.now > sent+ElectionTimeout // a healthy network forgets
		if !c.network.cut[l] && !tooLate {
			c.deliver(m)
		}
	})
}

func (c *cluster) deliver(m raft.Message) {
	s := c.server(m.To)
	c.input(s, func() {
		if _, ok := m.Body.(raft.TimeoutNow); ok {
			s.asked = m.Term
		}
		s.raft.Step(m)
	})
}

// sendSnapshot sends the state from the sender's disk ahead of the message,
// which takes long and may fail; either way the sender is told.
func (c *cluster) sendSnapshot(s *server, m raft.Message, meta raft.SnapshotMeta) {
	if s.disk.snapshot.ID() != meta.ID() {
		c.observer.fail("%s sends the snapshot %v, but its disk has %v", s.id, meta.ID(), s.disk.snapshot.ID())
		return
	}
	state, l := s.disk.state, link{m.From, m.To}
	lost := !c.healed && c.chance(c.mix.snapshotLoss)
	run := s.run
	c.after(min(c.around(c.snapshotTime()), settleLimit/3), func() {
		to := c.server(m.To)
		if lost || c.network.cut[l] || to.raft == nil || s.run != run {
			c.counts[InstallInterrupted]++
		} else {
			c.input(to, func() {
				to.disk.received[meta.ID()] = state
				to.raft.Step(m)
			})
		}
		if s.run == run {
			c.input(s, func() { s.raft.SnapshotDone(m.To) })
		}
	})
}

func (c *cluster) snapshotTime() time.Duration {
	if c.healed {
		return ElectionTimeout / 4
	}
	return c.mix.snapshotTime
}

// delay draws how long a message is under way: mostly near the mean, at times
// many election timeouts.
func (c *cluster) delay() time.Duration {
	d := c.around(c.mix.delay)
	if c.healed {
		return min(d, ElectionTimeout/50)
	}
	if c.chance(c.mix.longDelay) {
		d += c.around(5 * ElectionTimeout)
	}
	return d
}

func (c *cluster) countMessage(m raft.Message) {
	if resp, ok := m.Body.(raft.RequestPreVoteResponse); ok && !resp.VoteGranted {
		c.counts[PreVoteRefused]++
	}
}

// partition cuts links in one of the ways that are known to hurt, for a while.
func (c *cluster) partition() {
	clear(c.network.cut)
	kind := c.rand.IntN(6)
	one, hub := c.leaderOrAny(), c.any()
	half := map[raft.ServerID]bool{}
	for _, i := range c.rand.Perm(len(c.servers))[:len(c.servers)/2] {
		half[c.servers[i].id] = true
	}
	for _, from := range c.servers {
		for _, to := range c.servers {
			apart := half[from.id] != half[to.id]
			cut := false
			switch kind {
			case 0: // one server, the leader if there is one, is alone,
				cut = from == one || to == one
			case 1: // or can only hear,
				cut = from == one
			case 2: // or can only speak;
				cut = to == one
			case 3: // two halves,
				cut = apart
			case 4: // which one server can still reach both;
				cut = apart && from != hub && to != hub
			case 5: // or any links, in one direction each
				cut = c.chance(0.3)
			}
			c.network.cut[link{from.id, to.id}] = cut && from != to
		}
	}
	c.tracef("partition: %s", [...]string{
		fmt.Sprintf("%s is alone", one.id), fmt.Sprintf("%s is not heard", one.id), fmt.Sprintf("%s hears nothing", one.id),
		"two halves", fmt.Sprintf("two halves, %s in both", hub.id), "random links",
	}[kind])
	c.after(c.around(10*ElectionTimeout), func() { clear(c.network.cut) })
}
