package wal

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"kvorum/raft"
)

// fileOf returns the bytes that another server would send for the snapshot.
func fileOf(t testing.TB, m raft.SnapshotMeta, state string) []byte {
	t.Helper()
	s := open(t, NewMemFS(), "other")
	writeState(t, s, m, state)
	f, size, err := s.OpenSnapshotFile(m)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

func receive(t testing.TB, s *Store, m raft.SnapshotMeta, size int) *Incoming {
	t.Helper()
	in, err := s.ReceiveSnapshot(m, int64(size))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func write(t testing.TB, in *Incoming, b []byte) {
	t.Helper()
	if _, err := in.Write(b); err != nil {
		t.Fatal(err)
	}
}

// receiveAll receives the snapshot, up to Commit.
func receiveAll(t testing.TB, s *Store, m raft.SnapshotMeta, state string) {
	t.Helper()
	file := fileOf(t, m, state)
	in := receive(t, s, m, len(file))
	write(t, in, file)
	if err := in.Commit(); err != nil {
		t.Fatal(err)
	}
}

func wantState(t testing.TB, s *Store, m raft.SnapshotMeta, want string) {
	t.Helper()
	if got, err := readState(s, m); err != nil || got != want {
		t.Fatalf("got %q %v, want %q", got, err, want)
	}
}

// The snapshots before those are discarded (Figure 13, rule 5).
func TestTheTwoNewestSnapshotsAreKept(t *testing.T) {
	t.Parallel()
	s := open(t, OS(), t.TempDir())
	save(t, s, raft.Persist{HardState: hardState(1, ""), Entries: entries(1, 40, 1)})
	for i := raft.Index(10); i <= 40; i += 10 {
		writeState(t, s, meta(i, 1), strings.Repeat("state", int(i)))
	}
	writeState(t, s, meta(35, 1), "one that came too late")
	wantState(t, s, meta(40, 1), strings.Repeat("state", 40))
	wantState(t, s, meta(30, 1), strings.Repeat("state", 30))
	for _, gone := range []raft.SnapshotMeta{meta(20, 1), meta(35, 1)} {
		if _, err := s.OpenSnapshot(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("got %v, want fs.ErrNotExist", err)
		}
	}
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Saved{HardState: *hardState(1, ""), Snapshot: meta(40, 1), Entries: entries(1, 40, 1)})
	wantState(t, s, meta(30, 1), strings.Repeat("state", 30))
}

// InstallSnapshot rules 6 and 7 (Figure 13), on disk.
func TestAReceivedSnapshotTakesThePlaceOfALogThatDoesNotContainIt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		id   raft.SnapshotMeta
		want []raft.Entry
	}{
		"beyond the log": {meta(30, 2), nil},
		"conflicting":    {meta(15, 2), nil},
		"contained":      {meta(15, 1), entries(1, 20, 1)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, NewMemFS(), "d")
			save(t, s, raft.Persist{HardState: hardState(1, ""), Entries: entries(1, 20, 1)})
			receiveAll(t, s, test.id, "state")
			s2, got := reopen(t, s) // a restart forgets what Save was not asked for
			wantSaved(t, got, raft.Saved{HardState: *hardState(1, ""), Entries: entries(1, 20, 1)})

			receiveAll(t, s2, test.id, "state")
			next := test.id.LastIncludedIndex + 1
			want := test.want
			if want == nil {
				want = entries(next, next, 2)
				save(t, s2, raft.Persist{HardState: hardState(2, ""), Snapshot: &test.id, Entries: want})
			} else {
				save(t, s2, raft.Persist{HardState: hardState(2, ""), Snapshot: &test.id})
			}
			s3, got := reopen(t, s2)
			wantSaved(t, got, raft.Saved{HardState: *hardState(2, ""), Snapshot: test.id, Entries: want})
			wantState(t, s3, test.id, "state")
		})
	}
}

func TestASnapshotThatWasNotReceivedIsNotInstalled(t *testing.T) {
	t.Parallel()
	s := open(t, NewMemFS(), "d")
	m := meta(5, 1)
	if err := s.Save([]raft.Persist{{HardState: hardState(1, ""), Snapshot: &m}}); err == nil {
		t.Fatal("Save accepted a snapshot that is not there")
	}
}

// InstallSnapshot rules 3 and 4 (Figure 13).
func TestAnInterruptedTransferGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := open(t, NewMemFS(), "d")
	m := meta(9, 1)
	file := fileOf(t, m, "a state of some length")
	first := receive(t, s, m, len(file))
	write(t, first, file[:10])
	second := receive(t, s, m, len(file))
	if got := second.Offset(); got != 10 {
		t.Fatalf("got offset %d, want 10", got)
	}
	if _, err := first.Write(file[10:]); !errors.Is(err, ErrClosed) {
		t.Fatalf("the stream that broke still writes: %v", err)
	}
	if err := second.Commit(); err == nil {
		t.Fatal("committed half a file")
	}
	write(t, second, file[10:])
	if err := second.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, s, m, len(file)).Offset(); got != int64(len(file)) {
		t.Fatalf("got offset %d, want %d: all of it is here", got, len(file))
	}
	save(t, s, raft.Persist{HardState: hardState(1, ""), Snapshot: &m})
	wantState(t, s, m, "a state of some length")
}

