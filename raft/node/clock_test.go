package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kvorum/raft"
)

const heartbeat = 2 * tick

// awaitElection returns once a server stands for election.
func (c *cluster) awaitElection() {
	for !slices.ContainsFunc(c.servers, func(s *server) bool { return s.Leadership().Role == raft.PreCandidate }) {
		time.Sleep(tick / 10)
	}
}

// patienceOf returns for how many ticks the server would have slept, had it not been asked.
func patienceOf(s *server) int {
	asleep := make(chan int, 1)
	s.inbox.request(func() { asleep <- s.clock.patience })
	return <-asleep
}

// TestAnIdleServerSleepsThroughTicks: with nothing to do, a leader wakes for its
// heartbeats, and a follower when it hears them.
func TestAnIdleServerSleepsThroughTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		c.expectSameState()
		for range 10 {
			time.Sleep(timeout/2 + tick/3)
			for _, s := range c.servers {
				got := patienceOf(s)
				if s == c.leader() && got != 2 {
					t.Errorf("the leader sleeps for %d ticks, want a heartbeat's, 2", got)
				}
				if s != c.leader() && got < 3 {
					t.Errorf("%s sleeps for %d ticks, want more than a heartbeat's, 2", s.id, got)
				}
			}
		}
	})
}

// TestASilentLeaderIsGivenAnElectionTimeout: however followers sleep, they stand no
// sooner than an election timeout after they last heard the leader, and no later than
// two, a tick's rounding aside.
func TestASilentLeaderIsGivenAnElectionTimeout(t *testing.T) {
	for i := range 50 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, 3)
			c.propose("before")
			time.Sleep(3*timeout + time.Duration(i)*heartbeat + tick/3)
			silent, start := c.leader(), time.Now()
			c.isolate(silent, true)
			c.awaitElection()
			// It was last heard up to a heartbeat before it fell silent.
			if d := time.Since(start); d < timeout-heartbeat-tick || d > 2*timeout+tick {
				t.Errorf("a follower stands %v after the leader fell silent, want %v to %v", d, timeout-heartbeat-tick, 2*timeout+tick)
			}
		})
	}
}

// TestASuspectedLeaderIsGivenHalf: a follower that is told that the leader is gone does
// not sleep on: at most half an election timeout later it stands, and if lots fall so
// at the next tick.
func TestASuspectedLeaderIsGivenHalf(t *testing.T) {
	soonest, latest := time.Hour, time.Duration(0)
	for i := range 30 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, 3)
			c.propose("before")
			time.Sleep(time.Duration(i) * heartbeat)
			leader := c.leader()
			c.isolate(leader, true)
			time.Sleep(tick / 2)
			c.follower().Suspect(leader.id)
			start := time.Now()
			c.awaitElection()
			soonest, latest = min(soonest, time.Since(start)), max(latest, time.Since(start))
		})
	}
	if soonest > 2*tick || latest > timeout/2+tick {
		t.Errorf("followers stood after %v to %v, want %v to %v", soonest, latest, tick, timeout/2)
	}
}

// TestADeposedLeaderIsNotListenedTo: what it still sends lets nobody sleep.
func TestADeposedLeaderIsNotListenedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		s, leader := c.follower(), c.leader()
		c.isolate(leader, true)
		time.Sleep(6 * tick) // half an election timeout, and no whole one
		s.Receive(raft.Message{From: leader.id, To: s.id, Term: leader.Leadership().Term - 1, Body: raft.AppendEntries{}})
		synctest.Wait()
		if got := patienceOf(s); got != 1 {
			t.Errorf("it sleeps for %d ticks, want 1", got)
		}
	})
}

// TestATimeStoppedIsNoSilence: a follower that is stopped for longer than any election
// timeout finds what the leader sent meanwhile, and does not stand.
func TestATimeStoppedIsNoSilence(t *testing.T) {
	for i := range 30 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, 3)
			c.propose("before")
			time.Sleep(time.Duration(i) * heartbeat)
			stopped, before := c.follower(), c.leader().Leadership()
			<-stopped.News()
			c.isolate(stopped, true)                                   // nothing comes to its inbox
			stopped.inbox.request(func() { time.Sleep(20 * timeout) }) // and run does nothing else meanwhile
			time.Sleep(20*timeout - tick/2)
			c.isolate(stopped, false)
			time.Sleep(5 * timeout)
			if len(stopped.News()) > 0 || stopped.Leadership().Leader != before.Leader {
				t.Errorf("the follower stood, or follows another: %+v, want %+v as before", stopped.Leadership(), before)
			}
		})
	}
}

// TestALoneCommitIsToldAtTheNextTick: an idle leader that sleeps from heartbeat to
// heartbeat does not leave the others waiting for that when it has something to tell.
func TestALoneCommitIsToldAtTheNextTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0)
		c.lazyCommit, c.heartbeat = true, 5
		c.add(3)
		c.propose("before")
		c.expectSameState()
		for i := range 10 {
			time.Sleep(timeout + time.Duration(i)*tick/2)
			n := c.propose("after")
			start := time.Now()
			c.waitFor("the followers", timeout, func() bool {
				return c.servers[0].machine.len()+c.servers[1].machine.len()+c.servers[2].machine.len() == 3*n
			})
			if d := time.Since(start); d > 2*tick+c.latency {
				t.Errorf("the followers applied it after %v, want a tick, %v, and a message's way", d, tick)
			}
		}
	})
}
