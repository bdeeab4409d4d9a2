package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kvorum/raft"
)

const newCluster = "00112233445566778899aabbccddeeff"

func foundIn(fsys FS, dir string) (Identity, error) {
	return Found(fsys, dir, "n1", func(raft.ServerID) string { return newCluster }, raft.EntryID{Index: 1e12, Term: 7},
		strings.NewReader("the state"))
}

// wantFounded checks that the folder is that of a whole new cluster.
func wantFounded(t *testing.T, s *Store) {
	t.Helper()
	id, saved := s.Identity(), load(t, s)
	if id.ClusterID != newCluster || len(id.Voters) != 1 || id.Voters[0] != id.ServerID() {
		t.Fatalf("identity %+v", id)
	}
	if saved.HardState.CurrentTerm != 7 || saved.Snapshot.ID() != (raft.EntryID{Index: 1e12, Term: 7}) ||
		len(saved.Entries) != 0 || fmt.Sprint(saved.Snapshot.Config.Voters) != fmt.Sprint(id.Voters) {
		t.Fatalf("loaded %+v", saved)
	}
	wantState(t, s, saved.Snapshot, "the state")
}

func TestACrashWhileAClusterIsFoundedLeavesAllOrNoServer(t *testing.T) {
	t.Parallel()
	refused, empty, whole := 0, 0, 0
	for at := 0; ; at++ {
		finished := false
		for seed := range uint64(8) {
			fsys, rng, n := NewMemFS(), rand.New(rand.NewPCG(seed, 0)), at
			fsys.Before = func(string, string) error {
				if n--; n < 0 {
					return errCrash
				}
				return nil
			}
			_, err := foundIn(fsys, "d")
			if finished = err == nil; !finished && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			fsys.Before = nil
			fsys.Crash(func() bool { return rng.IntN(7) >= int(seed) })
			_, again := foundIn(fsys, "d") // before Open clears anything away
			s, err := tryOpen(fsys, "d")
			switch {
			case again == nil:
				empty++
				wantFounded(t, s)
			case !errors.Is(again, ErrNotEmpty):
				t.Fatalf("crash at operation %d: again: %v", at, again)
			case errors.Is(err, ErrCorrupt) && !finished:
				refused++
			case err != nil:
				t.Fatalf("crash at operation %d: %v", at, err)
			default:
				whole++
				wantFounded(t, s)
			}
		}
		if finished {
			break
		}
	}
	if refused == 0 || empty == 0 || whole == 0 {
		t.Errorf("the folder was refused %d times, made anew %d times, whole %d times: want all three", refused, empty, whole)
	}
}

func TestANewClusterDoesNotBeginWithoutItsState(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	if _, err := foundIn(fsys, "d"); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Remove(filepath.Join("d", snapshotName(snapshotPrefix, raft.EntryID{Index: 1e12, Term: 7}))); err != nil {
		t.Fatal(err)
	}
	if _, err := tryOpen(fsys, "d"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderThatHoldsAnythingIsNotMadeANewCluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := foundIn(OS(), dir); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("got %v", err)
	}
	if names, _ := OS().ReadDir(dir); len(names) != 1 {
		t.Errorf("it left %v", names)
	}
}

func TestReopenMakesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := Reopen(OS(), dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it made %s", dir)
	}
	if _, err := foundIn(OS(), dir); err != nil {
		t.Fatal(err)
	}
	s, err := Reopen(OS(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantFounded(t, s)
}
