package sim

import (
	"math/rand/v2"
	"time"

	"kvorum/raft"
)

// mix is what a seed draws: how large the cluster is, how its parts behave and
// how often which fault occurs. A seed has few kinds of faults, not all of them:
// some bugs show only where others do not get in the way.
type mix struct {
	servers, voters int

	delay, fsync, applyTime, snapshotTime time.Duration // means
	downTime                              time.Duration
	maxAppend, maxInflight                raft.Limit
	maxUncommitted                        raft.Limit
	snapshotEvery, keep                   raft.Index
	skew                                  float64 // clocks run at 1/(1+skew) to 1+skew times the right rate
	drainMore                             float64 // inputs that are taken together with the next one
	tickBursts                            bool    // a paused process later gets all the ticks it missed

	drop, duplicate, longDelay float64 // of messages
	snapshotLoss               float64 // of snapshots
	crashPoint                 float64 // crashes between any two effects

	// Mean times between two faults of a kind; 0: it does not occur.
	crash, pause, partition, stall    time.Duration
	reconfigure, transfer             time.Duration
	proposeEvery, readEvery, allCrash time.Duration
}

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func drawMix(r *rand.Rand) mix {
	const ms = time.Millisecond
	m := mix{
		delay: oneOf(r, ms, ms, 5*ms, 30*ms), fsync: oneOf(r, ms/2, 3*ms, 20*ms), applyTime: oneOf(r, 0, ms, 30*ms),
		snapshotTime: oneOf(r, 5*ms, 100*ms, 500*ms), downTime: oneOf(r, 50*ms, 500*ms),
		maxAppend:      oneOf(r, raft.Limit{}, raft.Limit{Entries: 1}, raft.Limit{Entries: 4}, raft.Limit{Bytes: 150}),
		maxInflight:    oneOf(r, raft.Limit{}, raft.Limit{Entries: 3}, raft.Limit{Entries: 32, Bytes: 900}),
		maxUncommitted: oneOf(r, raft.Limit{Entries: 200}, raft.Limit{Entries: 40}, raft.Limit{Bytes: 2000}),
		snapshotEvery:  oneOf[raft.Index](r, 8, 30, 200), keep: oneOf[raft.Index](r, 0, 4, 50),
		skew: oneOf(r, 0, 0.1, 1), drainMore: oneOf(r, 0, 0, 0.3), tickBursts: r.IntN(4) == 0,
		drop: oneOf(r, 0, 0, 0.03, 0.2), duplicate: oneOf(r, 0, 0.02, 0.2), longDelay: oneOf(r, 0, 0.01),
		snapshotLoss: oneOf(r, 0, 0.3), crashPoint: oneOf(r, 0, 0, 0.0003, 0.002),
		crash: oneOf(r, 0, 3000*ms, 600*ms), pause: oneOf(r, 0, 0, 1500*ms), partition: oneOf(r, 0, 2000*ms, 600*ms),
		stall: oneOf(r, 0, 0, 1000*ms), reconfigure: oneOf(r, 0, 1500*ms, 300*ms), transfer: oneOf(r, 0, 0, 1000*ms),
		proposeEvery: oneOf(r, 10*ms, 40*ms, 200*ms), readEvery: oneOf(r, 20*ms, 100*ms), allCrash: oneOf(r, 0, 0, 5000*ms),
	}
	m.servers = 1 + r.IntN(7)
	if r.IntN(4) > 0 {
		m.servers = 3 + 2*r.IntN(2)
	}
	m.voters = m.servers
	if m.reconfigure > 0 && m.servers > 1 {
		m.voters -= r.IntN(2) // one server waits outside
	}
	return m
}

// clock draws the length of a server's tick.
func (m mix) clock(r *rand.Rand) time.Duration {
	rate := 1 + m.skew*r.Float64()
	if r.IntN(2) == 0 {
		rate = 1 / rate
	}
	return time.Duration(float64(tickTime) * rate)
}

func (c *cluster) chance(p float64) bool { return p > 0 && c.rand.Float64() < p }

// around draws from an exponential distribution: mostly short, at times long.
func (c *cluster) around(mean time.Duration) time.Duration {
	return time.Duration(c.rand.ExpFloat64() * float64(mean))
}

func (c *cluster) any() *server { return oneOf(c.rand, c.servers...) }

