package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kvorum/raft"
	"kvorum/raft/node"
)

var _ node.Storage = (*Store)(nil)

const (
	testIncarnation = "00000000000000aa"
	testCluster     = "0123456789abcdef0123456789abcdef"
)

func open(t testing.TB, fsys FS, dir string) *Store {
	t.Helper()
	s, err := tryOpen(fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tryOpen uses tiny segments, so that little data makes many. The server joins
// a cluster, which comes before all that it saves.
func tryOpen(fsys FS, dir string) (*Store, error) {
	s, err := openNew(fsys, dir)
	if err == nil && s.Identity().ClusterID == "" {
		if err = s.SetClusterID(testCluster); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, err
}

// openNew does not make the server join a cluster.
func openNew(fsys FS, dir string) (*Store, error) {
	return Open(fsys, dir, Options{Name: "n1", Incarnation: testIncarnation, SegmentBytes: 256})
}

func load(t testing.TB, s *Store) raft.Saved {
	t.Helper()
	saved, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func save(t testing.TB, s *Store, batches ...raft.Persist) {
	t.Helper()
	if err := s.Save(batches); err != nil {
		t.Fatal(err)
	}
}

// reopen is a restart of the process without a loss of power.
func reopen(t testing.TB, s *Store) (*Store, raft.Saved) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, s.fs, s.dir)
	return next, load(t, next)
}

func entry(index raft.Index, term raft.Term) raft.Entry {
	return raft.Entry{
		EntryID: raft.EntryID{Index: index, Term: term},
		Command: fmt.Appendf(nil, "command %d of term %d", index, term),
	}
}

func entries(lo, hi raft.Index, term raft.Term) (es []raft.Entry) {
	for i := lo; i <= hi; i++ {
		es = append(es, entry(i, term))
	}
	return es
}

func hardState(term raft.Term, vote raft.ServerID) *raft.HardState {
	return &raft.HardState{CurrentTerm: term, VotedFor: vote}
}

func meta(index raft.Index, term raft.Term) raft.SnapshotMeta {
	return raft.SnapshotMeta{
		LastIncludedIndex: index,
		LastIncludedTerm:  term,
		Config:            raft.Configuration{Voters: []raft.ServerID{"n1@aa", "n2@bb"}, Learners: []raft.ServerID{"n3@cc"}},
	}
}

func writeState(t testing.TB, s *Store, m raft.SnapshotMeta, state string) {
	t.Helper()
	if _, err := s.WriteSnapshot(m, strings.NewReader(state)); err != nil {
		t.Fatal(err)
	}
}

func readState(s *Store, m raft.SnapshotMeta) (string, error) {
	r, err := s.OpenSnapshot(m)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

func wantSaved(t testing.TB, got, want raft.Saved) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatWasSavedIsLoaded(t *testing.T) {
	t.Parallel()
	s := open(t, OS(), t.TempDir())
	wantSaved(t, load(t, s), raft.Saved{})

	config := raft.Configuration{Voters: []raft.ServerID{"a", "b"}, Old: []raft.ServerID{"a"}, Learners: []raft.ServerID{"c"}}
	want := raft.Saved{HardState: *hardState(2, "n2"), Entries: []raft.Entry{
		{EntryID: raft.EntryID{Index: 1, Term: 1}}, // a no-op
		{EntryID: raft.EntryID{Index: 2, Term: 1}, Config: &config},
		entry(3, 2),
	}}
	save(t, s, raft.Persist{HardState: hardState(1, "n1"), Entries: want.Entries[:1]},
		raft.Persist{Entries: want.Entries[1:2]}, raft.Persist{HardState: &want.HardState, Entries: want.Entries[2:]})
	s, got := reopen(t, s)
	wantSaved(t, got, want)

	for i := raft.Index(4); i < 60; i++ { // over several segments
		want.Entries = append(want.Entries, entry(i, 2))
		save(t, s, raft.Persist{Entries: want.Entries[i-1:]})
		s, got = reopen(t, s)
		wantSaved(t, got, want)
	}
	if n := len(s.log.segments); n < 5 {
		t.Fatalf("got %d segments, want several", n)
	}
}

func TestEntriesReplaceThoseWithTheSameOrALaterIndex(t *testing.T) {
	t.Parallel()
	s := open(t, NewMemFS(), "d")
	save(t, s, raft.Persist{HardState: hardState(3, ""), Entries: entries(1, 20, 1)},
		raft.Persist{Entries: entries(5, 6, 2)})
	save(t, s, raft.Persist{Entries: entries(6, 7, 3)})
	want := slices.Concat(entries(1, 4, 1), entries(5, 5, 2), entries(6, 7, 3))
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Saved{HardState: *hardState(3, ""), Entries: want})
	if err := s.Save([]raft.Persist{{Entries: entries(9, 9, 3)}}); err == nil {
		t.Fatal("a gap in the log was saved")
	}
	if err := s.Save([]raft.Persist{{Entries: entries(8, 8, 3)}}); err == nil {
		t.Fatal("saved after an error")
	}
}

func TestDiscardRemovesSegmentsOnlyBehindADurableSnapshot(t *testing.T) {
	t.Parallel()
	s := open(t, NewMemFS(), "d")
	save(t, s, raft.Persist{HardState: hardState(1, "n1")})
	for i := raft.Index(1); i <= 40; i++ {
		save(t, s, raft.Persist{Entries: entries(i, i, 1)})
	}
	before := len(s.log.segments)
	writeState(t, s, meta(15, 1), "state")
	save(t, s, raft.Persist{Discard: 10})
	if after := len(s.log.segments); after != before {
		t.Fatalf("got %d segments after, %d before: nothing can take the place of the only snapshot", after, before)
	}
	writeState(t, s, meta(30, 1), "state")
	save(t, s, raft.Persist{Discard: 25})
	if first := s.log.segments[0]; first.number == 1 || first.last <= 15 {
		t.Fatalf("the log begins with %+v, want the segment with entry 16", first)
	}
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Saved{HardState: *hardState(1, "n1"), Snapshot: meta(30, 1), Entries: entries(26, 40, 1)})
	save(t, s, raft.Persist{Discard: 15}) // less than before
	if err := s.Save([]raft.Persist{{Discard: 31}}); err == nil {
		t.Fatal("discarded entries that no snapshot covers")
	}
}

func TestALostSnapshotIsNoticedWhenTheLogDoesNotReachBack(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	save(t, s, raft.Persist{HardState: hardState(1, "n1"), Entries: entries(1, 39, 1)})
	save(t, s, raft.Persist{HardState: hardState(2, "n1"), Entries: entries(40, 40, 1)}) // begins a segment
	writeState(t, s, meta(39, 1), "state")
	writeState(t, s, meta(40, 1), "state")
	save(t, s, raft.Persist{Discard: 40})
	s.Close()
	fsys.Remove(s.snapshots.path(snapshotPrefix, meta(40, 1).ID()))
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Saved{HardState: *hardState(2, "n1"), Snapshot: meta(39, 1), Entries: entries(40, 40, 1)})
	s.Close()
	fsys.Remove(s.snapshots.path(snapshotPrefix, meta(39, 1).ID()))
	if _, err := tryOpen(fsys, "d"); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v, want ErrCorrupt", err)
	}
}

