package node

import (
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
