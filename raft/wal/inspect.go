package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"kvorum/raft"
)

// Inspection is what a folder holds, and what a server that starts on it would
// make of that.
type Inspection struct {
	Identity  Identity // zero if there is none, or it is damaged
	Segments  []SegmentFile
	Snapshots []SnapshotFile // oldest first
	Leftovers []string       // names of files that were not finished; a start removes them

	Saved   raft.Saved // what a start would load; zero if Refusal is set
	Repairs []string   // what a start would repair, as it would log it
	Refusal error      // why a server would not start, as it would say it; nil: it would
}

// SegmentFile is one file of the log.
type SegmentFile struct {
	File    string // with its folder
	Number  uint64
	Size    int64 // in bytes
	PrevEnd int64 // the offset at which the segment before it should end
	Damage  error // of the header, which says Number and PrevEnd; nil: it is good

	Stretches []Stretch // all that comes after the header, without a gap
}

// Stretch is a part of a segment: a good record, or bytes that are none.
type Stretch struct {
	Offset int64 // in bytes from the start of the file
	Length int64 // in bytes; a record's header is part of it
	Zero   bool  // nothing was ever written here
	// BadPayload says that the header of a record is good here, and that what
	// follows is not what it announces: it was damaged, or never written whole.
	BadPayload bool
	payload    []byte // of a record; nil if it is none
}

// IsRecord reports whether the stretch is a good record: both checksums are right.
func (s Stretch) IsRecord() bool { return s.payload != nil }

// CRC returns the checksum of a record's payload.
func (s Stretch) CRC() uint32 { return checksum(s.payload) }

// Items returns what a record says, in order, and an error if it makes no sense
// from some point on.
func (s Stretch) Items() ([]Item, error) {
	var c collector
	err := decodeRecord(s.payload, &c)
	return c, err
}

// Item is what doc.go calls an item of a record: one of the types below.
type Item interface{ isItem() }

// HeadItem is the hard state and the log's last index as a segment begins.
type HeadItem struct {
	raft.HardState
	Last raft.Index
}

// HardStateItem is a new term or a vote.
type HardStateItem struct{ raft.HardState }

// EntryItem is an entry. It replaces any with the same or a later index.
type EntryItem struct{ raft.Entry }

// ResetItem says that the log is dropped: a snapshot that ends at Last is in
// its place.
type ResetItem struct{ Last raft.Index }

// DiscardItem says that the server had no use any more for the entries up to Last.
type DiscardItem struct{ Last raft.Index }

// EndItem says that the log goes on in the next segment.
type EndItem struct{}

func (HeadItem) isItem()      {}
func (HardStateItem) isItem() {}
func (EntryItem) isItem()     {}
func (ResetItem) isItem()     {}
func (DiscardItem) isItem()   {}
func (EndItem) isItem()       {}

// collector implements items.
type collector []Item

func (c *collector) add(i Item) error {
	*c = append(*c, i)
	return nil
}

func (c *collector) head(h head) error                    { return c.add(HeadItem{h.hardState, h.last}) }
func (c *collector) setHardState(hs raft.HardState) error { return c.add(HardStateItem{hs}) }
func (c *collector) entry(e raft.Entry) error             { return c.add(EntryItem{e}) }
func (c *collector) reset(index raft.Index) error         { return c.add(ResetItem{index}) }
func (c *collector) discard(index raft.Index) error       { return c.add(DiscardItem{index}) }
func (c *collector) end() error                           { return c.add(EndItem{}) }

// SnapshotFile is a snapshot that has its name.
type SnapshotFile struct {
	File   string            // with its folder
	Size   int64             // in bytes
	CRC    uint32            // the checksum that ends the file
	Meta   raft.SnapshotMeta // what the file says; zero if Damage is set
	Damage error             // nil: the checksum is that of the file
}

// inspectTries bounds how often a folder is read that changes meanwhile.
const inspectTries = 10

// Inspect reads the folder of a server and changes nothing in it: no file is
// opened for writing, no lock is taken. A server may be running: then this is
// how the folder was at some moment, and a record that is being written at that
// moment looks like one that a crash has torn. The error is about the folder as
// a whole: it cannot be read, or is not a server's.
func Inspect(dir string) (*Inspection, error) {
	// A running server may rename or remove a file while we read the folder, or
	// write two records while we read one. So nothing is believed to be wrong
	// until it was seen twice.
	var seen string
	for try := 1; ; try++ {
		in, err := inspect(dir)
		wrong := err
		if err == nil {
			wrong = in.Refusal
		}
		if wrong == nil || wrong.Error() == seen || try == inspectTries {
			return in, err
		}
		seen = wrong.Error()
	}
}

