package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

	slow [maxServers][maxServers]time.Duration // how much longer a message takes
}

// maxServers bounds the servers of a run, replacements included.
const maxServers = 12

func newNetwork(seed uint64) network { return network{rand: stream(seed, forNetwork)} }

func (n *network) repair() { n.cut = [maxServers][maxServers]bool{} }

// reaches reports whether a message from one to another arrives.
func (n *network) reaches(from, to *server) bool { return !n.cut[from.number][to.number] }

// packet is a message on its way.
type packet struct {
	raft.Message
	from, to *server
	sent     time.Duration
	weather  int  // network.since, when it was sent
	repeated bool // by the network

	text   string        // what String returned
	number int           // of those that a World has seen
	due    time.Duration // when it arrives
}

// String writes the message as the trace does, which it may do more than once.
func (p *packet) String() string {
	if p.text == "" {
		p.text = p.Message.String()
	}
	return p.text
}

// tell says in the trace what becomes of p, in the words of what.
func (c *cluster) tell(p *packet, what ...string) {
	if c.trace == nil || c.quiet {
		return
	}
	if p.repeated {
		what = slices.Insert(what, 0, "repeated")
	}
	if c.now > p.sent {
		what = append(what, fmt.Sprintf("sent %.3fs", p.sent.Seconds()))
	}
	c.tracef("  %s", strings.TrimSpace(p.String()+"  "+strings.Join(what, ", ")))
}

// send gives m to the network, which may lose, delay or repeat it.
func (c *cluster) send(s *server, m raft.Message) {
	c.observer.sent(s, &m)
	c.network.sent++
	p := packet{Message: m, from: s, to: c.server(m.To), sent: c.now, weather: c.network.since}
	c.world.said(&p)
	switch body := m.Body.(type) {
	case raft.InstallSnapshot:
		c.sendSnapshot(p, body.Snapshot)
		return
	case raft.RequestPreVoteResponse:
		if !body.VoteGranted {
			c.counts[PreVoteRefused]++
		}
	}
	c.carry(p, c.delay())
	if c.phase == chaos && chance(c.network.rand, c.mix.duplicate) {
		c.counts[Duplicated]++
		p.repeated = true
		c.carry(p, c.delay()+around(c.network.rand, 10*ElectionTimeout)) // possibly in another term
	}
}

func (c *cluster) carry(p packet, d time.Duration) {
	switch {
	case !c.network.reaches(p.from, p.to):
		c.counts[LinkCut]++
		c.notLaunched(&p)
		c.tell(&p, "lost: the link is cut")
	case c.phase == chaos && chance(c.network.rand, c.mix.drop):
		c.counts[Dropped]++
		c.notLaunched(&p)
		c.tell(&p, "lost: dropped")
	default:
		c.tell(&p)
		if p.repeated {
			c.took(p.from, Input{Kind: Repeated, Message: &p.Message})
		}
		c.world.launch(&p)
		c.arriveAfter(&p, d+c.network.slow[p.from.number][p.to.number])
	}
}

// notLaunched: what is lost at once was never there, if it is a copy.
func (c *cluster) notLaunched(p *packet) {
	if !p.repeated {
		c.took(p.from, Input{Kind: Lost, Message: &p.Message})
	}
}

// arriveAfter lets p arrive after d, and no more at the time that was planned before.
func (c *cluster) arriveAfter(p *packet, d time.Duration) {
	p.due = c.now + d
	due := p.due
	c.after(d, func() {
		if p.due == due {
			c.arrive(p)
		}
	})
}

func (c *cluster) arrive(p *packet) {
	if why := c.obstacle(p); why != "" {
		c.lose(p, why)
		return
	}
	if p.to.paused {
		c.tell(p, "waits: "+p.to.String()+" is paused") // and is lost if the process ends
	}
	c.input(p.to, func() { c.deliver(p) })
}

// lose ends p's way.
func (c *cluster) lose(p *packet, why string) {
	c.tell(p, "lost: "+why)
	c.took(p.from, Input{Kind: Lost, Message: &p.Message})
	c.world.land(p)
}

// obstacle says why p cannot reach its receiver's machine; empty: it can.
func (c *cluster) obstacle(p *packet) string {
	switch {
	case !c.network.reaches(p.from, p.to):
		return "the link is cut"
	case p.to.raft == nil:
		return p.to.String() + " is down"
	}
	return ""
}

// deliver hands p to the process, as the transport does: a newcomer first learns,
// durably, which cluster it is in.
func (c *cluster) deliver(p *packet) {
	switch {
	case p.weather != c.network.since:
		c.lose(p, "sent before all faults ended")
	case !c.join(p.to):
		c.lose(p, p.to.String()+" cannot store which cluster it is in")
	default:
		c.tell(p, "arrives")
		c.world.land(p)
		c.world.heard(p)
		if _, term, _ := p.to.raft.Leadership(); p.Term < term {
			c.counts[FromEarlierTerm]++
		}
		if _, ok := p.Body.(raft.TimeoutNow); ok {
			p.to.asked = p.Term
		}
		p.to.raft.Step(p.Message)
	}
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
