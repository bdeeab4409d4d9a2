package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
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
	disk, file, head := smallFolder(f)
	good := disk[file]
	f.Add(good[head:])
	f.Add(good[head : head+20])
	f.Fuzz(func(t *testing.T, records []byte) {
		startTwice(t, disk, file, append(good[:head:head], records...))
	})
}

// FuzzReplay: whatever the records say, start-up ends, with an error or with
// what Raft can start on. A record is a byte with the payload's length, and the
// payload; the checksums are right.
func FuzzReplay(f *testing.F) {
	disk, file, head := smallFolder(f)
	record := func(payload []byte) []byte { return append([]byte{byte(len(payload))}, payload...) }
	f.Add(record(appendEntry(appendHardState([]byte{itemHardState}, *hardState(4, "n2@bb")), entry(4, 4))))
	f.Add(append(record(appendReset(nil, 9)), record(appendEntry(nil, entry(10, 1)))...))
	f.Add(append(record(appendDiscard(nil, 2)), record(appendEntry(nil, entry(2, 1)))...))
	f.Add(record([]byte{itemEnd}))
	f.Fuzz(func(t *testing.T, payloads []byte) {
		content := disk[file][:head:head]
		for len(payloads) > 0 {
			n := min(int(payloads[0]), len(payloads)-1)
			start := len(content)
			content = append(content, make([]byte, recordHeaderSize)...)
			content = append(content, payloads[1:1+n]...)
			sealRecord(content[start:], place{0xaa, 1, int64(start)})
			payloads = payloads[1+n:]
		}
		startTwice(t, disk, file, content)
	})
}

// smallFolder returns the files of a server with three entries and a snapshot of
// two, the name of its segment, and where the head of that ends.
func smallFolder(f *testing.F) (disk map[string][]byte, file string, head int) {
	fsys := NewMemFS()
	s := open(f, fsys, "d")
	head = int(s.log.end)
	save(f, s, raft.Persist{HardState: hardState(1, "n1"), Entries: entries(1, 3, 1)})
	writeState(f, s, meta(2, 1), "state")
	disk = map[string][]byte{}
	names, _ := fsys.ReadDir("d")
	for _, name := range names {
		name = filepath.Join("d", name)
		disk[name] = fsys.ReadFile(name)
	}
	return disk, s.log.path(1), head
}

// startTwice starts a server with a changed file: the second start finds what
// the first did, and Raft starts on it.
func startTwice(t *testing.T, disk map[string][]byte, file string, content []byte) {
	fsys := NewMemFS()
	for name := range disk {
		fsys.WriteFile(name, disk[name])
	}
	fsys.WriteFile(file, append(content, make([]byte, max(0, len(disk[file])-len(content)))...))
	s, err := tryOpen(fsys, "d")
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v, want ErrCorrupt", err)
		}
		return
	}
	first := load(t, s)
	raft.New(raft.Config{ID: "n1@aa", ElectionTicks: 10, HeartbeatTicks: 1}, first)
	if _, second := reopen(t, s); !reflect.DeepEqual(first, second) {
		t.Fatalf("first start %+v, second %+v", first, second)
	}
}

// FuzzSnapshot: whatever a snapshot file holds, reading it ends, and what it
// says can be written and read alike. The checksum is right if sealed.
func FuzzSnapshot(f *testing.F) {
	good := fileOf(f, meta(3, 1), "state")
	f.Add(good, false)
	f.Add(good[:len(good)-trailerSize], true)
	f.Add([]byte(snapshotMagic), true)
	f.Fuzz(func(t *testing.T, file []byte, sealed bool) {
		if sealed {
			file = append(bytes.Clone(file), le32(checksum(file))...)
		}
		fsys := NewMemFS()
		fsys.WriteFile("snapshot", file)
		logger := slog.New(slog.DiscardHandler)
		got, err := checkSnapshot(fsys, "snapshot", logger)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		r, _, err := openSnapshot(fsys, "snapshot", logger)
		if err != nil {
			t.Fatal(err)
		}
		state, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		again := fileOf(t, got, string(state))
		if n := len(state) + trailerSize; !bytes.Equal(again[len(again)-n:len(again)-trailerSize], state) {
			t.Fatalf("got %x, want state %x", again, state)
		}
	})
}

// FuzzIdentity: whatever an identity says, it is refused, or written and read
// alike. The checksum is right if sealed.
func FuzzIdentity(f *testing.F) {
	good := Identity{Name: "n1", Incarnation: testIncarnation, ClusterID: testCluster, Voters: []raft.ServerID{"n1@aa", "n2@bb"}}.encode()
	body := good[:bytes.LastIndex(good, []byte("crc32c"))]
	f.Add(good, false)
	f.Add(body, true)
	f.Add(bytes.Replace(body, []byte("identity 1"), []byte("identity 2"), 1), true)
	f.Fuzz(func(t *testing.T, file []byte, sealed bool) {
		if sealed {
			file = fmt.Appendf(bytes.Clone(file), "crc32c %08x\n", checksum(file))
		}
		id, err := decodeIdentity("identity", file)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		if again, err := decodeIdentity("identity", id.encode()); err != nil || !reflect.DeepEqual(again, id) {
			t.Fatalf("got %+v, %v; want %+v", again, err, id)
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
