package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"reflect"
	"testing"

	"kvorum/raft"
)

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func hex32(v uint32) string { return fmt.Sprintf("%08x", v) }

// encoder writes what it is told, as the log does.
type encoder struct{ b []byte }

func (e *encoder) head(h head) error {
	e.b = appendHead(e.b, h)
	return nil
}

func (e *encoder) setHardState(hs raft.HardState) error {
	e.b = appendHardState(append(e.b, itemHardState), hs)
	return nil
}

func (e *encoder) entry(en raft.Entry) error {
	e.b = appendEntry(e.b, en)
	return nil
}

func (e *encoder) reset(index raft.Index) error {
	e.b = appendReset(e.b, index)
	return nil
}

func (e *encoder) discard(index raft.Index) error {
	e.b = appendDiscard(e.b, index)
	return nil
}

func (e *encoder) end() error {
	e.b = append(e.b, itemEnd)
	return nil
}

// FuzzRecord: no payload makes the decoder panic, and what it reads it writes
// in a form that it reads alike.
func FuzzRecord(f *testing.F) {
	config := meta(1, 1).Config
	for _, e := range []raft.Entry{entry(1, 1), {}, {EntryID: raft.EntryID{Index: 1 << 40, Term: 7}, Config: &config}} {
		f.Add(appendEntry(nil, e))
	}
	f.Add(appendHead(nil, head{*hardState(3, "n1@aa"), 9}))
	f.Add(appendReset(appendHardState([]byte{itemHardState}, *hardState(1, "")), 5))
	f.Add([]byte{itemConfig, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var first, second encoder
		if decodeRecord(payload, &first) != nil {
			return
		}
		if err := decodeRecord(first.b, &second); err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if !bytes.Equal(first.b, second.b) {
			t.Fatalf("got %x, want %x", second.b, first.b)
		}
	})
}

// FuzzSegment: whatever a segment holds, start-up ends, with an error or not.
func FuzzSegment(f *testing.F) {
	fsys := NewMemFS()
	s := open(f, fsys, "d")
	save(f, s, raft.Persist{HardState: hardState(1, "n1"), Entries: entries(1, 3, 1)})
	good := fsys.ReadFile(s.log.path(1))
	identity := fsys.ReadFile("d/identity")
	f.Add(good[segmentHeaderSize:])
	f.Add(good[segmentHeaderSize:80])
	f.Fuzz(func(t *testing.T, records []byte) {
		fsys := NewMemFS()
		fsys.WriteFile("d/identity", identity)
		fsys.WriteFile(s.log.path(1), append(good[:segmentHeaderSize:segmentHeaderSize], records...))
		s, err := tryOpen(fsys, "d")
		if err != nil {
			return
		}
		first := load(t, s)
		if _, second := reopen(t, s); !reflect.DeepEqual(first, second) {
			t.Fatalf("first start %+v, second %+v", first, second)
		}
	})
}

// FuzzSnapshot: whatever a snapshot file holds, reading it ends.
func FuzzSnapshot(f *testing.F) {
	f.Add(fileOf(f, meta(3, 1), "state"))
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		fsys := NewMemFS()
		fsys.WriteFile("snapshot", file)
		if _, err := checkSnapshot(fsys, "snapshot", slog.New(slog.DiscardHandler)); err == nil && len(file) < snapshotFixed+trailerSize {
			t.Fatal("accepted a file that is too short")
		}
	})
}

func TestIdentityIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []Identity{
		{Name: "n1", Incarnation: testIncarnation},
		{Name: "crc32c", Incarnation: testIncarnation, ClusterID: "0123456789abcdef0123456789abcdef", Voters: []raft.ServerID{"a@1", "b@2"}},
	} {
		got, err := decodeIdentity("identity", want.encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v %v, want %+v", got, err, want)
		}
	}
}
