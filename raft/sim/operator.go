package sim

import (
	"math/rand/v2"
	"slices"

	"kvorum/raft"
)

// reconfigure asks whoever believes that it leads for a random membership.
func reconfigure(c *cluster, r *rand.Rand) {
	var voters, learners []raft.ServerID
	all := slices.DeleteFunc(c.present(), func(s *server) bool { return s.broken || s.disk.damaged })
	if len(all) == 0 {
		return
	}
	n := 1 + r.IntN(len(all))
	for i, at := range r.Perm(len(all)) {
		switch id := all[at].id; {
		case i < n:
			voters = append(voters, id)
		case chance(r, 500):
			learners = append(learners, id)
		}
	}
	c.proposeConfig(c.leaderOrAny(r), voters, learners)
}

func (c *cluster) proposeConfig(s *server, voters, learners []raft.ServerID) {
	if !s.isRunning() {
		return
	}
	c.input(s, func() {
		before := s.raft.Status()
		if _, err := s.raft.ProposeConfig(voters, learners); err == nil {
			c.tracef("%s is to change to %s", s, raft.Configuration{Voters: voters, Learners: learners})
			c.observer.configProposed(s, &before)
			c.counts[ConfigProposed]++
		}
	})
}

// reconcile is the operator, who sees the servers through gossip: it may have
// forgotten any of them, and remember those that are gone. What decides is only
// who answers the leader, as in package discovery: gossip adds learners, and a
// learner that has caught up becomes a voter, in the place of its predecessor.
func (c *cluster) reconcile(r *rand.Rand) {
	leader := c.leaderOrAny(r)
	if !leader.isRunning() || leader.seen.Role != raft.Leader {
		return
	}
	c.admit(leader, func(s *server) bool { return chance(r, 700) || s.gone && chance(r, 100) })
}

// admit takes one step towards a cluster of all servers that are believed in.
func (c *cluster) admit(leader *server, believed func(*server) bool) {
	config := leader.seen.Config
	for _, p := range leader.seen.Peers {
		s := c.server(p.ID)
		caughtUp := p.MatchIndex > 0 && p.MatchIndex+20 >= leader.seen.Last.Index
		if !slices.Contains(config.Learners, p.ID) || !caughtUp || p.SinceContact >= electionTicks || !believed(s) {
			continue
		}
		voters := slices.DeleteFunc(slices.Clone(config.Voters), func(id raft.ServerID) bool {
			return id != s.id && c.server(id).name == s.name
		})
		learners := slices.DeleteFunc(slices.Clone(config.Learners), func(id raft.ServerID) bool { return id == s.id })
		c.proposeConfig(leader, append(voters, s.id), learners)
		return
	}
	for _, s := range c.servers {
		if s != leader && believed(s) && !slices.Contains(config.Servers(), s.id) {
			c.proposeConfig(leader, config.Voters, append(slices.Clone(config.Learners), s.id))
			return
		}
	}
}
