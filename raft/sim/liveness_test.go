package sim

import (
	"testing"
	"time"

	"kvorum/raft"
)

// What a leader does in the first moments without faults may come from those
// before: one that nobody could answer looks only once in an election timeout.
func TestCalmIsDemandedWhenTheFaultsAreForgotten(t *testing.T) {
	t.Parallel()
	for cut := time.Duration(0); cut < 2*ElectionTimeout; cut += tickTime {
		c := quietCluster()
		for _, from := range c.servers {
			c.network.cut[from.number][c.observer.leader.number] = true
		}
		c.playUntil(c.now + cut)
		c.begin(healed)
		c.demandLiveness(c.present())
		if c.observer.err != nil {
			t.Errorf("after %v in which the leader heard nobody: %v", cut, c.observer.err)
		}
	}
}

// A server that fails for good, but starts again and again, may have stood for
// election right before: when it comes back, it tells the leader of a later term.
func TestALaterTermOfAServerThatFailedIsNoUnrest(t *testing.T) {
	t.Parallel()
	c := quietCluster()
	c.begin(core)
	leader := c.observer.leader
	outsider := c.servers[(leader.number+1)%3]
	outsider.faulty = true
	later := leader.seen.Term + 1
	stood := raft.Persist{HardState: &raft.HardState{CurrentTerm: later, VotedFor: outsider.id}}
	if err := outsider.disk.store.Save([]raft.Persist{stood}); err != nil {
		t.Fatal(err)
	}
	c.observer.saved(outsider, stood)
	c.crash(outsider, c.disks, 0)
	c.after(30*ElectionTimeout, func() { c.start(outsider) })
	c.demandLiveness([]*server{leader, c.servers[(leader.number+2)%3]})
	if c.observer.err != nil || c.observer.leader.seen.Term <= later {
		t.Errorf("the leader hears of term %d: %v leads term %d: %v", later, c.observer.leader, c.observer.leader.seen.Term, c.observer.err)
	}
}

// A learner that was removed believes in its last leader for ever, and a read there is
// never answered: once the faults have ended nobody is sent there.
func TestClientsPassOverALearnerThatWasRemoved(t *testing.T) {
	t.Parallel()
	c := quietCluster()
	leader, voters := c.observer.leader, c.observer.leader.seen.Config.Voters
	removed := c.add("n4", 1, tickTime)
	c.start(removed)
	for _, learners := range [][]raft.ServerID{{removed.id}, nil} {
		c.proposeConfig(leader, voters, learners)
		c.playUntil(c.now + 10*ElectionTimeout)
	}
	c.begin(healed)
	r := stream(1, forClients)
	for range 100 {
		if c.contact(r) == removed {
			t.Fatalf("%s is asked, which believes in %s", removed, removed.seen.Leader)
		}
	}
	if removed.seen.Leader != leader.id || c.observer.err != nil {
		t.Errorf("%s believes in %q, want %s; %v", removed, removed.seen.Leader, leader, c.observer.err)
	}
}
