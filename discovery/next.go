package discovery

import (
	"fmt"
	"maps"
	"slices"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

// caughtUp is how many entries a learner may be behind the leader's log when it
// becomes a voter. A cluster under load never stands still, so 0 would never be
// seen; this many are replicated in well under an election timeout.
const caughtUp = 256

// view is what the leader knows when it decides the next step.
type view struct {
	self      raft.ServerID
	clusterID string
	members   []Member           // as Serf sees them, this server included
	config    raft.Configuration // committed and not joint
	index     raft.Index         // of the log entry that holds config; 0: none does
	directory kv.Directory
	last      raft.Index        // the end of the leader's log
	peers     []raft.PeerStatus // what the leader knows of the others
	silence   int               // ticks without contact after which a server counts as down
}

// change is one step: a command for the directory, or a new configuration.
type change struct {
	command  kv.Command      // nil: change the configuration instead
	voters   []raft.ServerID // the new configuration
	learners []raft.ServerID
	what     string // for the log: what happens to whom, and why
}

// next decides the one step that brings the configuration closer to what the
// operators asked for and to who is there. A rule that would leave a set of
// voters without a live majority yields to the rules after it.
func next(v view) (change, bool) {
	rules := []func(view) (change, bool){
		writeDown, removeMarked, correctAddress, addLearner, promoteLearner, forgetSuperseded,
	}
	for _, rule := range rules {
		if c, ok := rule(v); ok {
			return c, true
		}
	}
	return change{}, false
}

// writeDown puts the configuration that the cluster was bootstrapped with into
// the log, where servers find it that began without one.
func writeDown(v view) (change, bool) {
	return change{
		voters:   v.config.Voters,
		learners: v.config.Learners,
		what:     "write the first configuration into the log",
	}, v.index == 0
}

// removeMarked takes a server out that an operator removed.
func removeMarked(v view) (change, bool) {
	for _, id := range v.config.Servers() {
		if !v.directory.Removed[id] {
			continue
		}
		c := change{
			voters:   without(v.config.Voters, id),
			learners: without(v.config.Learners, id),
			what:     fmt.Sprintf("remove %s: it is marked as removed", id),
		}
		if v.liveMajority(c.voters) {
			return c, true
		}
	}
	return change{}, false
}

// correctAddress writes down where a member is, if it is not where we thought.
func correctAddress(v view) (change, bool) {
	for _, m := range v.eligible() {
		if !slices.Contains(v.config.Servers(), m.ID) {
			continue
		}
		if c, ok := v.put(m); ok {
			return c, true
		}
	}
	return change{}, false
}

// addLearner adds a newcomer, first to the directory, so that it has an
// address on every server, then to the configuration.
func addLearner(v view) (change, bool) {
	for _, m := range v.eligible() {
		if slices.Contains(v.config.Servers(), m.ID) || v.nameTaken(m.ID) {
			continue
		}
		if c, ok := v.put(m); ok {
			return c, true
		}
		return change{
			voters:   v.config.Voters,
			learners: with(v.config.Learners, m.ID),
			what:     fmt.Sprintf("add %s as a learner: it is alive and new here", m.ID),
		}, true
	}
	return change{}, false
}

// promoteLearner makes a learner that has caught up a voter. A voter that is
// down and bears the same name is the same machine before it lost its disk: it
// will never come back, and goes in the same change, so that a replaced disk
// costs the cluster no fault tolerance on the way.
func promoteLearner(v view) (change, bool) {
	for _, id := range v.config.Learners {
		s, known := v.directory.Servers[id]
		if known && s.StayLearner || v.directory.Removed[id] || !v.hasCaughtUp(id) {
			continue
		}
		voters := slices.DeleteFunc(slices.Clone(v.config.Voters), func(old raft.ServerID) bool {
			return node.Name(old) == node.Name(id) && !v.live(old)
		})
		c := change{
			voters:   with(voters, id),
			learners: without(v.config.Learners, id),
			what:     fmt.Sprintf("promote %s to voter: it has caught up", id),
		}
		if v.liveMajority(c.voters) {
			return c, true
		}
	}
	return change{}, false
}

// forgetSuperseded marks an incarnation that is down as removed, once the one
// that follows it takes part: as a voter, if a voter is to go.
func forgetSuperseded(v view) (change, bool) {
	for _, id := range slices.Concat(v.config.Servers(), slices.Sorted(maps.Keys(v.directory.Servers))) {
		if v.live(id) || v.directory.Removed[id] {
			continue
		}
		for _, m := range v.eligible() {
			if m.ID == id || m.Name() != node.Name(id) || !v.replaces(m.ID, id) {
				continue
			}
			return change{
				command: kv.RemoveServer{ID: id},
				what:    fmt.Sprintf("forget %s: %s took its place", id, m.ID),
			}, true
		}
	}
	return change{}, false
}

// replaces reports whether newer counts for at least as much as older.
func (v view) replaces(newer, older raft.ServerID) bool {
	return v.config.IsVoter(newer) ||
		!v.config.IsVoter(older) && slices.Contains(v.config.Learners, newer)
}

// put writes m's address into the directory unless it stands there already.
func (v view) put(m Member) (change, bool) {
	s, known := v.directory.Servers[m.ID]
	if known && s.Addr == m.Addr {
		return change{}, false
	}
	return change{
		command: kv.PutServer{ID: m.ID, Addr: m.Addr, StayLearner: s.StayLearner},
		what:    fmt.Sprintf("note that %s is at %s", m.ID, m.Addr),
	}, true
}

// eligible returns the members that may take part: alive, of this cluster or
// of none yet, and not removed by an operator.
func (v view) eligible() []Member {
	var ok []Member
	for _, m := range v.members {
		ours := m.ClusterID == "" || m.ClusterID == v.clusterID
		if m.Status == Alive && ours && !v.directory.Removed[m.ID] {
			ok = append(ok, m)
		}
	}
	return ok
}

// nameTaken reports whether another incarnation with id's name takes part and
// is up: two machines were given one name, and the one that works keeps it.
func (v view) nameTaken(id raft.ServerID) bool {
	return slices.ContainsFunc(v.config.Servers(), func(other raft.ServerID) bool {
		return other != id && node.Name(other) == node.Name(id) && v.live(other)
	})
}

// hasCaughtUp reports whether id is in contact and its log nearly the leader's.
func (v view) hasCaughtUp(id raft.ServerID) bool {
	p, ok := v.peer(id)
	return ok && v.live(id) && p.MatchIndex > 0 && p.MatchIndex+caughtUp >= v.last
}

// liveMajority reports whether more than half of voters are up.
func (v view) liveMajority(voters []raft.ServerID) bool {
	up := 0
	for _, id := range voters {
		if v.live(id) {
			up++
		}
	}
	return 2*up > len(voters)
}

// live reports whether id answers the leader. Only Raft's own contact counts:
// gossip may reach a server that Raft cannot, and the other way round.
func (v view) live(id raft.ServerID) bool {
	if id == v.self {
		return true
	}
	p, ok := v.peer(id)
	return ok && p.SinceContact < v.silence
}

// peer returns what the leader knows of id.
func (v view) peer(id raft.ServerID) (raft.PeerStatus, bool) {
	i := slices.IndexFunc(v.peers, func(p raft.PeerStatus) bool { return p.ID == id })
	if i < 0 {
		return raft.PeerStatus{}, false
	}
	return v.peers[i], true
}

// with returns ids and id, in order.
func with(ids []raft.ServerID, id raft.ServerID) []raft.ServerID {
	all := append(without(ids, id), id)
	slices.Sort(all)
	return all
}

// without returns ids less id.
func without(ids []raft.ServerID, id raft.ServerID) []raft.ServerID {
	return slices.DeleteFunc(slices.Clone(ids), func(other raft.ServerID) bool { return other == id })
}
