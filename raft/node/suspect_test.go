package node

import (
	"testing"
	"testing/synctest"
	"time"

	"kvorum/raft"
)

// TestAKilledLeaderIsNotWaitedFor: once the others are told that the leader's process
// is gone, writes go on before its silence alone could have been noticed.
func TestAKilledLeaderIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		late := c.servers[2]
		c.stop(late)
		time.Sleep(tick / 3)
		c.start(late) // real clocks do not tick together either
		n := c.propose("before")
		c.expectSameState()
		old := c.leader()
		c.stop(old)
		start := time.Now()
		for _, s := range c.servers {
			if s != old {
				s.Suspect(old.id)
			}
		}
		if got := c.propose("after"); got != n+1 {
			t.Errorf("the new leader has %d commands, want %d", got, n+1)
		}
		if d := time.Since(start); d >= timeout {
			t.Errorf("writes resumed after %v, want less than the election timeout, %v", d, timeout)
		}
		c.start(old)
		c.expectSameState()
	})
}

// TestAFalseSuspicionChangesNoLeader: however often a server is told that the leader
// is gone, and stands, the others hear it.
func TestAFalseSuspicionChangesNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		before := c.leader().Leadership()
		misled, stood := c.follower(), 0
		for range 100 {
			misled.Suspect(before.Leader)
			time.Sleep(tick)
			if misled.Leadership().Role == raft.PreCandidate {
				stood++
			}
		}
		if now := c.leader().Leadership(); now != before || stood == 0 {
			t.Errorf("got %+v after %d elections were begun, want %+v after some", now, stood, before)
		}
		c.propose("after")
		c.expectSameState()
	})
}
