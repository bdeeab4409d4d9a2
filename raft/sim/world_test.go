package sim

import (
	"slices"
	"testing"
	"time"

	"kvorum/raft"
)

// A run that is looked at is the run that it was.
func TestAWorldIsTheRunThatIsPlayed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		want := Play(Options{Seed: seed, Short: true})
		w := NewWorld(Options{Seed: seed, Short: true})
		for w.Step() {
			w.Servers()
			w.Flights()
			if w.Over() != (w.Events() == want.Events) {
				t.Errorf("seed %d: after event %d of %d it is over: %t", seed, w.Events(), want.Events, w.Over())
			}
		}
		if got := w.c.observer.digest; got != want.Digest || w.Events() != want.Events || w.Now() != want.Time {
			t.Errorf("seed %d: %x after %d events, %v; want %x, %d, %v", seed, got, w.Events(), w.Now(), want.Digest, want.Events, want.Time)
		}
	}
}

// calmWorld returns a calm run of three servers in which one leads.
func calmWorld(t *testing.T) (*World, raft.ServerID) {
	t.Helper()
	w := NewWorld(Options{Seed: 1, Calm: true})
	t.Cleanup(w.Close)
	playUntil(t, w, "all follow a leader", func() bool {
		return !slices.ContainsFunc(w.Servers(), func(v View) bool { return v.Status.Leader == raft.None })
	})
	return w, w.Leader()
}

func playUntil(t *testing.T, w *World, what string, is func() bool) {
	t.Helper()
	for limit := w.Now() + 20*ElectionTimeout; !is(); {
		if !w.Step() || w.Now() > limit {
			t.Fatalf("never: %s (%v, %v)", what, w.Now(), w.Violation())
		}
	}
}

// other returns a server that does not lead.
func (w *World) other() *server {
	return w.c.servers[slices.IndexFunc(w.c.servers, func(s *server) bool { return s.id != w.Leader() && !s.gone })]
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestACalmRunElectsCommitsAndAnswers(t *testing.T) {
	t.Parallel()
	w, _ := calmWorld(t)
	ok(t, w.Ask(w.other().id, Operation{Kind: Set, Key: "x", Value: "1"}))
	playUntil(t, w, "the write is answered", func() bool { return w.Operations(1)[0].Outcome == OK })
	ok(t, w.Ask(w.other().id, Operation{Kind: Get, Key: "x"}))
	playUntil(t, w, "the read is answered", func() bool { return w.Operations(1)[0].Outcome == OK })
	if got := w.Operations(1)[0].Seen; got != (State{true, "1"}) {
		t.Errorf("x is %v", got)
	}
	for range 2000 {
		w.Step()
	}
	if w.Violation() != nil || w.c.observer.leaders[2] != raft.None {
		t.Errorf("a calm run is not: %v, %v", w.Violation(), w.c.observer.leaders)
	}
}

// Whatever is done to a world, what must hold does, and the same is the same again.
func TestInterferenceIsDeterministicAndHarmless(t *testing.T) {
	t.Parallel()
	if a, b := interfere(t), interfere(t); a != b || a == 0 {
		t.Errorf("digests %x and %x", a, b)
	}
}

func interfere(t *testing.T) uint64 {
	w, leader := calmWorld(t)
	play := func(d time.Duration) {
		for end := w.Now() + d; w.Now() < end && w.Step(); {
		}
	}
	f := w.other().id
	ok(t, w.Cut(leader, f, true))
	ok(t, w.Ask(leader, Operation{Kind: Set, Key: "x", Value: "1"}))
	play(ElectionTimeout)
	ok(t, w.Heal())
	ok(t, w.Slow(f, leader, time.Second))
	ok(t, w.Stall(f, true))
	play(ElectionTimeout)
	ok(t, w.Stall(f, false))
	ok(t, w.SetClock(f, 0.5))
	ok(t, w.Ask(leader, Operation{Kind: Set, Key: "x", Value: "2"}))
	ok(t, w.Crash(leader, true))
	play(4 * ElectionTimeout)
	ok(t, w.Restart(leader))
	ok(t, w.Heal())
	play(4 * ElectionTimeout)
	id, err := w.Server()
	ok(t, err)
	ok(t, w.Reconfigure(w.Leader(), []raft.ServerID{"n1", "n2", "n3"}, []raft.ServerID{id}))
	play(2 * ElectionTimeout)
	ok(t, w.Reconfigure(w.Leader(), []raft.ServerID{"n1", "n2", "n3", id}, nil))
	ok(t, w.Pause(w.other().id))
	play(2 * ElectionTimeout)
	ok(t, w.Resume(w.other().id))
	ok(t, w.Snapshot(w.Leader()))
	play(ElectionTimeout)
	ok(t, w.Wipe(w.other().id))
	ok(t, w.Tick(w.other().id, 3))
	ok(t, w.Suspect(w.Leader(), w.other().id))
	play(ElectionTimeout)
	ok(t, w.Transfer(w.Leader(), raft.None))
	ok(t, w.Split([]raft.ServerID{"n2"}, []raft.ServerID{"n3"}))
	play(8 * ElectionTimeout)
	if w.Violation() != nil {
		t.Errorf("%v", w.Violation())
	}
	return w.Digest()
}

func TestMessagesCanBeDroppedDelayedRepeatedAndReordered(t *testing.T) {
	t.Parallel()
	w, _ := calmWorld(t)
	playUntil(t, w, "five messages are on their way", func() bool { return len(w.Flights()) >= 2 })
	flights := w.Flights()
	at := func(number int) (f Flight, there bool) {
		i := slices.IndexFunc(w.Flights(), func(f Flight) bool { return f.Number == number })
		if i < 0 {
			return f, false
		}
		return w.Flights()[i], true
	}
	first, second := flights[0], flights[1]
	ok(t, w.Delay(first.Number, time.Second))
	if f, _ := at(first.Number); f.Due != first.Due+time.Second {
		t.Errorf("due at %v after a delay, %v before", f.Due, first.Due)
	}
	ok(t, w.Duplicate(first.Number))
	if n := len(w.Flights()); n != len(flights)+1 {
		t.Errorf("%d messages after a duplicate, %d before", n, len(flights))
	}
	ok(t, w.Drop(second.Number))
	if _, there := at(second.Number); there {
		t.Error("a dropped message is on its way")
	}
	if err := w.Drop(second.Number); err == nil {
		t.Error("a message is dropped twice")
	}
	ok(t, w.Deliver(first.Number))
	if _, there := at(first.Number); there {
		t.Error("a delivered message is on its way")
	}
}
