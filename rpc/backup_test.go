package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/wal"
)

// takeBackup returns the file that a server sends.
func takeBackup(t *testing.T, s *testServer) []byte {
	t.Helper()
	stream, err := s.admin.Backup(t.Context(), &kvorumv1.BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if h := first.GetHeader(); h.GetServerId() != s.name || h.GetClusterId() != testCluster || len(first.GetData()) > 0 {
		t.Errorf("the first chunk is %v", first)
	}
	var file []byte
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return file
		}
		if err != nil {
			t.Fatal(err)
		}
		if chunk.GetOffset() != uint64(len(file)) {
			t.Fatalf("a chunk at %d after %d bytes", chunk.GetOffset(), len(file))
		}
		file = append(file, chunk.GetData()...)
		if chunk.GetLast() != (uint64(len(file)) == chunk.GetSize()) {
			t.Fatalf("after %d of %d bytes last is %v", len(file), chunk.GetSize(), chunk.GetLast())
		}
	}
}

// readBackup returns the state that a backup holds.
func readBackup(t *testing.T, content []byte) *kv.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, content, 0o400); err != nil {
		t.Fatal(err)
	}
	b, err := wal.OpenBackup(file)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	state := kv.New()
	if err := state.Restore(b); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestABackupFromAnyServerHoldsEveryAnsweredWrite(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	big := strings.Repeat("x", testMaxValue)
	for i := range 10 { // more than one chunk
		c.servers[0].set(t, fmt.Sprint("big", i), big)
	}
	for round := range 3 {
		for _, s := range c.servers {
			value := fmt.Sprint(s.name, round)
			c.leader().set(t, "latest", value)
			state := readBackup(t, takeBackup(t, s))
			if got, _, _ := state.Get("latest"); string(got) != value || state.Len() != 11 {
				t.Errorf("the backup of %s holds %q and %d keys, want %q and 11", s.name, got, state.Len(), value)
			}
		}
	}
}

func TestABackupOfTheSameStateWritesNoSnapshotAgain(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	s.set(t, "k", "v")
	first := takeBackup(t, s)
	// Nothing is written any more, and so the disk does not matter.
	s.disk.Before = func(op, name string) error { return fmt.Errorf("%s %s", op, name) }
	if again := takeBackup(t, s); !bytes.Equal(again, first) {
		t.Errorf("got %d bytes, and then %d others", len(first), len(again))
	}
	s.disk.Before = nil
}

func TestABackupWithoutALeaderIsRefused(t *testing.T) {
	t.Parallel()
	s := (&testNetwork{t: t}).join("n1")
	stream, err := s.admin.Backup(t.Context(), &kvorumv1.BackupRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	expectReason(t, err, "NO_LEADER", "definite")
}

// closing is a snapshot file that tells when it is closed.
type closing struct {
	SnapshotFile
	closed chan struct{}
}

func (c closing) Close() error {
	defer close(c.closed)
	return c.SnapshotFile.Close()
}

func TestAClientThatGoesAwayEndsItsBackup(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	for i := range 20 { // more than is sent to a client that reads nothing
		s.set(t, fmt.Sprint(i), strings.Repeat("x", testMaxValue))
	}
	closed, open := make(chan struct{}), s.peers.cfg.Snapshots.open
	s.peers.cfg.Snapshots.open = func(meta raft.SnapshotMeta) (SnapshotFile, int64, error) {
		file, size, err := open(meta)
		return closing{file, closed}, size, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := s.admin.Backup(ctx, &kvorumv1.BackupRequest{})
	for range 2 { // the header, and a first piece
		if err == nil {
			_, err = stream.Recv()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the file stays open")
	}
}