func TestBootstrapIsOneStepAndOnce(t *testing.T) {
	t.Parallel()
	const cluster, other = testCluster, "ffffffffffffffffffffffffffffffff"
	s, err := openNew(OS(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	voters := []raft.ServerID{s.Identity().ServerID(), "n2@bb"}
	for range 2 {
		if err := s.Bootstrap(cluster, voters...); err != nil {
			t.Fatal(err)
		}
	}
	wantSaved(t, load(t, s), raft.Bootstrap(voters...))
	if err := s.Bootstrap(other, voters...); !errors.Is(err, ErrOtherCluster) {
		t.Fatalf("got %v, want ErrOtherCluster", err)
	}
	if err := s.SetClusterID(other); !errors.Is(err, ErrOtherCluster) {
		t.Fatalf("got %v, want ErrOtherCluster", err)
	}
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Bootstrap(voters...))
	want := Identity{Name: "n1", Incarnation: testIncarnation, ClusterID: cluster, Voters: voters}
	if got := s.Identity(); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func TestOpenRefusesAFolderThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, OS(), dir)
	if _, err := tryOpen(OS(), dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v, want ErrLocked and the folder", err)
	}
	s.Close()
	if _, err := Open(OS(), dir, Options{Name: "n2"}); !errors.Is(err, ErrOtherServer) {
		t.Fatalf("got %v, want ErrOtherServer", err)
	}
	if _, err := Open(OS(), dir, Options{Name: "n@1"}); err == nil {
		t.Fatal("opened with a name that no server can have")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tryOpen(OS(), filepath.Join(file, "sub")); err == nil || !strings.Contains(err.Error(), file) {
		t.Fatalf("got %v, want an error with the path", err)
	}
	open(t, OS(), dir) // none of it did harm
}

func TestAWipedFolderIsAnotherServer(t *testing.T) {
	t.Parallel()
	var ids []raft.ServerID
	for range 2 {
		s, err := Open(NewMemFS(), "d", Options{Name: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.Identity().ServerID())
		s.Close()
	}
	if ids[0] == ids[1] || !strings.HasPrefix(string(ids[0]), "n1@") {
		t.Fatalf("got %v, want two incarnations of n1", ids)
	}
}

func TestOneWriteAndOneSyncServeAllBatches(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s, err := Open(fsys, "d", Options{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, raft.Persist{HardState: hardState(1, "n1")}) // writes zeros ahead
	var ops []string
	fsys.Before = func(op, _ string) error {
		ops = append(ops, op)
		return nil
	}
	save(t, s, raft.Persist{Entries: entries(1, 5, 1)}, raft.Persist{HardState: hardState(2, "")}, raft.Persist{Entries: entries(6, 9, 2)})
	if want := []string{"write", "sync"}; !slices.Equal(ops, want) {
		t.Fatalf("got %v, want %v", ops, want)
	}
}

func TestAFailedSyncIsNeverRetried(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	broken := errors.New("broken disk")
	fsys.Before = func(op, _ string) error {
		if op == "sync" {
			fsys.Before = nil
			return broken
		}
		return nil
	}
	for range 2 {
		if err := s.Save([]raft.Persist{{HardState: hardState(1, "n1")}}); !errors.Is(err, broken) {
			t.Fatalf("got %v, want %v", err, broken)
		}
	}
}

// After a failed sync the kernel takes what it could not write for written: a restart
// reads it, and a sync does not make it durable. The server goes on from it, so it is
// written again, or a power cut would leave a gap in the log.
func TestWhatAFailedSyncLeftIsWrittenAgain(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	fsys.Before = func(op, _ string) error {
		if op != "sync" {
			return nil
		}
		fsys.Before = nil
		return errors.New("broken disk")
	}
	if err := s.Save([]raft.Persist{{HardState: hardState(1, "n1")}}); err == nil {
		t.Fatal("no error")
	}
	fsys.Kill()
	s = open(t, fsys, "d")
	if saved, err := s.Load(); err != nil || saved.HardState.CurrentTerm != 1 {
		t.Fatalf("the restart reads %+v, %v", saved.HardState, err)
	}
	if err := s.Save([]raft.Persist{{HardState: hardState(2, "n2")}}); err != nil {
		t.Fatal(err)
	}
	fsys.Crash(func() bool { return false })
	if saved, err := open(t, fsys, "d").Load(); err != nil || saved.HardState != *hardState(2, "n2") {
		t.Errorf("after a power cut: %+v, %v", saved.HardState, err)
	}
}