func (c *cluster) leaderOrAny() *server {
	for _, s := range c.servers {
		if s.raft != nil && s.seen.Role == raft.Leader && c.chance(0.8) {
			return s
		}
	}
	return c.any()
}

// stream is a source of randomness that no other purpose draws from.
func stream(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

// every does the action f again and again during the chaos, mean apart. When,
// and what an action draws, does not depend on those that are left out.
func (c *cluster) every(kind uint64, mean time.Duration, f func()) {
	if mean == 0 {
		return
	}
	times := stream(c.seed, kind)
	var plan func()
	plan = func() {
		c.after(time.Duration(times.ExpFloat64()*float64(mean)), func() {
			if !c.healed {
				c.act(f)
				plan()
			}
		})
	}
	plan()
}

func (c *cluster) act(f func()) {
	n := c.actions
	c.actions++
	if !c.dropped[n] {
		c.tracef("action %d", n)
		others := c.rand
		c.rand = stream(c.seed, 1<<32+uint64(n))
		f()
		c.rand = others
	}
}

// unleash starts the clients and the nemesis.
func (c *cluster) unleash() {
	m := c.mix
	c.every(1, m.proposeEvery, func() { c.clients.propose(c, c.any()) })
	c.every(2, m.readEvery, func() { c.clients.read(c, c.any()) })
	c.every(3, m.reconfigure, c.reconfigure)
	c.every(4, m.transfer, c.transfer)
	c.every(5, m.partition, c.partition)
	c.every(6, m.crash, func() { c.crashIfUp(c.leaderOrAny()) })
	c.every(7, m.allCrash, func() {
		for _, s := range c.servers {
			c.crashIfUp(s)
		}
	})
	c.every(8, m.pause, func() { c.pause(c.leaderOrAny()) })
	c.every(9, m.stall, func() {
		s := c.leaderOrAny()
		s.disk.stuckUntil = c.now + c.around(3*ElectionTimeout)
		c.tracef("%s's disk is stuck until %v", s.id, s.disk.stuckUntil)
	})
}

func (c *cluster) crashIfUp(s *server) {
	if s.raft != nil {
		c.crash(s)
	}
}

// pause stops the process for half an election timeout to many.
func (c *cluster) pause(s *server) {
	if s.raft == nil || s.paused {
		return
	}
	c.tracef("%s is paused", s.id)
	s.paused = true
	run := s.run
	c.after(ElectionTimeout/2+c.around(4*ElectionTimeout), func() {
		if s.run == run {
			c.resume(s)
		}
	})
}

func (c *cluster) resume(s *server) {
	if !s.paused {
		return
	}
	c.tracef("%s goes on", s.id)
	backlog := s.backlog
	s.paused, s.backlog = false, nil
	for _, f := range backlog {
		c.input(s, f)
	}
}

// reconfigure asks whoever believes that it leads for a random membership.
func (c *cluster) reconfigure() {
	s := c.leaderOrAny()
	if s.raft == nil || s.paused {
		return
	}
	var voters, learners []raft.ServerID
	n := 1 + c.rand.IntN(len(c.servers))
	for i, at := range c.rand.Perm(len(c.servers)) {
		switch id := c.servers[at].id; {
		case i < n:
			voters = append(voters, id)
		case c.chance(0.5):
			learners = append(learners, id)
		}
	}
	c.input(s, func() {
		before := s.raft.Status()
		if _, err := s.raft.ProposeConfig(voters, learners); err == nil {
			c.tracef("%s is to change to %v, learners %v", s.id, voters, learners)
			c.observer.configProposed(s, before)
			c.counts[ConfigProposed]++
		}
	})
}

func (c *cluster) transfer() {
	s, to := c.leaderOrAny(), c.any().id
	if c.chance(0.3) {
		to = raft.None
	}
	if s.raft != nil {
		c.input(s, func() { s.raft.TransferLeadership(to) })
	}
}

// heal ends all faults.
func (c *cluster) heal() {
	c.tracef("all faults end")
	c.healed, c.mix.drainMore = true, 0
	clear(c.network.cut)
	c.mix.fsync, c.mix.applyTime = min(c.mix.fsync, 5*time.Millisecond), min(c.mix.applyTime, 5*time.Millisecond)
	for _, s := range c.servers {
		s.disk.stuckUntil = 0
		if s.raft == nil {
			c.start(s)
		}
		c.resume(s)
	}
}
