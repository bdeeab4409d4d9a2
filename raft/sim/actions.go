package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// kind is a kind of action: of the nemesis, of the operator or of a client.
type kind struct {
	name string
	mean func(m *mix) time.Duration // between two of them; 0: none
	do   func(c *cluster, r *rand.Rand)
}

// nemesis is what happens during the chaos.
var nemesis = []kind{
	asks,
	{"crash", func(m *mix) time.Duration { return m.crash }, crashOne},
	{"crash soon", func(m *mix) time.Duration { return m.doom }, doomOne},
	{"crash all", func(m *mix) time.Duration { return m.allCrash }, crashAll},
	{"pause", func(m *mix) time.Duration { return m.pause }, pauseOne},
	{"partition", func(m *mix) time.Duration { return m.partition }, partition},
	{"stuck disk", func(m *mix) time.Duration { return m.stall }, stallOne},
	{"disk error", func(m *mix) time.Duration { return m.diskError }, failDisk},
	{"damage", func(m *mix) time.Duration { return m.damage }, damageOne},
	{"replace", func(m *mix) time.Duration { return m.replace }, replaceOne},
	{"reconfigure", func(m *mix) time.Duration { return m.reconfigure }, reconfigure},
	{"gossip", func(m *mix) time.Duration { return m.gossip }, (*cluster).reconcile},
	{"transfer", func(m *mix) time.Duration { return m.transfer }, transferLeadership},
	{"other cluster", func(m *mix) time.Duration { return m.intrude }, func(c *cluster, r *rand.Rand) { c.intrude(oneOf(r, c.servers...)) }},
	{"clock", func(m *mix) time.Duration { return m.clockCommand }, proposeClock},
	{"suspicion", func(m *mix) time.Duration { return m.suspicion }, suspectWrongly},
}

// asks is what goes on in all phases.
var asks = kind{"ask", func(m *mix) time.Duration { return m.ask }, (*cluster).ask}

// planActions plans all actions of the time from now on. Each has a number, by
// which it can be left out, and draws from its own stream, so that the others
// stay what they are.
func (c *cluster) planActions(length time.Duration, kinds []kind) {
	type action struct {
		at   time.Duration
		kind int
	}
	r := stream(c.seed, forPhases+uint64(c.phase)<<16)
	var plan []action
	for i, k := range kinds {
		mean := k.mean(&c.mix)
		if mean == 0 {
			continue
		}
		for at := around(r, mean); at < length; at += around(r, mean) {
			plan = append(plan, action{at, i})
		}
	}
	slices.SortStableFunc(plan, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	phase := c.phase
	for _, a := range plan {
		number, k := c.actions, kinds[a.kind]
		c.actions++
		c.after(a.at, func() {
			if c.phase != phase || c.dropped[number] {
				return
			}
			c.tracef("action %d: %s", number, k.name)
			k.do(c, stream(c.seed, forActions+uint64(number)))
		})
	}
}

func (c *cluster) any(r *rand.Rand) *server { return oneOf(r, c.servers...) }

func (c *cluster) leaderOrAny(r *rand.Rand) *server {
	for _, s := range c.servers {
		if s.raft != nil && s.seen.Role == raft.Leader && chance(r, 800) {
			return s
		}
	}
	return c.any(r)
}

func crashOne(c *cluster, r *rand.Rand) {
	s := c.leaderOrAny(r)
	c.crash(s, r, around(r, c.mix.downTime))
}

// doomOne crashes a server between two of its next effects.
func doomOne(c *cluster, r *rand.Rand) {
	if s := c.leaderOrAny(r); s.raft != nil && s.doom == nil {
		s.doom = &doom{1 + r.IntN(40), r, around(r, c.mix.downTime)}
	}
}

func crashAll(c *cluster, r *rand.Rand) {
	c.counts[AllCrashed]++
	for _, s := range c.servers {
		c.crash(s, r, around(r, c.mix.downTime))
	}
}

// pauseOne stops a process for half an election timeout to many.
func pauseOne(c *cluster, r *rand.Rand) {
	c.pause(c.leaderOrAny(r), ElectionTimeout/2+around(r, 4*ElectionTimeout))
}

func stallOne(c *cluster, r *rand.Rand) {
	s := c.leaderOrAny(r)
	s.disk.stuckUntil = c.now + around(r, 8*ElectionTimeout)
	c.tracef("%s's disk is stuck until %v", s, s.disk.stuckUntil)
}

// proposeClock proposes the time, and at times one that is much later, as after
// hours without a leader: sessions that were idle in between expire.
func proposeClock(c *cluster, r *rand.Rand) {
	s := c.leaderOrAny(r)
	later := c.now + around(r, 1+oneOf(r, 0, 0, 20*time.Minute, 2*time.Hour))
	c.input(s, func() {
		for _, now := range []time.Duration{c.now, later} {
			s.raft.Propose(kv.Encode(kv.Clock{UnixMilli: now.Milliseconds()}))
		}
	})
}

// suspectWrongly tells some servers that the leader's process is gone, which it is
// not, or that of any other.
func suspectWrongly(c *cluster, r *rand.Rand) {
	suspect := c.leaderOrAny(r)
	for _, s := range c.servers {
		if s != suspect && chance(r, 600) {
			c.input(s, func() { c.suspect(s, suspect) })
		}
	}
}

func transferLeadership(c *cluster, r *rand.Rand) {
	s, to := c.leaderOrAny(r), c.any(r).id
	if chance(r, 300) {
		to = raft.None
	}
	c.input(s, func() { s.raft.TransferLeadership(to) })
}

// partition cuts links in one of the ways that are known to hurt, for a while.
func partition(c *cluster, r *rand.Rand) {
	n := &c.network
	n.repair()
	style, one, hub := r.IntN(6), c.leaderOrAny(r), c.any(r)
	half := map[*server]bool{}
	for _, i := range r.Perm(len(c.servers))[:len(c.servers)/2] {
		half[c.servers[i]] = true
	}
	for _, from := range c.servers {
		for _, to := range c.servers {
			apart := half[from] != half[to]
			cut := false
			switch style {
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
				cut = chance(r, 300)
			}
			n.cut[from.number][to.number] = cut && from != to
		}
	}
	styles := [...]string{"%s is alone", "%s is not heard", "%s hears nothing", "two halves (%s)", "two halves, joined by one (%s)", "random links (%s)"}
	c.tracef("partition: "+styles[style], one)
	since := n.since
	c.after(around(r, 10*ElectionTimeout), func() {
		if n.since == since {
			n.repair()
		}
	})
}
