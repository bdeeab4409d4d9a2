package sim

import (
	"fmt"
	"slices"
	"time"

	"kvorum/raft"
)

// demandLiveness demands of servers without faults all that the catalogue of
// liveness says. Times are in election timeouts of the slowest of them, clients
// included.
func (c *cluster) demandLiveness(who []*server) {
	slowest := tickTime
	for _, s := range who {
		slowest = max(slowest, s.tick)
	}
	timeout := electionTicks * slowest
	c.planActions(60*timeout, []kind{asks})
	c.await("L1", 10*timeout, func() string { _, why := c.followedLeader(who); return why })
	c.await("L5", 30*timeout, func() string { _, why := c.commonLeader(who); return why })
	if c.phase == healed && !c.short {
		c.await("L7", 60*timeout, func() string { return c.everyoneVotes(who) })
	}
	since := c.now
	c.await("L2", 5*timeout+3*retryTime/2, func() string { return c.unanswered(since) })
	upTo := c.observer.committed()
	c.await("L3", 20*timeout, func() string { return c.behind(who, upTo) })
	if c.phase == healed {
		c.settled = c.now - c.weatherSince
	}
	if c.short || c.observer.err != nil {
		return
	}
	// By then every leader has looked who answers. The first look may still be
	// at what went wrong before, and end a leadership that was well by chance.
	c.playUntil(max(c.now, c.weatherSince+timeout))
	c.await("L1", 10*timeout, func() string { _, why := c.commonLeader(who); return why })
	if c.observer.err == nil {
		c.demandCalm(who, timeout)
	}
}

// await plays until there is no reason why not, or for too long.
func (c *cluster) await(invariant string, limit time.Duration, why func() string) {
	for begun := c.now; c.observer.err == nil; c.playUntil(c.now + tickTime) {
		reason := why()
		if reason == "" {
			return
		}
		if c.now-begun >= limit {
			c.observer.fail(invariant, "after %v without faults: %s", c.now-begun, reason)
		}
	}
}

// followedLeader is L1: exactly one leader, that all agree on. A server outside
// of the leader's configuration hears of nothing.
func (c *cluster) followedLeader(who []*server) (leader *server, why string) {
	for _, s := range c.servers {
		if s.isRunning() && s.seen.Role == raft.Leader && (leader == nil || s.seen.Term > leader.seen.Term) {
			leader = s
		}
	}
	switch {
	case leader == nil:
		return nil, "nobody leads"
	case !slices.Contains(who, leader):
		return nil, fmt.Sprintf("%s leads, and is not well", leader)
	}
	for _, s := range who {
		if slices.Contains(leader.seen.Config.Servers(), s.id) && (s.seen.Leader != leader.id || s.seen.Term != leader.seen.Term) {
			return nil, fmt.Sprintf("%s does not follow %s", s, leader)
		}
	}
	return leader, ""
}

// commonLeader is L1 with L5: nothing of the chaos is left half-way, and the
// leader has committed an entry of its own term.
func (c *cluster) commonLeader(who []*server) (*server, string) {
	leader, why := c.followedLeader(who)
	if why != "" {
		return nil, why
	}
	switch st := &leader.seen; {
	case st.Config.Joint() || st.ConfigIndex > st.CommitIndex:
		return nil, "a membership change is not finished"
	case !st.Config.IsVoter(leader.id):
		return nil, fmt.Sprintf("%s leads but is no voter", leader)
	case st.Transferee != raft.None:
		return nil, "a transfer of leadership is not over"
	case st.CommitIndex == 0 || c.observer.history[st.CommitIndex].Term != st.Term:
		return nil, fmt.Sprintf("%s has not committed an entry of its term", leader)
	}
	return leader, ""
}

// everyoneVotes is L7, where the operator has made everybody a learner before.
func (c *cluster) everyoneVotes(who []*server) string {
	leader, why := c.commonLeader(who)
	if why != "" {
		return why
	}
	for _, s := range who {
		if !slices.Contains(leader.seen.Config.Voters, s.id) {
			return fmt.Sprintf("%s is not a voter", s)
		}
	}
	return ""
}

