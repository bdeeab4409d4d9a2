package sim

import (
	"math/bits"

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
	majority := func(ids []raft.ServerID) bool {
		n := 0
		for _, id := range ids {
			itself := id == s.id && s.disk.durable.hard == raft.HardState{CurrentTerm: st.Term, VotedFor: s.id}
			if itself || o.votes[vote{id, st.Term}] == s.id {
				n++
			}
		}
		return 2*n > len(ids)
	}
	if !majority(st.Config.Voters) || len(st.Config.Old) > 0 && !majority(st.Config.Old) {
		o.fail("F3", "%s leads term %d without the votes of a quorum of %v", s, st.Term, st.Config)
	}
}

// checkMembership checks F2 whenever who counts for whom may have changed.
func (o *observer) checkMembership(s *server, before, after *raft.Status) {
	if before.Role != after.Role && after.Role == raft.Leader || !sameConfig(before.Config, after.Config) {
		o.checkQuorums()
	}
}

// faction is a server with those who would vote for it now: a quorum among them
// could decide something. A leader's followers are among them, because its log
// ends with an entry of its own term.
type faction struct {
	server    *server
	config    raft.Configuration
	followers uint
}

// checkQuorums checks F2: any two quorums that are usable at the same moment
// intersect. Old configurations linger on servers that lag behind, but nobody
// who knows better gives these a vote.
func (o *observer) checkQuorums() {
	var all []faction
	for _, s := range o.c.servers {
		if s.raft == nil {
			continue
		}
		f := faction{server: s, config: *s.log[len(s.log)-1].config}
		for _, v := range o.c.servers {
			if !v.gone && o.wouldFollow(v, s) {
				f.followers |= 1 << v.number
			}
		}
		if o.isQuorum(f.config, f.followers) {
			all = append(all, f)
		}
	}
	for i := range all {
		for j := range i {
			if !sameConfig(all[i].config, all[j].config) {
				o.checkIntersect(&all[i], &all[j])
			}
		}
	}
}

// wouldFollow reports whether s's log is at least as up-to-date as v's.
func (o *observer) wouldFollow(v, s *server) bool {
	log := v.disk.durable.log
	if v.raft != nil {
		log = v.log
	}
	theirs, ours := log[len(log)-1].EntryID, s.log[len(s.log)-1].EntryID
	return ours.Term > theirs.Term || ours.Term == theirs.Term && ours.Index >= theirs.Index
}

func (o *observer) checkIntersect(a, b *faction) {
	mine := a.followers & o.members(a.config)
	for q := mine; ; q = (q - 1) & mine { // every subset
		if o.isQuorum(a.config, q) && o.isQuorum(b.config, b.followers&^q) {
			o.fail("F2", "%s with %v and %s with %v could decide without each other", a.server, a.config, b.server, b.config)
			return
		}
		if q == 0 {
			return
		}
	}
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

// isQuorum reports whether the servers of set are a quorum of config.
func (o *observer) isQuorum(config raft.Configuration, set uint) bool {
	majority := func(ids []raft.ServerID) bool { return 2*bits.OnesCount(set&o.mask(ids)) > len(ids) }
	return majority(config.Voters) && (len(config.Old) == 0 || majority(config.Old))
}
