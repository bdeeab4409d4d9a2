package raft

import (
	"cmp"
	"slices"
)

// Configuration is the set of servers that take part in consensus (§6).
// While Old is not empty it is the joint configuration C-old,new: Old is
// C-old, Voters is C-new, and a decision needs a majority of each.
//
// Departure: when a learner has caught up is not decided here. Package discovery
// makes it a voter once it is a few entries behind; thesis §4.2.1 counts rounds.
type Configuration struct {
	Voters   []ServerID
	Old      []ServerID
	Learners []ServerID // receive the log but do not vote (§6)
}

// Joint reports whether c is C-old,new, on the way from one set of voters to another.
func (c Configuration) Joint() bool { return len(c.Old) > 0 }

// IsVoter reports whether id votes in c, in C-old or in C-new: any server from
// either configuration may serve as leader (§6, thesis §4.3).
func (c Configuration) IsVoter(id ServerID) bool {
	return slices.Contains(c.Voters, id) || slices.Contains(c.Old, id)
}

// Servers returns every server of c once, in order, so that what a server does
// never depends on the iteration order of a map.
func (c Configuration) Servers() []ServerID {
	all := slices.Concat(c.Voters, c.Old, c.Learners)
	slices.Sort(all)
	return slices.Compact(all)
}

// quorumMin returns the largest value that a quorum of c has reached: agreement,
// for elections and entry commitment, requires separate majorities from both the
// old and new configurations (§6, thesis §4.3). Learners are not counted towards
// majorities (thesis §4.2.1).
func quorumMin[T cmp.Ordered](c Configuration, value func(ServerID) T) T {
	m := majorityMin(c.Voters, value)
	if c.Joint() {
		m = min(m, majorityMin(c.Old, value))
	}
	return m
}

// majorityMin returns the largest value that a majority of ids has reached,
// and the zero value where there is nobody to reach one.
func majorityMin[T cmp.Ordered](ids []ServerID, value func(ServerID) T) (m T) {
	if len(ids) == 0 {
		return m
	}
	values := make([]T, 0, len(ids))
	for _, id := range ids {
		values = append(values, value(id))
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// hasQuorum reports whether a quorum of c satisfies ok.
func (c Configuration) hasQuorum(ok func(ServerID) bool) bool {
	return quorumMin(c, func(id ServerID) int {
		if ok(id) {
			return 1
		}
		return 0
	}) == 1
}

// ProposeConfig starts a change to a configuration with the given servers; one
// that changes the voters goes through C-old,new. It has happened once an entry
// at or after the returned one holds it and is committed.
//
// Departure: voters change by joint consensus only (§6, thesis §4.3), and never one
// server at a time (thesis §4.1). A change of learners alone is one entry, since the
// quorums stay the same.
//
// Errors: ErrNotLeader, ask the leader; ErrTransferring, try later; ErrConfigInFlight,
// try again once the present change, or the first entry of this leader's term, is
// committed; ErrInvalidConfig.
func (r *Raft) ProposeConfig(voters, learners []ServerID) (EntryID, error) {
	switch {
	case r.role != Leader:
		return EntryID{}, ErrNotLeader
	case r.leader.transferee != None:
		// A change is a client request too, and not accepted meanwhile (thesis §3.10).
		return EntryID{}, ErrTransferring
	// A leader does not begin a new change until the previous change's entry has
	// committed (thesis §4.1) and the configuration is a simple majority (thesis
	// §4.3); nor, by the correction of 2015, until it has committed an entry of
	// its own term: a rival's change may still come back.
	case r.configIndex > r.commitIndex, r.config.Joint(), r.commitIndex < r.leader.termStart:
		return EntryID{}, ErrConfigInFlight
	}
	next := Configuration{Voters: slices.Sorted(slices.Values(voters)), Learners: slices.Sorted(slices.Values(learners))}
	if len(voters) == 0 || len(next.Servers()) != len(voters)+len(learners) {
		return EntryID{}, ErrInvalidConfig
	}
	if !slices.Equal(next.Voters, r.config.Voters) {
		next.Old = r.config.Voters
	}
	return r.appendAsLeader(Entry{Config: &next}), nil
}
