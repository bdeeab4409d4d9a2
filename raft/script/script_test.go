package script

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kvorum/raft"
)

func TestAScriptIsReadInBlocks(t *testing.T) {
	t.Parallel()
	s := Parse("# A title (§5.2, Figure 4), of two\n# lines. And more.\ncluster S1\n\n# Next.\nelect S1\n----\n  S1: stands\n")
	if got, want := s.Title(), "A title (§5.2, Figure 4), of two lines"; got != want {
		t.Errorf("the title is %q, want %q", got, want)
	}
	if len(s.Blocks) != 2 || s.Blocks[1].Comment != "Next." || s.Blocks[1].Lines[0] != "elect S1" || len(s.Blocks[1].Lines) != 1 {
		t.Errorf("got %+v", s.Blocks)
	}
}

func TestAMistakeIsNamed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"dance S1":               "no such command",
		"tick S9":                "there is no server S9",
		"tick":                   "which server?",
		"tick S1 soon":           "how many ticks are soon?",
		"deliver Greetings":      "no such kind of message: Greetings",
		"elect S1 S2":            "a follower is elected with others",
		"rewind":                 "nothing is marked",
		"cluster":                "which servers?",
		"disk S1 size=3":         "what is size?",
		"cluster S1 size=3":      "what is size?",
		"cluster S1 append=few":  "few is no limit",
		"cluster S1 inflight=3,": "3, is no limit",
		"cluster S1 heartbeat=0": "a heartbeat is every tick or later, not every 0",
		"restart S1 seed=x":      "x is no seed",
		"server S4 seed=-1":      "-1 is no seed",
		"persist S1 some":        "how many batches are some?",
		"crash S1 written":       "how many are written?",
		"crash S1 written some":  "how many are written some?",
		"crash S1 lost 1":        "what is lost?",
	} {
		s := New(nil)
		if err := s.Do("cluster S1 S2"); err != nil {
			t.Fatal(err)
		}
		if err := s.Do(line); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}

// Whoever looks on is called after every message, and sees what was said.
func TestAStageIsWatchedMessageByMessage(t *testing.T) {
	t.Parallel()
	steps, said := 0, []string(nil)
	var s *Stage
	s = New(func() { steps++; said = append(said, s.Said()...) })
	for _, line := range []string{"cluster S1 S2 S3", "show nothing", "elect S1 with S2 S3"} {
		if err := s.Do(line); err != nil {
			t.Fatal(err)
		}
	}
	if steps != 3+1+8 { // the commands, the time-out, and the messages of a pre-vote and a vote
		t.Errorf("%d steps", steps)
	}
	if s.Printed() != "" || !strings.Contains(strings.Join(said, "\n"), "elected leader of term 1") {
		t.Errorf("printed %q, said %q", s.Printed(), said)
	}
	views := s.Servers()
	if v := views[0]; v.Status.Role != raft.Leader || len(v.Log) != 1 || len(waiting(s)) != 2 {
		t.Errorf("got %+v, and %v wait", v, waiting(s))
	}
	if s.Broken() != [5]string{} {
		t.Errorf("broken: %q", s.Broken())
	}
}

// What is tried out on a copy does not happen on the stage.
func TestACopyOfAStageLeavesItAsItIs(t *testing.T) {
	t.Parallel()
	s := New(nil)
	for _, line := range []string{"cluster S1 S2 S3", "hold S2", "elect S1 with S3", "mark"} {
		if err := s.Do(line); err != nil {
			t.Fatal(err)
		}
	}
	before := fmt.Sprintf("%+v %v", s.Servers(), waiting(s))
	steps := 0
	c := s.Copy(func() { steps++ })
	for _, line := range []string{"propose S1 x", "persist S2", "deliver", "crash S3", "rewind"} {
		if err := c.Do(line); err != nil {
			t.Fatal(err)
		}
	}
	if after := fmt.Sprintf("%+v %v", s.Servers(), waiting(s)); after != before || steps < 8 {
		t.Errorf("after %d steps of a copy: %s, before: %s", steps, after, before)
	}
	if copied := fmt.Sprintf("%+v %v", c.Servers(), waiting(c)); copied != before {
		t.Errorf("the copy goes back to %s, was %s", copied, before)
	}
}

// The properties are put to the test by hand: no code here breaks them.
func TestTheFivePropertiesAreNoticed(t *testing.T) {
	t.Parallel()
	entry := func(i raft.Index, term raft.Term) raft.Entry {
		return raft.Entry{EntryID: raft.EntryID{Index: i, Term: term}}
	}
	leads := func(id raft.ServerID, term raft.Term, commit raft.Index) raft.Status {
		return raft.Status{ID: id, Role: raft.Leader, Term: term, FirstIndex: 1, CommitIndex: commit}
	}
	var none raft.Effects
	for i, breaks := range []func(f *figure3){
		func(f *figure3) {
			f.check(leads("S1", 1, 0), nil, nil, &none)
			f.check(leads("S2", 1, 0), nil, nil, &none)
		},
		func(f *figure3) {
			log := []raft.Entry{entry(1, 1)}
			f.check(leads("S1", 1, 0), nil, log, &none)
			f.check(leads("S1", 1, 0), log, log, &raft.Effects{Persist: raft.Persist{Entries: log}})
		},
		func(f *figure3) {
			f.check(raft.Status{ID: "S1"}, nil, []raft.Entry{entry(1, 1), entry(2, 2)}, &none)
			f.check(raft.Status{ID: "S2"}, nil, []raft.Entry{entry(1, 2), entry(2, 2)}, &none)
		},
		func(f *figure3) {
			f.check(leads("S1", 1, 1), nil, []raft.Entry{entry(1, 1)}, &none)
			f.check(leads("S2", 2, 0), nil, []raft.Entry{entry(1, 2)}, &none)
		},
		func(f *figure3) {
			f.check(raft.Status{ID: "S1"}, nil, nil, &raft.Effects{Committed: []raft.Entry{entry(1, 1)}})
			f.check(raft.Status{ID: "S2"}, nil, nil, &raft.Effects{Committed: []raft.Entry{entry(1, 2)}})
		},
	} {
		f := newFigure3()
		breaks(&f)
		for n, text := range f.broken {
			if (text != "") != (n == i) {
				t.Errorf("broken by hand: %d; property %d says %q", i, n, text)
			}
		}
	}
}

func waiting(s *Stage) []Letter { return slices.Collect(s.Letters()) }
