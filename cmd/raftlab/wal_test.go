package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/wal"
)

var update = flag.Bool("update", false, "rewrite testdata with what is printed")

const cluster = "0123456789abcdef0123456789abcdef"

// incarnation gives each server its own, the same in every run.
func incarnation(name string) string { return fmt.Sprintf("%016x", name[len(name)-1]) }

func idOf(name string) raft.ServerID { return raft.ServerID(name + "@" + incarnation(name)) }

func idsOf(names ...string) (ids []raft.ServerID) {
	for _, name := range names {
		ids = append(ids, idOf(name))
	}
	return ids
}

// store opens the folder of a server, small segments in it, in a cluster of voters.
func store(t *testing.T, dir, name string, voters ...string) *wal.Store {
	t.Helper()
	s, err := wal.Open(wal.OS(), dir, wal.Options{Name: name, Incarnation: incarnation(name), SegmentBytes: 4096})
	if err == nil {
		err = s.Bootstrap(cluster, idsOf(voters...)...)
	}
	if err == nil {
		_, err = s.Load()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func save(t *testing.T, s *wal.Store, batches ...raft.Persist) {
	t.Helper()
	for _, b := range batches {
		if err := s.Save([]raft.Persist{b}); err != nil {
			t.Fatal(err)
		}
	}
}

func hardState(term raft.Term, vote raft.ServerID) *raft.HardState {
	return &raft.HardState{CurrentTerm: term, VotedFor: vote}
}

func snapshot(t *testing.T, s *wal.Store, at raft.EntryID, state string, voters ...string) {
	t.Helper()
	meta := raft.SnapshotMeta{LastIncludedIndex: at.Index, LastIncludedTerm: at.Term, Config: raft.Configuration{Voters: idsOf(voters...)}}
	if _, err := s.WriteSnapshot(meta, strings.NewReader(state)); err != nil {
		t.Fatal(err)
	}
}

// noops returns no-ops of these terms, the first one at index lo.
func noops(lo raft.Index, terms ...raft.Term) (entries []raft.Entry) {
	for i, term := range terms {
		entries = append(entries, raft.Entry{EntryID: raft.EntryID{Index: lo + raft.Index(i), Term: term}})
	}
	return entries
}

func commandAt(index raft.Index, term raft.Term, c kv.Command) raft.Entry {
	return raft.Entry{EntryID: raft.EntryID{Index: index, Term: term}, Command: kv.Encode(c)}
}

// golden compares what was printed with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(b)
	}
	return all
}

// sample is a folder with everything in it that a log can hold. It ends in
// a torn write.
func sample(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "n1")
	s := store(t, dir, "n1", "n1", "n2", "n3")
	config := raft.Configuration{Voters: idsOf("n1", "n2"), Old: idsOf("n1", "n2", "n3"), Learners: idsOf("n4")}
	once := &kv.Once{Session: 3, Sequence: 7, FirstUnacked: 6}
	save(t, s, raft.Persist{HardState: hardState(1, idOf("n1")), Entries: []raft.Entry{
		{EntryID: raft.EntryID{Index: 1, Term: 1}},
		commandAt(2, 1, kv.Set{Key: "colour", Value: []byte("blue")}),
		commandAt(3, 1, kv.OpenSession{}),
	}}, raft.Persist{Entries: []raft.Entry{
		commandAt(4, 1, kv.Set{Key: "wörd", Value: []byte("secret\n"), Once: once}),
		commandAt(5, 1, kv.Delete{Key: "colour"}),
		commandAt(6, 1, kv.CompareAndSet{Key: "k", Expected: kv.Absent{}, Value: []byte("1")}),
		commandAt(7, 1, kv.CompareAndSet{Key: "k", Expected: kv.HasValue("secret"), Value: []byte("2")}),
		commandAt(8, 1, kv.CompareAndSet{Key: "k", Expected: kv.AtRevision(7), Value: []byte("3")}),
	}})
	snapshot(t, s, raft.EntryID{Index: 3, Term: 1}, "the state", "n1", "n2", "n3")
	save(t, s, raft.Persist{HardState: hardState(2, ""), Entries: []raft.Entry{
		commandAt(7, 2, kv.CloseSession{Session: 3}),
		commandAt(8, 2, kv.PutServer{ID: idOf("n4"), Addr: "127.0.0.1:8430"}),
		commandAt(9, 2, kv.RemoveServer{ID: idOf("n3")}),
		commandAt(10, 2, kv.Clock{UnixMilli: 1_000_000_000_000}),
		{EntryID: raft.EntryID{Index: 11, Term: 2}, Config: &config},
		{EntryID: raft.EntryID{Index: 12, Term: 2}, Command: []byte{9, 9, 9}},
	}}, raft.Persist{Discard: 2})
	s.Close()
	tear(t, dir)
	return dir
}

