package raft

import (
	"slices"
	"testing"
)

func ids(names string) (all []ServerID) {
	for _, c := range names {
		all = append(all, ServerID(c))
	}
	return all
}

// Learners do not count (thesis §4.2.1), and C-old,new needs both majorities (§6).
func TestQuorumMinIsWhatAMajorityHasReached(t *testing.T) {
	t.Parallel()
	at := map[ServerID]Index{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}
	for _, c := range []struct {
		voters, old, learners string
		want                  Index
	}{
		{"", "", "", 0},
		{"a", "", "", 1},
		{"ab", "", "", 1}, // two of two
		{"abc", "", "", 2},
		{"abcd", "", "", 2}, // three of four
		{"abcde", "", "", 3},
		{"abcdef", "", "", 3}, // four of six
		{"abcdefg", "", "", 4},
		{"gbe", "", "", 5},        // in any order
		{"abc", "", "defg", 2},    // learners do not count
		{"efg", "abc", "", 2},     // both majorities, not one of all
		{"abc", "efg", "", 2},     // whichever is behind
		{"cde", "abc", "fg", 2},   // they overlap
		{"g", "abcde", "", 3},     //
		{"abcdefg", "g", "", 4},   //
		{"ag", "abcdefg", "f", 1}, //
	} {
		config := Configuration{Voters: ids(c.voters), Old: ids(c.old), Learners: ids(c.learners)}
		if got := quorumMin(config, func(id ServerID) Index { return at[id] }); got != c.want {
			t.Errorf("%v: got %d, want %d", config, got, c.want)
		}
	}
}

// Any two quorums of one configuration share a server, up to seven voters; and
// a quorum of C-old,new shares one with every quorum of C-old and of C-new.
func TestQuorumsIntersect(t *testing.T) {
	t.Parallel()
	all := ids("abcdefg")
	hasQuorum := func(c Configuration, set int) bool {
		return c.hasQuorum(func(id ServerID) bool { return set>>slices.Index(all, id)&1 == 1 })
	}
	for n := 1; n <= len(all); n++ {
		c := Configuration{Voters: all[:n]}
		for set := range 1 << n {
			if rest := 1<<n - 1 - set; hasQuorum(c, set) && hasQuorum(c, rest) {
				t.Fatalf("%d voters: %b and %b are both quorums", n, set, rest)
			}
		}
	}
	before, after := Configuration{Voters: all[:4]}, Configuration{Voters: all[2:]}
	joint := Configuration{Voters: after.Voters, Old: before.Voters}
	apart := false // C-old and C-new decide on their own: that is what joint consensus is for
	for set := range 1 << len(all) {
		rest := 1<<len(all) - 1 - set
		if hasQuorum(joint, set) && (hasQuorum(before, rest) || hasQuorum(after, rest)) {
			t.Fatalf("%b decides jointly without %b", set, rest)
		}
		apart = apart || hasQuorum(before, set) && hasQuorum(after, rest)
	}
	if !apart {
		t.Error("C-old and C-new always intersect: the test shows nothing")
	}
}

func TestServersAreListedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	c := Configuration{Voters: ids("ca"), Old: ids("ab"), Learners: ids("dx")}
	if got := c.Servers(); !slices.Equal(got, ids("abcdx")) {
		t.Errorf("got %v", got)
	}
	for id, want := range map[ServerID]bool{"a": true, "b": true, "c": true, "d": false, "z": false} {
		if c.IsVoter(id) != want {
			t.Errorf("IsVoter(%s): got %v", id, !want)
		}
	}
}
