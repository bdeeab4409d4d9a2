package sim

import (
	"errors"
	"slices"
	"testing"

	"kvorum/raft"
)

// quietCluster returns three servers after twenty election timeouts without faults.
func quietCluster() *cluster {
	c := newCluster(Options{Seed: 1})
	c.mix = mix{servers: 3, voters: 3, clients: 1, keys: 1, delay: tickTime / 10, heartbeatTicks: 2,
		ask: ElectionTimeout, snapshotEvery: 200, segmentBytes: 4 << 10, readPercent: 20}
	c.create()
	c.playUntil(20 * ElectionTimeout)
	return c
}

// follower returns the first server that does not lead.
func (c *cluster) follower() *server {
	return c.servers[slices.IndexFunc(c.servers, func(s *server) bool { return s != c.observer.leader })]
}

// planted are violations of the invariants that no mutation of the zoo is known to
// break in a simulated run: each is put before the observer by hand.
var planted = []struct {
	invariant string
	plant     func(*cluster)
}{
	{"I2", func(c *cluster) { // a leader hands out an entry of its own log again
		s := c.observer.leader
		c.observer.observeLog(s, &raft.Persist{Entries: []raft.Entry{s.log[1].Entry}}, &s.seen, &s.seen)
	}},
	{"F5", func(c *cluster) { // one forgets which cluster it is in
		s := c.add("n4", 1, tickTime)
		c.start(s)
		s.disk.joined = true
		c.intrude(s)
	}},
	{"Q3", func(c *cluster) { // what is committed is said to be lost
		c.observer.lost(&attempt{op: &operation{}, committed: true})
	}},
	{"Q3", func(c *cluster) { // what was said to be lost is committed
		at := raft.EntryID{Index: 9, Term: 1}
		c.observer.attempts[at] = &attempt{op: &operation{}, at: at, lost: true}
		c.observer.attemptCommitted(at)
	}},
	{"Q3", func(c *cluster) { // what happened is said to have failed
		c.finish(&operation{client: c.clients.all[0], happened: true}, Definite)
	}},
	{"L4", func(c *cluster) { // a leader falls while all is well
		c.begin(healed)
		c.after(70*ElectionTimeout, func() { c.crash(c.observer.leader, c.disks, ElectionTimeout) })
		c.demandLiveness(c.servers)
	}},
	{"L7", func(c *cluster) { // nobody makes a newcomer a voter
		c.begin(healed)
		c.start(c.add("n4", 1, tickTime))
		c.demandLiveness(c.servers)
	}},
	{"L7", func(c *cluster) { // the server in the place of a lost one stays outside (L8)
		c.begin(healed)
		c.replace(c.follower())
		c.demandLiveness(c.present())
	}},
}

func TestAPlantedViolationIsNoticed(t *testing.T) {
	t.Parallel()
	for i, p := range planted {
		c := quietCluster()
		if c.observer.err != nil || c.observer.leader == nil || len(c.observer.leader.log) < 2 {
			t.Fatalf("nothing to plant in: %v", c.observer.err)
		}
		p.plant(c)
		var v *Violation
		if !errors.As(c.observer.err, &v) || v.Invariant != p.invariant {
			t.Errorf("%d: got %v, want %s", i, c.observer.err, p.invariant)
		}
	}
}
