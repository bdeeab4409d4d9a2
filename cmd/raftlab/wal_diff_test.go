package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/wal"
)

// TestDiffDrawsFigure7 as the paper has it.
func TestDiffDrawsFigure7(t *testing.T) {
	t.Parallel()
	logs := []struct {
		name        string
		currentTerm raft.Term
		log         []raft.Term
	}{
		{"leader", 8, []raft.Term{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}},
		{"a", 6, []raft.Term{1, 1, 1, 4, 4, 5, 5, 6, 6}},
		{"b", 4, []raft.Term{1, 1, 1, 4}},
		{"c", 6, []raft.Term{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}},
		{"d", 7, []raft.Term{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}},
		{"e", 4, []raft.Term{1, 1, 1, 4, 4, 4, 4}},
		{"f", 3, []raft.Term{1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}},
	}
	dir, line := t.TempDir(), "wal diff"
	for _, l := range logs {
		s := store(t, filepath.Join(dir, l.name), l.name, "leader", "a", "b", "c", "d", "e", "f")
		save(t, s, raft.Persist{HardState: hardState(l.currentTerm, ""), Entries: noops(1, l.log...)})
		line += " " + filepath.Join(dir, l.name)
	}
	code, out, complaints := raftlabRuns(t, line) // beside seven stores that are open
	if code != 0 || complaints != "" {
		t.Errorf("got %d, %q", code, complaints)
	}
	golden(t, "figure7.txt", out)
}

// TestDiffFoldsWhatIsAlike: long logs, of which some began with a snapshot.
func TestDiffFoldsWhatIsAlike(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	terms := append(slices.Repeat([]raft.Term{1}, 40), slices.Repeat([]raft.Term{3}, 60)...)
	for name, last := range map[string]int{"n1": 100, "n2": 96, "n3": 40} {
		s := store(t, filepath.Join(dir, name), name, "n1", "n2", "n3")
		save(t, s, raft.Persist{HardState: hardState(terms[last-1], ""), Entries: noops(1, terms[:last]...)})
		switch name {
		case "n1":
			snapshot(t, s, raft.EntryID{Index: 30, Term: 1}, "state", "n1", "n2", "n3")
			save(t, s, raft.Persist{Discard: 20})
		case "n3":
			save(t, s, raft.Persist{HardState: hardState(3, ""), Entries: noops(38, 2, 2, 2, 2, 2)})
		}
	}
	code, out, complaints := raftlabRuns(t, fmt.Sprintf("wal diff %[1]s/n1 %[1]s/n2 %[1]s/n3", dir))
	if code != 0 || complaints != "" {
		t.Errorf("got %d, %q", code, complaints)
	}
	golden(t, "folded.txt", out)
}

func TestALongDrawingIsWrapped(t *testing.T) {
	t.Parallel()
	var terms []raft.Term
	for term := range raft.Term(60) {
		terms = append(terms, term+1)
	}
	var out strings.Builder
	draw(&out, []row{rowOf("n1", raft.Configuration{}, 60, terms...)})
	words := strings.Fields(strings.ReplaceAll(out.String(), "n1", ""))
	for line := range strings.Lines(out.String()) {
		if len(line) > drawingWide+1 {
			t.Errorf("too wide: %s", line)
		}
	}
	for i := range 60 {
		// Once as an index, once as a term.
		if n := len(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w != fmt.Sprint(i+1) })); n != 2 {
			t.Errorf("%d is there %d times in\n%s", i+1, n, &out)
		}
	}
}

func TestDiffOfADamagedFolderShowsTheOthers(t *testing.T) {
	t.Parallel()
	dir, hurt := sample(t), filepath.Join(t.TempDir(), "hurt")
	raftlabRuns(t, "wal damage --flip --record 2 "+dir+" "+hurt)
	code, out, complaints := raftlabRuns(t, "wal diff "+dir+" "+hurt+" "+dir)
	if code != 1 || !strings.Contains(complaints, "a server does not start on "+hurt) || !strings.Contains(out, "up to 12.2") {
		t.Errorf("got %d, %s, %s", code, out, complaints)
	}
	if code, _, complaints := raftlabRuns(t, "wal diff "+hurt+" "+hurt); code != 1 || !strings.Contains(complaints, "a server does not start on") {
		t.Errorf("got %d, %s", code, complaints)
	}
}

