package rpc

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kvorum/raft"
)

// discarding takes a snapshot of any size, and keeps nothing.
type discarding struct{ offset int64 }

func (d *discarding) Offset() int64 { return d.offset }
func (d *discarding) Commit() error { return nil }
func (d *discarding) Write(p []byte) (int, error) {
	d.offset += int64(len(p))
	return len(p), nil
}

// BenchmarkSnapshotTransfer sends snapshots from a file over loopback to a
// receiver without a disk: what the rule that protects heartbeats costs where the
// link is fast.
func BenchmarkSnapshotTransfer(b *testing.B) {
	for _, size := range []int64{1 << 20, 256 << 20} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "snapshot")
			if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
				b.Fatal(err)
			}
			from, to := newEndpoint(b, "a", testCluster, nil), newEndpoint(b, "b", testCluster, nil)
			from.cfg.Snapshots = NewSnapshots(
				func(raft.SnapshotMeta) (*os.File, int64, error) { f, err := os.Open(path); return f, size, err },
				func(raft.SnapshotMeta, int64) (*discarding, error) { return nil, nil })
			to.cfg.Snapshots = NewSnapshots(
				func(raft.SnapshotMeta) (*os.File, int64, error) { return nil, 0, nil },
				func(raft.SnapshotMeta, int64) (*discarding, error) { return &discarding{}, nil })
			from.SetAddress(to.id, to.addr)
			b.SetBytes(size)
			for b.Loop() {
				from.Send(snapshotMessage(from.id, to.id))
				<-from.done
				if len(to.messages) != 1 {
					b.Fatal("the snapshot did not arrive")
				}
				<-to.messages
			}
		})
	}
}