// InstallSnapshot rules 2 and 5 (Figure 13): what is saved is whole.
func TestADamagedTransferIsRefusedAndStartsAgain(t *testing.T) {
	t.Parallel()
	m := meta(9, 1)
	file := fileOf(t, m, "state")
	for i := range file {
		s := open(t, NewMemFS(), "d")
		bad := append([]byte(nil), file...)
		bad[i] ^= 0x40
		in := receive(t, s, m, len(bad))
		write(t, in, bad)
		if err := in.Commit(); err == nil || errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: got %v, want an error that does not blame this server's disk", i, err)
		}
		again := receive(t, s, m, len(file))
		if got := again.Offset(); got != 0 {
			t.Fatalf("byte %d: goes on at %d, want 0", i, got)
		}
		write(t, again, file)
		if err := again.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// InstallSnapshot rule 5 (Figure 13).
func TestAnotherSnapshotTakesThePlaceOfAPartialOne(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	old := receive(t, s, meta(5, 1), 100)
	write(t, old, make([]byte, 50))
	receiveAll(t, s, meta(9, 1), "state")
	if _, err := old.Write(make([]byte, 50)); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	if fsys.ReadFile(s.snapshots.path(incomingPrefix, meta(5, 1).ID())) != nil {
		t.Fatal("the partial file is still there")
	}
	aborted := receive(t, s, meta(12, 1), 100)
	write(t, aborted, make([]byte, 50))
	if err := aborted.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, s, meta(12, 1), 100).Offset(); got != 0 {
		t.Fatalf("got offset %d after Abort, want 0", got)
	}
}

func TestADamagedSnapshotIsReplacedByTheOneBeforeItAndTheLog(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	save(t, s, raft.Persist{HardState: hardState(1, "")})
	for i := raft.Index(1); i <= 40; i++ {
		save(t, s, raft.Persist{Entries: entries(i, i, 1)})
	}
	writeState(t, s, meta(10, 1), "ten")
	save(t, s, raft.Persist{Discard: 5})
	writeState(t, s, meta(20, 1), "twenty")
	save(t, s, raft.Persist{Discard: 15})
	s.Close()
	newest := s.snapshots.path(snapshotPrefix, meta(20, 1).ID())
	content := fsys.ReadFile(newest)
	content[len(content)/2] ^= 1
	fsys.WriteFile(newest, content)
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Saved{HardState: *hardState(1, ""), Snapshot: meta(10, 1), Entries: entries(11, 40, 1)})
	wantState(t, s, meta(10, 1), "ten")
}

func TestDamageThatComesAfterStartIsNoticedByTheReader(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	m := meta(7, 1)
	writeState(t, s, m, "a state of some length")
	file := s.snapshots.path(snapshotPrefix, m.ID())
	good := fsys.ReadFile(file)
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		fsys.WriteFile(file, bad)
		if got, err := readState(s, m); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: got %q %v, want ErrCorrupt", i, got, err)
		}
		fsys.WriteFile(file, good[:i])
		if got, err := readState(s, m); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: got %q %v, want ErrCorrupt", i, got, err)
		}
	}
}

func TestAFailedSnapshotLeavesTheOldOneAndTheLogAtWork(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	for _, op := range []string{"create", "write", "sync", "rename", "syncdir"} {
		fsys := NewMemFS()
		s := open(t, fsys, "d")
		save(t, s, raft.Persist{HardState: hardState(1, ""), Entries: entries(1, 20, 1)})
		writeState(t, s, meta(10, 1), "ten")
		fsys.Before = func(got, _ string) error {
			if got == op {
				return full
			}
			return nil
		}
		if _, err := s.WriteSnapshot(meta(20, 1), strings.NewReader("twenty")); !errors.Is(err, full) {
			t.Fatalf("%s: got %v, want %v", op, err, full)
		}
		fsys.Before = nil
		save(t, s, raft.Persist{Entries: entries(21, 21, 1)})
		s, got := reopen(t, s)
		wantSaved(t, got, raft.Saved{HardState: *hardState(1, ""), Snapshot: meta(10, 1), Entries: entries(1, 21, 1)})
		wantState(t, s, meta(10, 1), "ten")
	}
}

func TestSnapshotsAreWrittenAndReceivedBesideSave(t *testing.T) {
	t.Parallel()
	s := open(t, NewMemFS(), "d")
	save(t, s, raft.Persist{HardState: hardState(1, ""), Entries: entries(1, 20, 1)})
	file := fileOf(t, meta(50, 1), "state")
	done := make(chan error, 2) // one place for each goroutine
	go func() {
		var err error
		for i := raft.Index(1); i <= 20 && err == nil; i++ {
			_, err = s.WriteSnapshot(meta(i, 1), strings.NewReader("state"))
		}
		done <- err
	}()
	go func() {
		in, err := s.ReceiveSnapshot(meta(50, 1), int64(len(file)))
		for i := 0; i < len(file) && err == nil; i++ {
			_, err = in.Write(file[i : i+1])
		}
		if err == nil {
			err = in.Commit()
		}
		done <- err
	}()
	for i := raft.Index(21); i <= 49; i++ {
		_, newest := s.snapshots.newestTwo()
		save(t, s, raft.Persist{Entries: entries(i, i, 1), Discard: newest.Index})
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	m := meta(50, 1)
	save(t, s, raft.Persist{Snapshot: &m, Discard: 50})
	s, got := reopen(t, s)
	wantSaved(t, got, raft.Saved{HardState: *hardState(1, ""), Snapshot: m})
	wantState(t, s, m, "state")
}
