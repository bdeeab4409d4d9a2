package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kvorum/discovery"
	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/wal"
)

// TestStorageThatCannotBeTrustedIsRefused: before a port opens the server says in one
// line which file is to blame, where in it, and what to do.
func TestStorageThatCannotBeTrustedIsRefused(t *testing.T) {
	t.Parallel()
	const (
		rejoin  = "remove it from the cluster"
		upgrade = "start the version of kvorum that wrote it"
		every   = 99 // file of those
	)
	for _, tt := range []struct {
		name, files string
		which       int                 // of the files; from -1 down: from the last
		change      func([]byte) []byte // nil: the file is removed
		want        []string
	}{
		{"no identity", "identity", 0, nil, []string{"no identity", rejoin}},
		{"a damaged identity", "identity", 0, flip(20), []string{"damaged identity", rejoin}},
		{"an identity of the future", "identity", 0, futureIdentity, []string{"version 2", upgrade}},
		{"no log", "log-*", every, nil, []string{"the log is missing", rejoin}},
		{"a missing segment", "log-*", 1, nil, []string{"missing segment", rejoin}},
		{"a damaged segment header", "log-*", 0, flip(17), []string{"offset 0", rejoin}},
		{"a segment of the future", "log-*", 1, futureSegment, []string{"version 2", "offset 8", upgrade}},
		{"damage before valid records", "log-*", 0, flip(150), []string{"offset 1", rejoin}},
		{"damage in the last segment before valid records", "log-*", -1, flip(150), []string{"offset 1", rejoin}},
		{"a segment that was cut short", "log-*", 1, func(b []byte) []byte { return b[:150] }, []string{"offset", rejoin}},
		{"snapshots of the future", "snapshot-*", every, futureSnapshot, []string{"version 2", "offset 8", upgrade}},
		{"damage in both snapshots", "snapshot-*", every, flip(30), []string{"offset", rejoin}},
		{"no snapshots", "snapshot-*", every, nil, []string{"there is no snapshot", rejoin}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data := dir(t)
			writeFolder(t, data)
			files, err := filepath.Glob(filepath.Join(data, tt.files))
			if err != nil || len(files) == 0 {
				t.Fatalf("no %s: %v", tt.files, err)
			}
			if tt.which != every {
				files = []string{files[(tt.which+len(files))%len(files)]}
			}
			for _, file := range files {
				damage(t, file, tt.change)
			}
			// Where several files are bad, one is named.
			kind := filepath.Join(data, tt.files)
			if len(files) == 1 {
				kind = files[0]
			}
			wants(t, fails(t, "--data-dir", data), append(tt.want, "--data-dir", strings.TrimSuffix(kind, "*"))...)
		})
	}
	t.Run("nothing is wrong", func(t *testing.T) {
		t.Parallel()
		data := dir(t)
		writeFolder(t, data)
		s := serveOn(t, data, "n1")
		put(t, clientOf(t, s), "key", "value")
		s.stop()
	})
}

// damage changes a file, or removes it.
func damage(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil && change == nil {
		err = os.Remove(file)
	} else if err == nil {
		err = os.WriteFile(file, change(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeFolder makes the folder of a cluster of one, with two snapshots, and several
// segments that begin after the first of them.
func writeFolder(t *testing.T, data string) {
	t.Helper()
	storage, err := wal.Open(wal.OS(), data, wal.Options{Name: "n1", SegmentBytes: 1024})
	if err != nil {
		t.Fatal(err)
	}
	self := storage.Identity().ServerID()
	err = storage.Bootstrap(discovery.ClusterID([]raft.ServerID{self}), self)
	for i := raft.Index(1); i <= 200 && err == nil; i++ {
		b := raft.Persist{
			HardState: &raft.HardState{CurrentTerm: 1, VotedFor: self},
			Entries:   []raft.Entry{{EntryID: raft.EntryID{Index: i, Term: 1}}},
		}
		if i%60 == 0 && i < 180 {
			meta := raft.SnapshotMeta{LastIncludedIndex: i - 1, LastIncludedTerm: 1, Config: raft.Configuration{Voters: []raft.ServerID{self}}}
			_, err = storage.WriteSnapshot(meta, kv.New().Snapshot())
			b.Discard = i - 1
		}
		err = errors.Join(err, storage.Save([]raft.Persist{b}))
	}
	if err := errors.Join(err, storage.Close()); err != nil {
		t.Fatal(err)
	}
}

// flip returns a change of one bit.
func flip(offset int) func([]byte) []byte {
	return func(b []byte) []byte { b[offset] ^= 1; return b }
}

// A format of the future keeps its checksums where they are, so that it is told from damage.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func futureIdentity(b []byte) []byte {
	b = bytes.Replace(b[:bytes.LastIndex(b, []byte("crc32c "))], []byte("kvorum-identity 1"), []byte("kvorum-identity 2"), 1)
	return fmt.Appendf(b, "crc32c %08x\n", crc32.Checksum(b, castagnoli))
}

func futureSegment(b []byte) []byte {
	b[8] = 2
	binary.LittleEndian.PutUint32(b[44:], crc32.Checksum(b[:44], castagnoli))
	return b
}

func futureSnapshot(b []byte) []byte {
	b[8] = 2
	end := len(b) - 4
	binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[:end], castagnoli))
	return b
}