func TestServersOfDifferentClustersAreNotCompared(t *testing.T) {
	t.Parallel()
	one, other := sample(t), t.TempDir()
	s, err := wal.Open(wal.OS(), other, wal.Options{Name: "n2"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if code, _, complaints := raftlabRuns(t, "wal diff "+one+" "+other); code != 0 {
		t.Errorf("with one that belongs to none: %s", complaints)
	}
	if err := s.SetClusterID(strings.Repeat("f", 32)); err != nil {
		t.Fatal(err)
	}
	if code, out, complaints := raftlabRuns(t, "wal diff "+one+" "+other); code != 1 || out != "" || !strings.Contains(complaints, "n1 is of cluster 0123") {
		t.Errorf("got %d, %s, %s", code, out, complaints)
	}
}

// rowOf is a server in currentTerm whose log has no-ops of these terms.
func rowOf(name string, c raft.Configuration, currentTerm raft.Term, log ...raft.Term) row {
	return row{
		name:     name,
		identity: wal.Identity{Name: name, Incarnation: incarnation(name)},
		saved: raft.Saved{
			HardState: raft.HardState{CurrentTerm: currentTerm}, Snapshot: raft.SnapshotMeta{Config: c}, Entries: noops(1, log...),
		},
	}
}

func TestOnlyWhatIsProvedIsCalledCommitted(t *testing.T) {
	t.Parallel()
	three := raft.Configuration{Voters: idsOf("n1", "n2", "n3")}
	joint := raft.Configuration{Voters: idsOf("n1", "n2", "n3"), Old: idsOf("n3", "n4", "n5")}
	learner := raft.Configuration{Voters: idsOf("n1", "n3", "n4"), Learners: idsOf("n2")}
	covered := rowOf("n1", three, 4)
	covered.saved.Snapshot = raft.SnapshotMeta{LastIncludedIndex: 2, LastIncludedTerm: 1, Config: three}
	covered.saved.Entries = noops(2, 1, 2)
	for what, c := range map[string]struct {
		rows []row
		want []raft.Index // a row each
	}{
		"a majority in the entry's term": {
			[]row{rowOf("n1", three, 2, 1, 2, 2), rowOf("n2", three, 2, 1, 2), rowOf("n3", three, 5, 1)}, []raft.Index{2, 2, 1},
		},
		"an old term, as in Figure 8 (c)": {
			[]row{rowOf("n1", three, 4, 1, 2), rowOf("n2", three, 4, 1, 2), rowOf("n3", three, 3, 1, 3)}, []raft.Index{0, 0, 0},
		},
		"half a quorum":           {[]row{rowOf("n1", three, 1, 1), rowOf("n2", three, 1)}, []raft.Index{0, 0}},
		"one server, shown twice": {[]row{rowOf("n1", three, 1, 1), rowOf("n1", three, 1, 1)}, []raft.Index{0, 0}},
		"a majority of the new configuration only": {
			[]row{rowOf("n1", joint, 1, 1), rowOf("n2", joint, 1, 1), rowOf("n4", joint, 1)}, []raft.Index{0, 0, 0},
		},
		"a majority of both configurations": {
			[]row{rowOf("n1", joint, 1, 1), rowOf("n3", joint, 1, 1), rowOf("n4", joint, 1, 1)}, []raft.Index{1, 1, 1},
		},
		"a learner does not count": {[]row{rowOf("n1", learner, 1, 1), rowOf("n2", learner, 1, 1)}, []raft.Index{0, 0}},
		"a quorum of one's configuration, not of the other's": {
			[]row{rowOf("n1", three, 1, 1), rowOf("n2", three, 1, 1), rowOf("n3", joint, 1)}, []raft.Index{0, 0, 0},
		},
		"a snapshot, and another log with another entry there": {
			[]row{covered, rowOf("n2", three, 3, 1, 1, 3), rowOf("n3", three, 3, 1, 3)}, []raft.Index{2, 2, 0},
		},
	} {
		proof := markCommitted(c.rows)
		for i, r := range c.rows {
			if r.commit != c.want[i] {
				t.Errorf("%s: of %s got %d, want %d; %s", what, r.name, r.commit, c.want[i], proof)
			}
		}
	}
}

func TestDiffShoutsWhenLogMatchingIsBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, value := range map[string]string{"n1": "a", "n2": "b", "n3": "b"} {
		s := store(t, filepath.Join(dir, name), name, "n1", "n2", "n3")
		save(t, s, raft.Persist{HardState: hardState(2, ""), Entries: append(noops(1, 1),
			commandAt(2, 1, kv.Set{Key: "k", Value: []byte(value)}), noops(3, 2)[0])})
		snapshot(t, s, raft.EntryID{Index: 2, Term: 1}, value, "n1", "n2", "n3")
	}
	code, _, complaints := raftlabRuns(t, fmt.Sprintf("wal diff %[1]s/n1 %[1]s/n2 %[1]s/n3", dir))
	for _, want := range []string{"n1 and n2 both have 3.2, and at 2", "n1 and n3 both have 3.2, and at 2", "/n2/snapshot-", "/n3/snapshot-"} {
		if code != 1 || !strings.Contains(complaints, want) {
			t.Errorf("got %d, %s, want %q", code, complaints, want)
		}
	}
	if strings.Contains(complaints, "n2 and n3") {
		t.Errorf("got %s", complaints)
	}
}

func TestLogsThatAgreeWhereTheyMatchAreFine(t *testing.T) {
	t.Parallel()
	c := raft.Configuration{}
	a, b := rowOf("n1", c, 9, 1, 1, 2, 3, 3), rowOf("n2", c, 9, 1, 1, 2, 2, 4)
	if err := logMatching([]row{a, b}); err != nil {
		t.Error(err)
	}
	b.saved.Entries = noops(1, 1, 1, 2, 2, 3)
	if err := logMatching([]row{a, b}); err == nil {
		t.Error("both have 5.3 and differ at 4: nothing was said")
	}
}
