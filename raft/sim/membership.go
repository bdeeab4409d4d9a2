package sim

import (
	"math/bits"
	"slices"

	"kvorum/raft"
)

// configProposed checks F1: one change at a time, and none before the leader has
// committed an entry of its term.
func (o *observer) configProposed(s *server, st *raft.Status) {
	if st.ConfigIndex > st.CommitIndex || st.Config.Joint() {
		o.fail("F1", "%s starts a second membership change", s)
	}
	if o.history[min(st.CommitIndex, o.committed())].Term != st.Term {
		o.fail("F1", "%s changes the membership before it has committed an entry of its term", s)
	}
}

// checkElectorate checks F3: a leader has the votes of a quorum of voters, each
// of them durable; learners and strangers are not counted.
func (o *observer) checkElectorate(s *server, st *raft.Status) {
	ours := raft.HardState{CurrentTerm: st.Term, VotedFor: s.id}
	votes := o.c.set(func(v *server) bool {
		return o.votes[vote{v.id, st.Term}] == s.id || v == s && s.disk.durable.hard == ours
	})
	if !o.isQuorum(st.Config, votes) {
		o.fail("F3", "%s leads term %d without the votes of a quorum of %v", s, st.Term, st.Config)
	}
}

// faction is a server with those who would vote for it now: a quorum among them
// could decide something. A leader's followers are among them, because its log
// ends with an entry of its own term.
type faction struct {
	server    *server
	config    *raft.Configuration
	followers uint
}

// checkQuorums checks F2 whenever the end of some log has changed: any two
// quorums that are usable at the same moment intersect. Old configurations linger
// on servers that lag behind, but nobody who knows better gives these a vote.
func (o *observer) checkQuorums() {
	all := make([]faction, 0, maxServers)
	for _, s := range o.c.servers {
		if s.raft != nil {
			all = append(all, faction{server: s, config: s.log[len(s.log)-1].config})
		}
	}
	if !slices.ContainsFunc(all, func(f faction) bool { return !sameConfig(*f.config, *all[0].config) }) {
		return // two majorities of the same servers intersect
	}
	for i := range all {
		f := &all[i]
		f.followers = o.c.set(func(v *server) bool { return !v.gone && wouldFollow(v, f.server) })
		for j := range i {
			if !sameConfig(*f.config, *all[j].config) {
				o.checkIntersect(f, &all[j])
			}
		}
	}
}

// wouldFollow reports whether s's log is at least as up-to-date as v's.
func wouldFollow(v, s *server) bool {
	log := v.disk.durable.log
	if v.raft != nil {
		log = v.log
	}
	theirs, ours := log[len(log)-1].EntryID, s.log[len(s.log)-1].EntryID
	return ours.Term > theirs.Term || ours.Term == theirs.Term && ours.Index >= theirs.Index
}

func (o *observer) checkIntersect(a, b *faction) {
	if !o.isQuorum(*b.config, b.followers) {
		return
	}
	mine := a.followers & o.members(*a.config)
	for q := mine; ; q = (q - 1) & mine { // every subset
		if o.isQuorum(*a.config, q) && o.isQuorum(*b.config, b.followers&^q) {
			o.fail("F2", "%s with %v and %s with %v could decide without each other", a.server, *a.config, b.server, *b.config)
			return
		}
		if q == 0 {
			return
		}
	}
}

// set returns the servers that are so, one bit each.
func (c *cluster) set(are func(*server) bool) (set uint) {
	for _, s := range c.servers {
		if are(s) {
			set |= 1 << s.number
		}
	}
	return set
}

func (o *observer) members(config raft.Configuration) uint {
	return o.mask(config.Voters) | o.mask(config.Old)
}

func (o *observer) mask(ids []raft.ServerID) (m uint) {
	for _, id := range ids {
		m |= 1 << o.c.server(id).number
	}
	return m
}

// isQuorum reports whether there is a quorum of config in the set. This is all
// the counting that the observer does: it is written out a second time so that a
// mistake in the core's quorumMin is not repeated. It counts voters and nobody
// else (F3).
func (o *observer) isQuorum(config raft.Configuration, set uint) bool {
	majority := func(ids []raft.ServerID) bool { return 2*bits.OnesCount(set&o.mask(ids)) > len(ids) }
	return majority(config.Voters) && (len(config.Old) == 0 || majority(config.Old))
}
