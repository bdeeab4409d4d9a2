package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/wal"
	"kvorum/rpc/client/clienttest"
)

// snapshotFile returns the file of a snapshot with two keys, as of entry 7 of term 3.
func snapshotFile(t *testing.T) []byte {
	t.Helper()
	store, err := wal.Open(wal.NewMemFS(), "d", wal.Options{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	state := kv.New()
	for i, key := range []string{"a", "b"} {
		e := raft.Entry{EntryID: raft.EntryID{Index: raft.Index(6 + i), Term: 3}, Command: kv.Encode(kv.Set{Key: key, Value: []byte("v")})}
		if _, err := state.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	meta := raft.SnapshotMeta{LastIncludedIndex: 7, LastIncludedTerm: 3, Config: raft.Configuration{Voters: []raft.ServerID{"n1@00"}}}
	if _, err := store.WriteSnapshot(meta, state.Snapshot()); err != nil {
		t.Fatal(err)
	}
	f, size, err := store.OpenSnapshotFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	return content
}

// inPieces sends content in pieces of ten bytes, up to the end or up to what
// breaks it off.
func inPieces(content []byte, upto int, broken error) func(func(*kvorumv1.BackupChunk) error) error {
	return func(send func(*kvorumv1.BackupChunk) error) error {
		for offset := 0; offset < upto; offset += 10 {
			end := min(offset+10, len(content))
			chunk := &kvorumv1.BackupChunk{Data: content[offset:end], Offset: uint64(offset), Size: uint64(len(content)), Last: end == len(content)}
			if err := send(chunk); err != nil {
				return err
			}
		}
		return broken
	}
}

func TestABackupIsSavedCheckedAndDescribed(t *testing.T) {
	t.Parallel()
	c, content := clienttest.Start(t, 3), snapshotFile(t)
	c.ServeBackup(inPieces(content, len(content), nil))
	file := filepath.Join(t.TempDir(), "b")
	if got := at(t, c, "", "backup", file, "--server", "n2"); got.code != 0 ||
		!strings.HasPrefix(got.stdout, "OK, 2 keys as of index 7, term 3, in ") || !strings.HasSuffix(got.stdout, " bytes, from n2 of cluster 0123456789abcdef0123456789abcdef\n") {
		t.Errorf("got %+v", got)
	}
	if saved, err := os.ReadFile(file); !slices.Equal(saved, content) {
		t.Errorf("saved %d bytes, %v; want %d", len(saved), err, len(content))
	}
	if got := at(t, c, "", "backup", file); got.code != exitFailed || !strings.Contains(got.stderr, file+" exists; --force replaces it") {
		t.Errorf("a second time: %+v", got)
	}
	var b saved
	got := at(t, c, "", "backup", file, "--force", "--output", "json")
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil || b.Keys != 2 || b.Index != 7 || b.Term != 3 || b.Bytes != int64(len(content)) || b.ClusterID == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := at(t, c, "", "backup", file, "--check"); got.code != 0 || !strings.HasPrefix(got.stdout, "OK, 2 keys as of index 7, term 3, in ") {
		t.Errorf("the check: %+v", got)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); len(left) != 1 || err != nil {
		t.Errorf("beside the backup there is %v, %v", left, err)
	}
}

func TestABackupThatDoesNotArriveWholeGetsNoName(t *testing.T) {
	t.Parallel()
	c, content := clienttest.Start(t, 1), snapshotFile(t)
	damaged := slices.Clone(content)
	damaged[len(damaged)/2] ^= 1
	stopping := clienttest.Error(codes.Unavailable, "NO_LEADER", "definite", "the server is stopping")
	for want, serve := range map[string]func(func(*kvorumv1.BackupChunk) error) error{
		"the server is stopping (NO_LEADER)": inPieces(content, 50, stopping),
		"breaks off after 50 bytes":          inPieces(content, 50, nil),
		"take another backup":                inPieces(damaged, len(damaged), nil),
	} {
		c.ServeBackup(serve)
		file := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(file, []byte("an earlier backup"), 0o600); err != nil {
			t.Fatal(err)
		}
		got := at(t, c, "", "backup", file, "--force")
		if got.code != exitFailed || !strings.Contains(got.stderr, want) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("got %+v, want %q", got, want)
		}
		if earlier, _ := os.ReadFile(file); string(earlier) != "an earlier backup" {
			t.Errorf("%s: the earlier backup is %q now", want, earlier)
		}
	}
}

func TestABackupWaitsForTheFirstAnswerOnly(t *testing.T) {
	t.Parallel()
	c, content := clienttest.Start(t, 1), snapshotFile(t)
	waiting := make(chan struct{})
	c.Before(func(_ int, method string) error {
		if method == "Backup" {
			<-waiting
		}
		return nil
	})
	file := filepath.Join(t.TempDir(), "b")
	if got := at(t, c, "", "backup", file, "--timeout", "1s"); got.code != exitFailed || !strings.Contains(got.stderr, "no answer within 1s") {
		t.Errorf("got %+v", got)
	}
	close(waiting)
	const timeout = 2 * time.Second
	c.ServeBackup(func(send func(*kvorumv1.BackupChunk) error) error {
		<-time.After(timeout + timeout/10) // the snapshot takes so long
		return inPieces(content, len(content), nil)(send)
	})
	if got := at(t, c, "", "backup", file, "--timeout", timeout.String()); got.code != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestRestoreMakesTheFolderOfANewCluster(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1) // restore asks nobody
	folder := t.TempDir()
	file, dir := filepath.Join(folder, "b"), filepath.Join(folder, "n7")
	if err := os.WriteFile(file, snapshotFile(t), 0o400); err != nil {
		t.Fatal(err)
	}
	got := at(t, c, "", "restore", file, "--id", "n7", "--data-dir", dir)
	if got.code != 0 || !strings.Contains(got.stdout, "kvorum serve --id n7 --data-dir "+dir+"\n") {
		t.Fatalf("got %+v", got)
	}
	s, err := wal.Open(wal.OS(), dir, wal.Options{Name: "n7"})
	if err != nil {
		t.Fatal(err)
	}
	if id := s.Identity(); !strings.Contains(got.stdout, "2 keys as of index 7 are in the new cluster "+id.ClusterID+" of one server, n7") {
		t.Errorf("it says %q and made %+v", got.stdout, id)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]result{
		"restore " + file + " --id n7 --data-dir " + dir:                           {1, "", "folder is not empty"},
		"restore " + file + " --id n7":                                             {2, "", "data-dir"},
		"restore " + file + " --data-dir " + dir:                                   {2, "", "id"},
		"restore " + file + " --id a@b --data-dir " + filepath.Join(folder, "bad"): {1, "", `name "a@b"`},
		"restore " + dir + "/lock --id n7 --data-dir " + dir:                       {1, "", "snapshot is cut short; take another backup"},
	} {
		if got := at(t, c, "", strings.Fields(line)...); got.code != want.code || !strings.Contains(got.stderr, want.stderr) {
			t.Errorf("%s: got %+v, want %+v", line, got, want)
		}
	}
}
