package sim

import (
	"errors"
	"testing"

	"kvorum/raft"
)

// Three servers, of whom the first believes that it is alone: that is harmless
// while one of the others knows it, and not once that one has forgotten.
func TestQuorumsThatNeedNotIntersectAreNoticed(t *testing.T) {
	t.Parallel()
	c := newCluster(Options{Seed: 1})
	c.mix.servers, c.mix.voters = 3, 3
	c.create()
	alone := raft.Entry{EntryID: raft.EntryID{Index: 1, Term: 1}, Config: &raft.Configuration{Voters: []raft.ServerID{"n1"}}}
	for _, s := range c.servers[:2] {
		s.log = extend(s.log, []raft.Entry{alone})
	}
	if c.observer.checkQuorums(); c.observer.err != nil {
		t.Fatal(c.observer.err)
	}
	c.servers[1].log = c.servers[1].log[:1]
	c.observer.checkQuorums()
	var v *Violation
	if !errors.As(c.observer.err, &v) || v.Invariant != "F2" {
		t.Errorf("n2 and n3 could decide without n1, which could without them: got %v", c.observer.err)
	}
}

func TestAQuorumIsOfVotersAndOfBothMajorities(t *testing.T) {
	t.Parallel()
	c := newCluster(Options{Seed: 1})
	c.mix.servers, c.mix.voters = 5, 5
	c.create()
	joint := raft.Configuration{Voters: []raft.ServerID{"n3", "n4"}, Old: []raft.ServerID{"n1", "n2", "n3"}, Learners: []raft.ServerID{"n5"}}
	four := raft.Configuration{Voters: []raft.ServerID{"n1", "n2", "n3", "n4"}, Learners: []raft.ServerID{"n5"}}
	for _, test := range []struct {
		config raft.Configuration
		set    uint
		want   bool
	}{
		{joint, 0b01110, true}, {joint, 0b01100, false}, {joint, 0b00111, false}, {joint, 0b11000, false},
		{four, 0b00111, true}, {four, 0b00011, false}, {four, 0b10011, false},
	} {
		if got := c.observer.isQuorum(test.config, test.set); got != test.want {
			t.Errorf("%05b is a quorum of %v: got %v", test.set, test.config, got)
		}
	}
}
