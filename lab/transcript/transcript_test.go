package transcript

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kvorum/raft"
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// play plays a run up to an event, and records it with a remark on every crash.
func play(t *testing.T, o sim.Options, events int) (*Recording, *sim.World) {
	t.Helper()
	rec := &Recording{Title: fmt.Sprintf("Seed %d", o.Seed)}
	var w *sim.World
	o.Record = rec.Take
	o.Trace = func(line string) {
		if w != nil && strings.Contains(line, "crash") {
			rec.Say(Remark{At: w.Now(), Text: line})
		}
	}
	w = sim.NewWorld(o)
	t.Cleanup(w.Close)
	for w.Events() < events && w.Step() {
	}
	return rec, w
}

// What came of a run comes of its script: Write compares all servers, or refuses.
func TestARunComesToTheSameAsAScript(t *testing.T) {
	t.Parallel()
	takes := func(o sim.Options, events int) {
		rec, w := play(t, o, events)
		name := fmt.Sprintf("%+v, up to event %d", o, w.Events())
		text, why := Write(rec, w)
		if why != "" {
			t.Errorf("%s: %s", name, why)
			return
		}
		switch again, err := script.Play(text); {
		case err != nil:
			t.Errorf("%s: the script has a mistake: %v", name, err)
		case again != text:
			t.Errorf("%s: the script does not play as it is written", name)
		}
	}
	for seed := range uint64(40) {
		takes(sim.Options{Seed: seed, Short: true}, 1<<30)
		takes(sim.Options{Seed: seed, Short: true}, 100+7*int(seed))
	}
	takes(sim.Options{Seed: 15}, 2500) // with learners
	takes(sim.Options{Seed: 20}, 2500)
	takes(sim.Options{Seed: 8, Servers: 5}, 6000)
	takes(sim.Options{Seed: 1, Calm: true, Clients: 3, Servers: 5}, 3000)
}

// Where a server of the run came to something else, there is no script.
func TestAScriptThatComesToSomethingElseIsNotHandedOut(t *testing.T) {
	t.Parallel()
	for what, isAnother := range map[string]func(is, was sim.View) bool{
		"a term":       func(is, was sim.View) bool { return is.Status.Term > was.Status.Term },
		"commitIndex":  func(is, was sim.View) bool { return is.Status.CommitIndex > was.Status.CommitIndex },
		"what is down": func(is, _ sim.View) bool { return is.Process == sim.Down },
	} {
		rec, w := play(t, sim.Options{Seed: 3, Short: true}, 60)
		if _, why := Write(rec, w); why != "" {
			t.Fatal(why)
		}
		recorded := Recording{acts: rec.acts}
		for was := w.Servers()[0]; !isAnother(w.Servers()[0], was); {
			if !w.Step() {
				t.Fatalf("%s is the same to the end", what)
			}
		}
		if text, why := Write(&recorded, w); text != "" || !strings.Contains(why, "in the script n") {
			t.Errorf("%s is another: %q, %q", what, text, why)
		}
	}
}

// What a server of the script came to is all compared with the run.
func TestWhateverDiffersInAServerIsNoticed(t *testing.T) {
	t.Parallel()
	rec, w := play(t, sim.Options{Seed: 1, Calm: true, Clients: 3}, 1000)
	tell := newTeller(rec, w, true)
	if _, why := tell.script(""); why != "" {
		t.Fatal(why)
	}
	n := slices.IndexFunc(w.Servers(), func(v sim.View) bool { return v.Status.Role == raft.Leader })
	leader, actor := w.Servers()[n], func() script.View { return tell.draft.stage.Servers()[n] }
	if why := tell.differs(leader, actor()); why != "" {
		t.Fatal(why)
	}
	for what, change := range map[string]func(a *script.View){
		"process":     func(a *script.View) { a.Running = false },
		"role":        func(a *script.View) { a.Status.Role = raft.Follower },
		"term":        func(a *script.View) { a.Status.Term++ },
		"votedFor":    func(a *script.View) { a.Status.VotedFor = "n9" },
		"stable":      func(a *script.View) { a.Status.Stable++ },
		"commitIndex": func(a *script.View) { a.Status.CommitIndex++ },
		"lastApplied": func(a *script.View) { a.Status.LastApplied++ },
		"nextIndex":   func(a *script.View) { a.Status.Peers[0].NextIndex++ },
		"entry":       func(a *script.View) { a.Log[0].Term++ },
	} {
		another := actor()
		if change(&another); tell.differs(leader, another) == "" {
			t.Errorf("another %s is not noticed", what)
		}
	}
	same := actor()
	if err := tell.draft.stage.Do("disk " + string(leader.ID) + " term=1 log=1"); err != nil {
		t.Fatal(err)
	}
	if tell.differs(leader, same) == "" {
		t.Error("another disk is not noticed")
	}
}

