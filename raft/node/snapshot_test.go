package node

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"kvorum/raft"
)

// TestSnapshotIsDueByBytesToo: large commands do not wait for SnapshotEntries,
// but for as many bytes as the state has, also after a restart. What is kept
// before the snapshot is bounded in bytes, too.
func TestSnapshotIsDueByBytesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		s := c.servers[0]
		c.stop(s)
		c.snapshotBytes = 1000
		c.start(s)
		next := func(want raft.Index) {
			t.Helper()
			before := s.disk.snapshot().LastIncludedIndex
			for s.disk.snapshot().LastIncludedIndex == before {
				c.propose(strings.Repeat("x", 300))
				synctest.Wait()
			}
			if got := s.disk.snapshot().LastIncludedIndex; got != want {
				t.Fatalf("snapshot at %d, want %d", got, want)
			}
		}
		next(5)  // a no-op and 4 commands
		next(10) // the state has more than 1200 bytes
		synctest.Wait()
		saved, err := s.disk.Load()
		if err != nil || saved.Entries[0].Index < 8 {
			t.Fatalf("%v; entries from %d on are kept, want no more than 1000 bytes", err, saved.Entries[0].Index)
		}
		c.stop(s)
		c.start(s)
		next(20) // the state has more than 2700: entries decide
	})
}

// TestSnapshotsAreTakenOneAtATime: while a large one is written, many could be due by
// entries. They are not taken, nor does it hurry for them, but for bytes or another
// that was asked for. What comes next is of the state that is present then.
func TestSnapshotsAreTakenOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		s := c.servers[0]
		c.stop(s)
		c.snapshotBytes = 1000
		c.start(s)
		held := make(chan struct{})
		s.disk.hold(held)
		expect := func(frozen int, urgent bool) {
			t.Helper()
			synctest.Wait()
			s.machine.mu.Lock()
			defer s.machine.mu.Unlock()
			if s.machine.frozen != frozen || s.isSnapshotUrgent() != urgent {
				t.Errorf("%d snapshots were taken, urgent: %t; want %d, %t", s.machine.frozen, s.isSnapshotUrgent(), frozen, urgent)
			}
		}
		for range 50 { // snapshots are due every 10
			c.propose("x")
		}
		expect(1, false)
		c.propose(strings.Repeat("x", 1000))
		expect(1, true)
		go s.TakeSnapshot(t.Context())
		expect(2, true)
		if _, _, err := s.TakeSnapshot(t.Context()); !errors.Is(err, ErrSnapshotRunning) {
			t.Errorf("a third snapshot at once: %v, want %v", err, ErrSnapshotRunning)
		}
		expect(2, true)
		s.disk.hold(nil)
		close(held)
		expect(2, false)
		for range 10 {
			c.propose("x")
		}
		expect(3, false)
		if got, want := s.disk.snapshot().LastIncludedIndex, s.Applied(); got != want {
			t.Errorf("the snapshot ends at %d, want %d", got, want)
		}
	})
}