// unanswered is L2: every request that was pending is answered.
func (c *cluster) unanswered(since time.Duration) string {
	for _, k := range c.clients.all {
		if o := k.underWay; o != nil && o.Call <= since {
			return fmt.Sprintf("client %d waits since %v: %v", o.Client, o.Call, &o.Operation)
		}
	}
	return ""
}

// behind is L3: all members have applied the same entries; that their states are
// then equal is checked always.
func (c *cluster) behind(who []*server, upTo raft.Index) string {
	leader, why := c.commonLeader(who)
	if why != "" {
		return why
	}
	for _, s := range who {
		if s.machine.applied < upTo && slices.Contains(leader.seen.Config.Servers(), s.id) {
			return fmt.Sprintf("%s has applied up to %d, %d was committed", s, s.machine.applied, upTo)
		}
	}
	return ""
}

// demandCalm is L4 and L6: for a hundred election timeouts the leader stays and
// nobody is sent the same snapshot twice; and when the clients have gone, there
// are heartbeats and nothing else.
func (c *cluster) demandCalm(who []*server, timeout time.Duration) {
	leader, _ := c.commonLeader(who)
	term := leader.seen.Term
	// A server that failed in a later term may yet be heard of, which ends this one.
	disturbed := slices.ContainsFunc(c.present(), func(s *server) bool {
		return s.faulty && max(s.seen.Term, s.disk.durable.hard.CurrentTerm) > term
	})
	c.observer.transfers = map[transferKey]int{}
	c.observer.calm = true
	defer func() { c.observer.calm = false }()
	c.playUntil(c.now + 30*timeout)
	c.clients.silent = true
	c.playUntil(c.now + 10*timeout)
	sent, committed, begun := c.network.sent, c.observer.committed(), c.now
	c.playUntil(c.now + 60*timeout)
	c.clients.silent = false
	if c.observer.err != nil {
		return
	}
	switch now, why := c.commonLeader(who); {
	case why != "":
		c.observer.fail("L4", "all was well, and now: %s", why)
	case !disturbed && (now != leader || now.seen.Term != term):
		c.observer.fail("L4", "all was well under %s in term %d, and now %s leads term %d", leader, term, now, now.seen.Term)
	}
	if last := c.observer.committed(); last != committed {
		c.observer.fail("L6", "nobody asks, and %d entries are committed", last-committed)
	}
	if n, limit := c.network.sent-sent, c.calmLimit(leader, c.now-begun); n > limit {
		c.observer.fail("L6", "nobody asks, and %d messages are sent, more than %d", n, limit)
	}
}

// calmLimit is how many messages an idle cluster needs for a while: a round of
// heartbeats and its answers at each beat, and, while not everybody is healthy,
// what a server that cannot be helped sends in vain.
func (c *cluster) calmLimit(leader *server, d time.Duration) int {
	rounds := int(d/leader.tick)/c.mix.heartbeatTicks + 1 + int(d/leader.tick)/electionTicks
	peers := len(leader.seen.Config.Servers())
	vain := 0
	if c.phase != healed {
		vain = int(d/ElectionTimeout) * 2 * 2 * peers * len(c.servers)
	}
	return rounds*peers*2 + vain
}

// transferKey names a snapshot on its way to a server.
type transferKey struct {
	to raft.ServerID
	id raft.EntryID
}

// snapshotSent checks a part of L6.
func (o *observer) snapshotSent(s, to *server, meta raft.SnapshotMeta) {
	key := transferKey{to.id, meta.ID()}
	o.transfers[key]++
	if o.calm && !to.faulty && !to.gone && o.transfers[key] > 1 {
		o.fail("L6", "%s sends %s the snapshot %v again", s, to, meta.ID())
	}
}