// tear adds the beginning of a record to the log.
func tear(t *testing.T, dir string) {
	t.Helper()
	in, err := wal.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := in.Segments[len(in.Segments)-1]
	end := last.Stretches[len(last.Stretches)-1]
	f, err := os.OpenFile(last.File, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("torn"), end.Offset)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDumpShowsAllThatIsThere(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	if err := os.WriteFile(filepath.Join(dir, "log-0000000000000002.tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	code, out, complaints := raftlabRuns(t, "wal dump "+dir)
	if code != 0 || complaints != "" {
		t.Errorf("got %d, %q", code, complaints)
	}
	golden(t, "dump.txt", strings.ReplaceAll(out, dir, "DIR"))
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("the dump has changed the folder")
	}
}

func TestDumpShowsValuesAndAPartIfAsked(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	_, out, _ := raftlabRuns(t, "wal dump --values --from 4 --until 7 "+dir)
	for _, want := range []string{`4.1 set "wörd" to "secret\n" (session 3, write 7)`, `7.1 set "k" to "2" if it is "secret"`, "7.2 close session 3", "torn"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	for _, other := range []string{"3.1 open", "8.2 server", "term 1, vote"} {
		if strings.Contains(out, other) {
			t.Errorf("there is %q in\n%s", other, out)
		}
	}
}

// TestDumpSaysWhereItIsDamaged in the words of a server, which refuses.
func TestDumpSaysWhereItIsDamaged(t *testing.T) {
	t.Parallel()
	dir, hurt := sample(t), filepath.Join(t.TempDir(), "hurt")
	if code, out, complaints := raftlabRuns(t, "wal damage --flip --record 3 "+dir+" "+hurt); code != 0 || complaints != "" {
		t.Fatalf("got %d, %s, %s", code, out, complaints)
	}
	code, out, complaints := raftlabRuns(t, "wal dump "+hurt)
	_, err := wal.Open(wal.OS(), hurt, wal.Options{Name: "n1"})
	if err == nil || code != 1 || complaints != "raftlab: a server does not start on "+hurt+": "+err.Error()+"\n" {
		t.Errorf("got %d, %q, want %v", code, complaints, err)
	}
	if want := ": damage, since a good record follows\n"; strings.Count(out, "damage") != 1 || !strings.Contains(out, want) {
		t.Errorf("there is no %q in\n%s", want, out)
	}
}

func TestDumpSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "n1")
	s := store(t, dir, "n1", "n1")
	save(t, s, raft.Persist{HardState: hardState(1, idOf("n1"))})
	for i := range raft.Index(3) {
		save(t, s, raft.Persist{Entries: []raft.Entry{commandAt(i+1, 1, kv.Set{Key: "k", Value: make([]byte, 5000)})}})
	}
	s.Close()
	if err := os.Remove(filepath.Join(dir, "log-0000000000000002")); err != nil {
		t.Fatal(err)
	}
	code, out, complaints := raftlabRuns(t, "wal dump "+dir)
	if code != 1 || !strings.Contains(complaints, "missing segment") || !strings.Contains(out, "\nsegment 2 is missing\n") ||
		!strings.Contains(out, "3.1 set") {
		t.Errorf("got %d, %s, %s", code, complaints, out)
	}
}

// TestDumpDoesNotGuessSinceWhen a configuration is that a snapshot holds.
func TestDumpDoesNotGuessSinceWhen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "n1")
	s := store(t, dir, "n1", "n1")
	save(t, s, raft.Persist{HardState: hardState(1, idOf("n1")), Entries: noops(1, 1, 1, 1)})
	_, formed, _ := raftlabRuns(t, "wal dump "+dir)
	snapshot(t, s, raft.EntryID{Index: 3, Term: 1}, "the state", "n1")
	s.Close()
	_, cut, _ := raftlabRuns(t, "wal dump "+dir)
	if !strings.Contains(formed, "}, since index 0\n") || !strings.Contains(cut, "}, as in the snapshot\n") {
		t.Errorf("got\n%s\nand with a snapshot\n%s", formed, cut)
	}
}

