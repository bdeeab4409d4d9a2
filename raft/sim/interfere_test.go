package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kvorum/raft"
)

// A server that refuses what it is asked is as it was, and so is all that comes.
func TestWhatIsRefusedHasNotHappened(t *testing.T) {
	t.Parallel()
	together := 0
	for seed := range uint64(8) {
		w, plain := NewWorld(Options{Seed: seed, Short: true}), NewWorld(Options{Seed: seed, Short: true})
		defer w.Close()
		defer plain.Close()
		if w.c.mix.drainMore > 0 {
			together++ // a server then has inputs on which it has not acted
		}
		for w.Step() && plain.Step() && w.c.phase == chaos {
			for _, v := range w.Servers() {
				if v.Process != Up || v.Status.Role == raft.Leader || w.Events()%10 != 0 {
					continue
				}
				for _, err := range []error{
					w.Transfer(v.ID, raft.None), w.Reconfigure(v.ID, []raft.ServerID{v.ID}, nil),
					w.Propose(v.ID, Operation{Kind: Set, Key: "x"}), w.Elect(v.ID, []raft.ServerID{"n9"}),
				} {
					if err == nil && w.Leader() != v.ID {
						t.Fatalf("seed %d: %s, which does not lead, refuses nothing at event %d", seed, v.ID, w.Events())
					}
				}
			}
			if w.Digest() != plain.Digest() || w.Events() != plain.Events() || w.Now() != plain.Now() {
				t.Fatalf("seed %d: event %d is not what it is without what was refused", seed, plain.Events())
			}
		}
	}
	if together == 0 {
		t.Error("in no run a server has inputs on which it has not acted")
	}
}

// A bounded read is answered where the state is known to be fresh enough, and refused
// where it is not.
func TestABoundedReadIsAnsweredOrRefused(t *testing.T) {
	t.Parallel()
	w, leader := calmWorld(t)
	var followers []raft.ServerID
	for _, s := range w.c.servers {
		if s.id != leader {
			followers = append(followers, s.id)
		}
	}
	cut, healthy := followers[0], followers[1]
	play := func(d time.Duration) {
		for end := w.Now() + d; w.Now() < end && w.Step(); {
		}
	}
	ended := func(id raft.ServerID, what Operation) Operation {
		t.Helper()
		ok(t, w.Ask(id, what))
		playUntil(t, w, "an answer", func() bool { return w.Operations(1)[0].Outcome != "" })
		return w.Operations(1)[0]
	}
	bounded := func(age time.Duration) Operation {
		return Operation{Kind: Get, Key: "x", Level: Bounded, MaxAge: age}
	}
	ended(leader, Operation{Kind: Set, Key: "x", Value: "1"})
	for _, id := range followers {
		if o := ended(id, bounded(time.Second)); o.Outcome != OK || o.Seen.Value != "1" || o.Return == o.Call {
			t.Errorf("of %s, of which nothing is known: %+v", id, o)
		}
		if o := ended(id, bounded(time.Second)); o.Outcome != OK || o.Return != o.Call {
			t.Errorf("of %s, which has just read: %+v", id, o)
		}
	}
	ok(t, w.Split([]raft.ServerID{cut}, []raft.ServerID{leader, healthy}))
	ended(leader, Operation{Kind: Set, Key: "x", Value: "2"})
	play(300 * time.Millisecond)
	if o := ended(cut, bounded(time.Second)); o.Outcome != OK || o.Seen.Value != "1" || o.Return != o.Call {
		t.Errorf("of %s, soon after it was cut off: %+v", cut, o)
	}
	play(time.Second)
	if o := ended(cut, bounded(time.Second)); o.Outcome != Definite || o.String() != "get x bounded 1s: TOO_STALE definite" {
		t.Errorf("of %s, cut off: %v", cut, &o)
	}
	if o := ended(healthy, bounded(time.Second)); o.Outcome != OK || o.Seen.Value != "2" {
		t.Errorf("of %s, which is well: %+v", healthy, o)
	}
	if o := ended(cut, Operation{Kind: Get, Key: "x", Level: Stale}); o.Outcome != OK || o.Seen.Value != "1" {
		t.Errorf("stale of %s: %+v", cut, o)
	}
	ok(t, w.Crash(healthy, false))
	ok(t, w.Restart(healthy))
	if o := ended(healthy, bounded(time.Hour)); o.Outcome == OK && o.Return == o.Call {
		t.Errorf("a process that has just started knows that it is fresh: %+v", o)
	}
}

// A proposal is the asked server's own, and nobody else's.
func TestAProposalIsNotForwarded(t *testing.T) {
	t.Parallel()
	w, leader := calmWorld(t)
	set := Operation{Kind: Set, Key: "x", Value: "1"}
	if err := w.Propose(w.other().id, set); err == nil || !strings.Contains(err.Error(), "answers: ") || w.Asked() != 0 {
		t.Errorf("a follower says %v, %d were asked", err, w.Asked())
	}
	ok(t, w.Propose(leader, set))
	playUntil(t, w, "an answer", func() bool { return w.Operations(1)[0].Outcome == OK })
}

func TestWhoIsElectedStandsAtOnce(t *testing.T) {
	t.Parallel()
	w, leader := calmWorld(t)
	if err := w.Elect(leader, nil); err == nil {
		t.Error("a leader is elected")
	}
	id := w.other().id
	ok(t, w.Crash(leader, false))
	for end := w.Now() + ElectionTimeout/5; w.Now() < end && w.Step(); { // until no heartbeat is on its way
	}
	ok(t, w.Elect(id, nil))
	if i := slices.IndexFunc(w.Servers(), func(v View) bool { return v.ID == id }); w.Servers()[i].Status.Role != raft.PreCandidate {
		t.Errorf("%s is a %v", id, w.Servers()[i].Status.Role)
	}
	asked := w.Now()
	playUntil(t, w, "a leader", func() bool { return w.Leader() == id })
	if d := w.Now() - asked; d > ElectionTimeout/5 {
		t.Errorf("%s leads after %v", id, d)
	}
	added, err := w.Server()
	ok(t, err)
	if err := w.Elect(added, nil); err == nil || !strings.Contains(err.Error(), "no voter") {
		t.Errorf("who is no voter is elected: %v", err)
	}
}
