package sim

import (
	"fmt"

	"kvorum/raft"
)

// settleLimit bounds how long a cluster without faults may take until all is
// well. A snapshot may still be under way for a third of it, and the slowest
// clock runs at half the rate, with timeouts of up to twice the minimum: that
// leaves five failed elections in a row.
const settleLimit = 30 * ElectionTimeout

// settle demands progress once the faults have ended.
func (c *cluster) settle() {
	c.heal()
	var g goal
	why, begun := "", c.now
	for c.now < begun+settleLimit && c.observer.err == nil {
		c.playUntil(c.now + tickTime)
		if why = g.missing(c); why == "" {
			c.settled = c.now - begun
			c.staysSettled(g.term)
			return
		}
	}
	c.observer.fail("%v after the faults ended: %s", c.now-begun, why)
}

// staysSettled demands that a healthy cluster keeps its leader, and that nobody
// is sent a snapshot once all have everything.
func (c *cluster) staysSettled(term raft.Term) {
	snapshots := c.counts[SnapshotSent]
	c.playUntil(c.now + 10*ElectionTimeout)
	leader, why := c.commonLeader()
	switch {
	case why != "":
		c.observer.fail("the cluster had settled, and now: %s", why)
	case leader.seen.Term != term:
		c.observer.fail("the cluster had settled in term %d, and now it is %d", term, leader.seen.Term)
	case c.counts[SnapshotSent] != snapshots:
		c.observer.fail("the cluster had settled, and then a snapshot was sent")
	}
}

// goal is what a healthy cluster must reach: one leader that all members
// follow, no membership change or transfer left over, a fresh command
// committed and applied by all, and a fresh read answered at every member.
type goal struct {
	fresh raft.EntryID
	term  raft.Term // in which fresh was proposed
	reads map[raft.ServerID]uint64
}

// missing says what is not as it should be yet, and asks for it; or "".
func (g *goal) missing(c *cluster) string {
	leader, why := c.commonLeader()
	if why != "" {
		return why
	}
	if g.term != leader.seen.Term {
		id, err := leader.raft.Propose([]byte("fresh"))
		c.perform(leader)
		if err != nil {
			return fmt.Sprintf("%s does not accept a command: %v", leader.id, err)
		}
		*g = goal{id, leader.seen.Term, map[raft.ServerID]uint64{}}
	}
	for _, id := range leader.seen.Config.Servers() {
		s := c.server(id)
		if s.machine.applied < g.fresh.Index || s.machine.applied != leader.machine.applied || s.machine.state != leader.machine.state {
			return fmt.Sprintf("%s has applied up to %d, the leader %d, and the fresh command is %d", id, s.machine.applied, leader.machine.applied, g.fresh.Index)
		}
		if !g.hasRead(c, s) {
			return fmt.Sprintf("a read at %s is not answered", id)
		}
	}
	return ""
}

// hasRead reports whether a read that began after the faults has been answered at s.
func (g *goal) hasRead(c *cluster, s *server) bool {
	id := g.reads[s.id]
	if r, pending := c.clients.reads[id]; id == 0 || pending && r.begun < c.now-2*ElectionTimeout {
		delete(c.clients.reads, id)
		c.clients.read(c, s)
		g.reads[s.id] = c.clients.readID
		return false
	} else {
		return !pending
	}
}

// commonLeader returns the leader if all members agree on it and nothing of the
// chaos is left over.
func (c *cluster) commonLeader() (*server, string) {
	var leader *server
	for _, s := range c.servers {
		if s.seen.Role == raft.Leader && (leader == nil || s.seen.Term > leader.seen.Term) {
			leader = s
		}
	}
	if leader == nil {
		return nil, "nobody leads"
	}
	for _, id := range leader.seen.Config.Servers() {
		if s := c.server(id); s.seen.Leader != leader.id || s.seen.Term != leader.seen.Term {
			return nil, fmt.Sprintf("%s does not follow %s", id, leader.id)
		}
	}
	switch st := leader.seen; {
	case st.Config.Joint() || st.ConfigIndex > st.CommitIndex:
		return nil, "a membership change is not finished"
	case !st.Config.IsVoter(leader.id):
		return nil, string(leader.id) + " leads but is no voter"
	case st.Transferee != raft.None:
		return nil, "a transfer of leadership is not over"
	}
	return leader, ""
}