// What is on a disk is told only if a script can leave it there.
func TestWhatNoScriptCanLeaveOnADiskIsRefused(t *testing.T) {
	t.Parallel()
	entry := func(i raft.Index) raft.Entry { return raft.Entry{EntryID: raft.EntryID{Index: i, Term: 1}} }
	written := []raft.Saved{{}, {Entries: []raft.Entry{entry(1), entry(2)}}}
	snapshot := raft.SnapshotMeta{LastIncludedIndex: 1, LastIncludedTerm: 1}
	for want, left := range map[string]raft.Saved{
		"":                      {},
		" written 1":            {Entries: written[1].Entries},
		" snapshot 1":           {Snapshot: snapshot},
		" written 1 snapshot 1": {Snapshot: snapshot, Entries: written[1].Entries},
	} {
		if how, is := crashThatLeaves(left, written); how != want || !is {
			t.Errorf("got crash%s, %t, want crash%s", how, is, want)
		}
	}
	half := raft.Saved{Entries: written[1].Entries[:1]}
	if how, is := crashThatLeaves(half, written); is {
		t.Errorf("half of a batch is left by crash%s", how)
	}
	newer := []raft.Saved{{Snapshot: raft.SnapshotMeta{LastIncludedIndex: 2, LastIncludedTerm: 1}}}
	if how, is := crashThatLeaves(raft.Saved{Snapshot: snapshot}, newer); is {
		t.Errorf("an older snapshot is left by crash%s", how)
	}
}

// Nothing is told after the core of the script gave up, where that of the run did not.
func TestACoreThatGivesUpInTheScriptOnlyIsWhyThereIsNone(t *testing.T) {
	t.Parallel()
	rec, w := play(t, sim.Options{Seed: 1, Calm: true}, 300)
	tell := newTeller(rec, w, true)
	tell.draft.panicked = "it gave up"
	if text, why := tell.script(""); text != "" || why != "in the script, and not in the run: it gave up" {
		t.Errorf("got %q, %q", text, why)
	}
}

func TestARunWithoutFoundersIsRefused(t *testing.T) {
	t.Parallel()
	_, w := play(t, sim.Options{Seed: 1, Calm: true}, 1)
	if text, why := Write(&Recording{}, w); text != "" || why != "nobody founds the cluster" {
		t.Errorf("got %q, %q", text, why)
	}
}

// What waits is looked at with every message: so no more may wait in a long run than in
// a short one, though a server is down and all that is sent to it is lost.
func TestWhatIsLostDoesNotPileUp(t *testing.T) {
	t.Parallel()
	rec := &Recording{Title: "A server stays down"}
	w := sim.NewWorld(sim.Options{Seed: 1, Calm: true, Clients: 3, Record: rec.Take})
	t.Cleanup(w.Close)
	for w.Events() < 6000 && w.Step() {
		if w.Events() == 1000 {
			if err := w.Crash("n3", false); err != nil {
				t.Fatal(err)
			}
		}
	}
	tell, lost, most := newTeller(rec, w, true), 0, 0
	for _, a := range rec.acts {
		if a.Kind == sim.Lost && a.Message.To == "n3" {
			lost++
		}
	}
	tell.draft.stage = script.New(func() {
		most = max(most, len(slices.Collect(tell.draft.stage.Letters())))
	})
	text, why := tell.script(rec.Title)
	if why != "" || lost < 3*maxLost || most > 2*maxLost {
		t.Errorf("%d messages are lost, of which %d wait at once; %s", lost, most, why)
	}
	counted := regexp.MustCompile(`(?m)^drop (\d+ n1->n3|n1->n3|\d+ n2->n3|n2->n3)$`)
	if n := len(counted.FindAllString(text, -1)); n < lost/maxLost-1 || n > lost/maxLost+2 {
		t.Errorf("%d messages are lost, and %d times many are dropped", lost, n)
	}
}

// Both of two things that are done one after the other are written, also where no
// command of the script comes between; what happens right after them is not.
func TestThingsDoneInARowAreAllWritten(t *testing.T) {
	t.Parallel()
	rec, w := play(t, sim.Options{Seed: 1, Calm: true}, 300)
	for _, m := range []Remark{{Kind: Command, Text: "cut n1 n2"}, {Text: "is cut"}, {Kind: Command, Text: "cut n2 n1"}, {Text: "is cut, too"}} {
		rec.Say(m)
	}
	text, why := Write(rec, w)
	if want := "# 0.000s: > cut n1 n2\n# 0.000s: > cut n2 n1\n"; why != "" || !strings.Contains(text, want) || strings.Contains(text, "is cut") {
		t.Errorf("%s; there is no %q, or more: %s", why, want, text)
	}
}
