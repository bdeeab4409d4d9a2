//go:build strace

package main

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// leader returns the number of the server that leads.
func (c *trio) leader() (leader int) {
	c.t.Helper()
	all := c.client(0, 1, 2)
	defer all.Close()
	eventually(c.t, "one leads", func() bool {
		for i, s := range c.servers {
			if s.dying().Err() == nil && leads(all, s) {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

// TestServersKilledAtTheirSyncsLoseNothing kills servers as they enter fdatasync: the
// leader, or it and a follower, or both followers, or all three. The power of each
// fails, too. The followers go on without the leader, and once all are back every
// acknowledged set is there.
func TestServersKilledAtTheirSyncsLoseNothing(t *testing.T) {
	t.Parallel()
	c, l := startTrio(t, append(quick, "--snapshot-entries", "20", "--snapshot-tail", "5")...), newLedger()
	var sum tally
	for position := range max(4, 60**sweep/100) {
		leader := c.leader()
		followers := []int{(leader + 1) % 3, (leader + 2) % 3}
		victims := [][]int{{leader}, {leader, followers[0]}, followers, {leader, followers[0], followers[1]}}[position%4]
		killed := c.killAtSync(l, leader, victims)
		sum.killed += len(killed)
		for _, i := range killed {
			if i != leader {
				c.start(i)
			}
		}
		c.goOn(l, followers...)
		c.start(leader)
		c.ready()
		all := c.client(0, 1, 2)
		acked, lost, kept := l.check(t, all)
		all.Close()
		sum.acked, sum.lost, sum.kept = acked, lost, sum.kept+kept
		if lost > 0 || t.Failed() {
			break
		}
	}
	if sum.lost > 0 {
		t.Errorf("%d acknowledged sets are lost", sum.lost)
	}
	t.Logf("%d servers killed at a sync, each with a power cut; %d sets acknowledged, %d lost, %d of those in flight took effect",
		sum.killed, sum.acked, sum.lost, sum.kept)
}

// killAtSync writes until the victims have been killed at their next fdatasync, then
// kills the leader if it still runs, and takes from each what it had not synced. It
// returns whom it killed.
func (c *trio) killAtSync(l *ledger, leader int, victims []int) []int {
	c.t.Helper()
	all := c.client(0, 1, 2)
	defer all.Close()
	for range 5 {
		_ = l.set(c.t.Context(), all, rand.IntN(2000)) // the ledger knows what it means
	}
	traces := map[int]*tracer{}
	for _, i := range victims {
		traces[i] = attach(c.t, c.servers[i].cmd.Process.Pid, "fdatasync:signal=SIGKILL:when=1")
	}
	if traces[leader] == nil {
		traces[leader], victims = attach(c.t, c.servers[leader].cmd.Process.Pid), append(victims, leader)
	}
	dying, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	go func() {
		<-c.servers[victims[0]].exited
		time.AfterFunc(200*time.Millisecond, cancel) // an answer may be on its way
	}()
	for sets := 0; sets < 100 && dying.Err() == nil; sets++ {
		_ = l.set(dying, all, rand.IntN(2000))
	}
	for _, i := range victims {
		_ = c.servers[i].cmd.Process.Kill() // it may have ended
		c.servers[i].exits(-1)
		afterTrace(c.t, traces[i].detach()).lose(c.t, func() bool { return rand.IntN(3) == 0 })
	}
	return victims
}

// goOn waits until the servers that are left acknowledge a few sets.
func (c *trio) goOn(l *ledger, servers ...int) {
	c.t.Helper()
	rest := c.client(servers...)
	defer rest.Close()
	acked := 0
	eventually(c.t, "the others go on", func() bool {
		if l.set(c.t.Context(), rest, 100) == nil {
			acked++
		}
		return acked == 3
	})
}
