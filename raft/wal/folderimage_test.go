package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kvorum/raft"
)

// What a damaged folder may come to.
const (
	detected = iota // the start is refused, and the message names file and remedy
	harmless        // nothing that was saved is missing or different
	replaced        // nor here, but an earlier snapshot has taken the newest's place
	lastLost        // the last record was hit, and counts as never written
	endLost         // every record that is missing was hit, and they are the last ones
	wrong
	outcomes
)

// folderImage is a folder with several segments, two snapshots and an identity.
type folderImage struct {
	files    map[string][]byte
	older    map[string][][]byte // earlier versions of each file
	last     string              // the segment that is appended to
	records  []recordAt          // of the last segment, after its head
	final    model
	identity Identity
}

// recordAt is where a record stands, and what was saved once it was.
type recordAt struct {
	start, end int64
	model      model
}

// makeFolderImage saves one entry at a time. The snapshots are further apart
// than the tail is long, as they are in a server.
func makeFolderImage(t *testing.T) *folderImage {
	t.Helper()
	fsys := NewMemFS()
	s, err := Open(fsys, "d", Options{Name: "n1", Incarnation: testIncarnation, SegmentBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	x := &folderImage{older: map[string][][]byte{}, final: model{log: map[raft.Index]raft.Entry{}}}
	x.keepVersions(fsys)
	if err := s.Bootstrap(testCluster, "n1@aa", "n2@bb"); err != nil {
		t.Fatal(err)
	}
	const between, tail = 60, 20
	for i := raft.Index(1); i <= 165; i++ {
		p := raft.Persist{Entries: []raft.Entry{bigEntry(i, raft.Term(1+i/20))}}
		if hs := *hardState(p.Entries[0].Term, "n2@bb"); hs != x.final.hardState {
			p.HardState = &hs
			x.final.hardState = hs
		}
		if (i-1)%between == 0 && i > between {
			x.final.snapshot = meta(i-1, x.final.log[i-1].Term)
			writeState(t, s, x.final.snapshot, imageState(x.final.snapshot.ID()))
			p.Discard = i - 1 - tail
		}
		x.save(t, s, p)
		x.keepVersions(fsys)
	}
	x.identity = s.Identity()
	s.Close()
	if n := len(s.log.segments); n < 4 || s.log.segments[0].number == 1 || len(x.records) < 5 {
		t.Fatalf("%d segments from %d on, %d records in the last: not what this test wants", n, s.log.segments[0].number, len(x.records))
	}
	x.last = s.log.path(s.log.last().number)
	return x
}

func bigEntry(index raft.Index, term raft.Term) raft.Entry {
	e := entry(index, term)
	e.Command = append(e.Command, strings.Repeat("x", int(index*37%500))...)
	return e
}

func imageState(id raft.EntryID) string { return strings.Repeat(fmt.Sprintf("state at %v; ", id), 500) }

func (x *folderImage) save(t *testing.T, s *Store, p raft.Persist) {
	segment, start := s.log.last().number, s.log.end
	save(t, s, p)
	x.final.append(p.Entries)
	if s.log.last().number != segment {
		x.records = nil
		start = segmentHeaderSize + recordHeaderSize + int64(len(appendHead(nil, head{x.final.hardState, s.log.synced.last})))
	}
	x.records = append(x.records, recordAt{start, s.log.end, x.final.clone()})
}

// keepVersions notes the files, and what has changed in them.
func (x *folderImage) keepVersions(fsys *MemFS) {
	before := x.files
	x.files = map[string][]byte{}
	names, _ := fsys.ReadDir("d")
	for _, name := range names {
		name = filepath.Join("d", name)
		x.files[name] = fsys.ReadFile(name)
		if old, ok := before[name]; ok && !bytes.Equal(old, x.files[name]) {
			x.older[name] = append(x.older[name], old)
		}
	}
}

// changed returns a copy of a file to damage.
func (x *folderImage) changed(name string, change func(content []byte)) map[string][]byte {
	content := bytes.Clone(x.files[name])
	change(content)
	return map[string][]byte{name: content}
}

// start starts a server on the folder with some files changed, or gone if nil,
// and judges.
func (x *folderImage) start(t *testing.T, damage map[string][]byte) (outcome int, why string) {
	t.Helper()
	fsys := NewMemFS()
	for name, content := range x.files {
		if other, ok := damage[name]; ok {
			content = other
		}
		if content != nil {
			fsys.WriteFile(name, content)
		}
	}
	s, err := Open(fsys, "d", Options{Name: "n1"})
	if err != nil {
		return judgeRefusal(err)
	}
	defer s.Close()
	if !reflect.DeepEqual(s.Identity(), x.identity) {
		return wrong, fmt.Sprintf("identity %+v", s.Identity())
	}
	saved := load(t, s)
	if got, err := readState(s, saved.Snapshot); saved.Snapshot.LastIncludedIndex > 0 && (err != nil || got != imageState(saved.Snapshot.ID())) {
		return wrong, fmt.Sprintf("state %.40q, %v", got, err)
	}
	if x.final.holds(saved) {
		if saved.Snapshot.ID() != x.final.snapshot.ID() {
			return replaced, ""
		}
		return harmless, ""
	}
	return x.judgeLoss(saved, damage)
}

func judgeRefusal(err error) (int, string) {
	var c *CorruptError
	if !errors.As(err, &c) || !strings.HasPrefix(c.File, "d/") || c.Remedy == "" || !strings.Contains(err.Error(), c.File) {
		return wrong, fmt.Sprintf("refused with %v; want file, offset and remedy", err)
	}
	return detected, ""
}

// judgeLoss: the state must be that of an earlier moment, and every record
// written since then must have been hit by the damage.
func (x *folderImage) judgeLoss(saved raft.Saved, damage map[string][]byte) (int, string) {
	content, ok := damage[x.last]
	if !ok || int64(len(content)) < x.records[len(x.records)-1].end {
		return wrong, "lost something, and no record of the last segment was hit"
	}
	for i := len(x.records) - 2; i >= 0; i-- {
		if hit := x.records[i+1]; bytes.Equal(content[hit.start:hit.end], x.files[x.last][hit.start:hit.end]) {
			return wrong, fmt.Sprintf("a record that was not hit is lost, at %d", hit.start)
		}
		if x.records[i].model.holds(saved) {
			return min(endLost, lastLost+len(x.records)-2-i), ""
		}
	}
	return wrong, fmt.Sprintf("hard state %v, snapshot %v, %d entries: never saved like this", saved.HardState, saved.Snapshot.ID(), len(saved.Entries))
}

// holds reports whether saved says the same as the model, perhaps by way of an
// earlier snapshot and more of the log.
func (m model) holds(saved raft.Saved) bool {
	s := saved.Snapshot.LastIncludedIndex
	if s > m.last || s > 0 && m.log[s].EntryID != saved.Snapshot.ID() {
		return false
	}
	m.snapshot = saved.Snapshot
	if s == 0 {
		m.snapshot = raft.Bootstrap("n1@aa", "n2@bb").Snapshot
	} else if !reflect.DeepEqual(saved.Snapshot, meta(s, saved.Snapshot.LastIncludedTerm)) {
		return false
	}
	return m.is(saved)
}

// boundaries returns where the records of a segment begin and the last one ends.
func (x *folderImage) boundaries(name string) (offsets []int64) {
	content := x.files[name]
	h, err := decodeSegmentHeader(name, content)
	for at := (place{h.incarnation, h.number, segmentHeaderSize}); err == nil; {
		offsets = append(offsets, at.offset)
		payload, ok := openRecord(content, at)
		if !ok {
			break
		}
		at.offset += recordHeaderSize + int64(len(payload))
	}
	return offsets
}

// headerBytes returns the offsets of all bytes of all headers in a file.
func (x *folderImage) headerBytes(name string) (offsets []int64) {
	add := func(lo, hi int64) {
		for ; lo < min(hi, int64(len(x.files[name]))); lo++ {
			offsets = append(offsets, lo)
		}
	}
	switch size := int64(len(x.files[name])); {
	case strings.Contains(name, segmentPrefix):
		add(0, segmentHeaderSize)
		for _, at := range x.boundaries(name) {
			add(at, at+recordHeaderSize)
		}
	case strings.Contains(name, snapshotPrefix):
		add(0, snapshotFixed+int64(len(appendMeta(nil, x.final.snapshot))))
		add(size-trailerSize, size)
	default:
		add(0, size)
	}
	return offsets
}
