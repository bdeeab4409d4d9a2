package sim

import (
	"math/rand/v2"
	"time"

	"kvorum/raft"
)

// network is the directed links between servers. Messages overtake each other,
// because each draws its own delay.
type network struct {
	rand  *rand.Rand
	cut   [maxServers][maxServers]bool
	since int // counts changes of weather: what was on its way before is lost

	transfers []*transfer // of snapshots, on their way
	sent      int         // messages
}

// maxServers bounds the servers of a run, replacements included.
const maxServers = 12

func newNetwork(seed uint64) network { return network{rand: stream(seed, forNetwork)} }

func (n *network) repair() { n.cut = [maxServers][maxServers]bool{} }

// reaches reports whether a message from one to another arrives.
func (n *network) reaches(from, to *server) bool { return !n.cut[from.number][to.number] }

// send gives m to the network, which may lose, delay or repeat it.
func (c *cluster) send(s *server, m raft.Message) {
	c.observer.sent(s, &m)
	c.network.sent++
	c.tracef("  %v", m)
	switch body := m.Body.(type) {
	case raft.InstallSnapshot:
		c.sendSnapshot(s, m, body.Snapshot)
		return
	case raft.RequestPreVoteResponse:
		if !body.VoteGranted {
			c.counts[PreVoteRefused]++
		}
	}
	c.carry(s, m, c.delay())
	if c.phase == chaos && chance(c.network.rand, c.mix.duplicate) {
		c.counts[Duplicated]++
		c.carry(s, m, c.delay()+around(c.network.rand, 10*ElectionTimeout)) // possibly in another term
	}
}

func (c *cluster) carry(s *server, m raft.Message, d time.Duration) {
	to, since := c.server(m.To), c.network.since
	if !c.network.reaches(s, to) || c.phase == chaos && chance(c.network.rand, c.mix.drop) {
		return
	}
	c.after(d, func() {
		if c.network.reaches(s, to) && to.raft != nil {
			c.deliver(to, m, since)
		}
	})
}

// deliver hands a message to the process, as the transport does: a newcomer
// first learns, durably, which cluster it is in.
func (c *cluster) deliver(to *server, m raft.Message, since int) {
	c.input(to, func() {
		if since != c.network.since || !c.join(to) {
			return
		}
		if _, ok := m.Body.(raft.TimeoutNow); ok {
			to.asked = m.Term
		}
		to.raft.Step(m)
	})
}

func (c *cluster) join(s *server) bool {
	if s.disk.joined {
		return true
	}
	s.disk.joined = s.disk.store.SetClusterID(clusterID) == nil
	return s.disk.joined // else it accepts nothing
}

// intrude has s meet another cluster's server, as a handshake would (F5). Only
// the storage's refusal is played here; that a refused peer's messages never
// reach the core is package rpc's to show.
func (c *cluster) intrude(s *server) {
	if !s.isRunning() || !s.disk.joined {
		return
	}
	err := s.disk.store.SetClusterID("fedcba9876543210fedcba9876543210")
	if err == nil || s.disk.store.Identity().ClusterID != clusterID {
		c.observer.fail("F5", "%s became part of another cluster: %v", s, err)
	}
	c.counts[ForeignRefused]++
}

// delay draws how long a message is under way: mostly near the mean, at times
// many election timeouts.
func (c *cluster) delay() time.Duration {
	d := around(c.network.rand, c.mix.delay)
	if c.phase != chaos {
		return min(d, ElectionTimeout/50)
	}
	if chance(c.network.rand, c.mix.longDelay) {
		d += around(c.network.rand, 5*ElectionTimeout)
	}
	return d
}
