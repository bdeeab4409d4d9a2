package wal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

// alone is the transport of a server that is a cluster of its own.
type alone struct{}

func (alone) Send(raft.Message) {}

// runAlone runs a server on the folder while it does work, and returns the hash of
// its state and the last index in that.
func runAlone(t *testing.T, dir string, work func(n *node.Node)) (hash uint64, at raft.Index) {
	t.Helper()
	s, err := Open(OS(), dir, Options{Name: "n1", Incarnation: testIncarnation, SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	id := s.Identity().ServerID()
	if err := s.Bootstrap(testCluster, id); err != nil {
		t.Fatal(err)
	}
	store := kv.New()
	n := node.New(node.Config{
		// A disk that is slow for a second is not yet a stuck one.
		Raft:         raft.Config{ID: id, ElectionTicks: 300, HeartbeatTicks: 2},
		TickInterval: time.Millisecond, SnapshotEntries: 100, SnapshotTail: 20,
		Storage: s, Transport: alone{}, StateMachine: store,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1) // Run's answer, once
	go func() { ended <- n.Run(ctx) }()
	for n.Leadership().Role != raft.Leader {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	if _, err := n.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	work(n)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return store.Hash()
}

// TestAServerWithADamagedSnapshotHasAllItsKeys: snapshots are further apart than
// the tail that the server keeps is long, so it needs the log that the disk kept.
func TestAServerWithADamagedSnapshotHasAllItsKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	snapshots := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, snapshotPrefix+"*[0-9a-f]")) // finished ones
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	want, at := runAlone(t, dir, func(n *node.Node) {
		for i := 0; i < 350 || len(snapshots()) < 2; i++ { // on a slow disk one takes as long as hundreds of sets
			if _, _, err := n.Propose(t.Context(), kv.Encode(kv.Set{Key: fmt.Sprint("key ", i), Value: []byte("value")})); err != nil {
				t.Fatal(err)
			}
		}
	})
	names := snapshots()
	if len(names) != 2 {
		t.Fatalf("snapshots %v, want two", names)
	}
	content, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(names[1], content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, after := runAlone(t, dir, func(*node.Node) {})
	if got != want || after < at {
		t.Fatalf("got hash %016x at %d, want %016x at %d", got, after, want, at)
	}
}