func inspect(dir string) (*Inspection, error) {
	fsys := still{map[string][]byte{}}
	in := &Inspection{}
	if err := in.read(fsys, dir); err != nil {
		return nil, fmt.Errorf("wal: inspect: %w", err)
	}
	in.rehearse(fsys, dir)
	return in, nil
}

func (in *Inspection) read(fsys still, dir string) error {
	found, err := listFiles(fsys, dir)
	if err != nil {
		return err
	}
	var known bool
	in.Identity, known, err = readIdentity(fsys, dir)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if !known && len(found.segments) == 0 && len(found.snapshots) == 0 {
		return fmt.Errorf("%s is no server's folder: it has no identity, no log and no snapshot", dir)
	}
	for _, file := range found.leftovers {
		in.Leftovers = append(in.Leftovers, filepath.Base(file))
	}
	for _, number := range found.segments {
		s, err := inspectSegment(fsys, filepath.Join(dir, segmentName(number)), place{in.Identity.number(), number, segmentHeaderSize})
		if err != nil {
			return err
		}
		in.Segments = append(in.Segments, s)
	}
	for _, id := range found.snapshots {
		s, err := inspectSnapshot(fsys, filepath.Join(dir, snapshotName(snapshotPrefix, id)), id)
		if err != nil {
			return err
		}
		in.Snapshots = append(in.Snapshots, s)
	}
	return nil
}

// rehearse starts a server's storage on the folder as it was read, so that
// the verdict is the server's own.
func (in *Inspection) rehearse(fsys still, dir string) {
	name := in.Identity.Name
	if name == "" {
		name = "unknown" // then the identity is refused first
	}
	var repairs bytes.Buffer
	s, err := Open(fsys, dir, Options{Name: name, Logger: slog.New(slog.NewTextHandler(&repairs, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))})
	if err == nil {
		in.Saved, err = s.Load()
		err = errors.Join(err, s.Close())
	}
	in.Refusal = err
	in.Repairs = slices.Collect(strings.Lines(repairs.String()))
}

func inspectSegment(fsys still, file string, at place) (SegmentFile, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return SegmentFile{}, err
	}
	content, err := readFile(f, nil)
	if err != nil {
		return SegmentFile{}, err
	}
	s := SegmentFile{File: file, Number: at.segment, Size: int64(len(content))}
	h, err := decodeSegmentHeader(file, content)
	if err != nil {
		s.Damage = err // the file's name and the identity say where the records are
	} else {
		s.Number, s.PrevEnd, at = h.number, h.prevEnd, place{h.incarnation, h.number, at.offset}
	}
	for at.offset < s.Size {
		next := nextStretch(content, at)
		s.Stretches = append(s.Stretches, next)
		at.offset += next.Length
	}
	return s, nil
}

// nextStretch returns the record at the place, or what is there up to the next one.
func nextStretch(content []byte, at place) Stretch {
	s := Stretch{Offset: at.offset}
	if payload, ok := openRecord(content, at); ok {
		s.payload, s.Length = payload, recordHeaderSize+int64(len(payload))
		return s
	}
	s.Length = int64(len(content)) - at.offset
	if next, ok := findRecord(content, at); ok {
		s.Length = next - at.offset
	} else if written := bytes.TrimRight(content[at.offset:], "\x00"); len(written) > 0 {
		s.Length = int64(len(written))
	}
	s.Zero = allZero(content[at.offset : at.offset+s.Length])
	if header := content[at.offset:]; !s.Zero && len(header) >= recordHeaderSize {
		s.BadPayload = binary.LittleEndian.Uint32(header[8:]) == at.checksum(header)
	}
	return s
}

func inspectSnapshot(fsys still, file string, id raft.EntryID) (s SnapshotFile, err error) {
	s.File = file
	f, err := fsys.Open(file)
	if err != nil {
		return s, err
	}
	var trailer [trailerSize]byte
	if s.Size, err = f.Size(); err == nil && s.Size >= trailerSize {
		_, err = f.ReadAt(trailer[:], s.Size-trailerSize)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return s, err
	}
	s.CRC = binary.LittleEndian.Uint32(trailer[:])
	s.Meta, s.Damage = checkSnapshot(fsys, file, slog.New(slog.DiscardHandler))
	switch {
	case s.Damage == nil && s.Meta.ID() != id:
		s.Damage = corrupt(file, snapshotFixed, "holds the snapshot at index %d", s.Meta.LastIncludedIndex)
	case errors.Is(s.Damage, fs.ErrNotExist): // it was removed just now
		return s, s.Damage
	}
	return s, nil
}