func TestWrongUsageOfWalIsTold(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	for line, want := range map[string]string{
		"wal":                                   "a command is needed",
		"wal undump":                            `unknown command "undump"`,
		"wal dump":                              "accepts 1 arg",
		"wal diff x":                            "requires at least 2 arg",
		"wal damage " + dir + " out --record 1": "at least one of the flags",
		"wal damage " + dir + " out --flip":     "at least one of the flags",
		"wal damage " + dir + " out --flip --zero --record 1":     "none of the others can be",
		"wal damage " + dir + " out --flip --record 99":           "there are records 1 to ",
		"wal damage " + dir + " out --flip --at identity":         "want FILE:OFFSET",
		"wal damage " + dir + " out --flip --at identity:99999":   "the file has ",
		"wal damage " + dir + " out --flip --at ../n1/identity:3": "want FILE:OFFSET",
		"wal damage " + dir + " out --flip --at log-0:3":          "no such file",
		"wal damage " + dir + " out --flip --seed -1":             "invalid argument",
	} {
		if code, out, complaints := raftlabRuns(t, line); code != 2 || out != "" || !strings.Contains(complaints, want) || !strings.Contains(complaints, "--help") {
			t.Errorf("%q: got %d, %q, %q, want %q", line, code, out, complaints, want)
		}
	}
	if code, _, complaints := raftlabRuns(t, "wal dump "+t.TempDir()); code != 1 || !strings.Contains(complaints, "is no server's folder") {
		t.Errorf("got %d, %s", code, complaints)
	}
}

// TestTheExamplesOfWalRun: every line of the help's examples, on folders of ours.
func TestTheExamplesOfWalRun(t *testing.T) {
	t.Parallel()
	demo := t.TempDir()
	for _, name := range []string{"n1", "n2", "n3"} {
		s := store(t, filepath.Join(demo, name), name, "n1", "n2", "n3")
		save(t, s, raft.Persist{HardState: hardState(1, idOf("n1")), Entries: noops(1, slices.Repeat([]raft.Term{1}, 200)...)}, raft.Persist{Entries: noops(201, 1)})
		s.Close()
	}
	root := (&raftlab{}).wal()
	n := 0
	for _, cmd := range root.Commands() {
		for line := range strings.Lines(cmd.Example) {
			n++
			line = strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "raftlab")), "kvorum-demo", demo)
			line = strings.ReplaceAll(line, " hurt", " "+filepath.Join(t.TempDir(), "hurt"))
			if code, out, complaints := raftlabRuns(t, line); code != 0 || complaints != "" || out == "" {
				t.Errorf("%s: got %d, %s, %s", line, code, out, complaints)
			}
		}
	}
	if n < 5 {
		t.Errorf("there are %d examples", n)
	}
}
