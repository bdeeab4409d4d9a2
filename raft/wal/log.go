package wal

import (
	"errors"
	"fmt"
	"path/filepath"

	"kvorum/raft"
)

// zeroStep is how many bytes of zeros are written ahead at a time.
const zeroStep = 1 << 20

// log appends to the segments. What it is told is staged, until flush makes it
// durable as one record.
type log struct {
	fs           FS
	dir          string
	incarnation  uint64
	segmentBytes int64

	segments []segment // oldest first; the last is the one appended to
	file     File      // of the last segment
	end      int64     // where its records end
	zeroed   int64     // zeros were written from end to here

	record  []byte // staged, with room for the header in front
	current head   // as of what is staged
	synced  head   // as of what is durable
	terms   terms
}

// create makes the first segment.
func (l *log) create(incarnation uint64) (err error) {
	l.incarnation = incarnation
	first := segmentHeader{incarnation: incarnation, number: 1, size: l.segmentBytes}
	l.file, l.end, err = createSegment(l.fs, l.dir, first, head{})
	l.segments = []segment{{number: 1}}
	return err
}

// stage returns the record that is being built.
func (l *log) stage() []byte {
	if len(l.record) == 0 {
		l.record = append(l.record, make([]byte, recordHeaderSize)...)
	}
	return l.record
}

func (l *log) setHardState(hs raft.HardState) {
	l.record = appendHardState(append(l.stage(), itemHardState), hs)
	l.current.hardState = hs
}

// append stages an entry, which replaces any with the same or a later index.
func (l *log) append(e raft.Entry) error {
	if e.Index == 0 || e.Index > l.current.last+1 {
		return fmt.Errorf("entry %d does not follow entry %d", e.Index, l.current.last)
	}
	l.record = appendEntry(l.stage(), e)
	l.terms.append(e.EntryID)
	l.current.last = e.Index
	return nil
}

// install notes that a snapshot which ends at id is in the place of the log up
// to there, and of the whole log if that does not contain id (Figure 13, rules 6
// and 7).
func (l *log) install(id raft.EntryID) {
	if id.Index <= l.current.last && l.terms.at(id.Index) == id.Term {
		return
	}
	l.record = appendReset(l.stage(), id.Index)
	l.terms = terms{}
	l.current.last = id.Index
}

// discard stages that the server has no use for the entries up to index.
func (l *log) discard(index raft.Index) { l.record = appendDiscard(l.stage(), index) }

// flush makes what is staged durable: one write, one fdatasync.
func (l *log) flush() error {
	if len(l.record) == 0 {
		return nil
	}
	if l.end >= l.segmentBytes {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("begin segment %d: %w", l.last().number+1, err)
		}
	}
	sealRecord(l.record, place{l.incarnation, l.last().number, l.end})
	if err := l.write(l.record); err != nil {
		return fmt.Errorf("append to %s: %w", l.path(l.last().number), err)
	}
	l.last().last = l.current.last
	l.synced = l.current
	l.record = l.record[:0]
	if int64(cap(l.record)) > zeroStep {
		l.record = nil // a rare big one is not kept
	}
	return nil
}

func (l *log) last() *segment { return &l.segments[len(l.segments)-1] }

func (l *log) path(number uint64) string { return filepath.Join(l.dir, segmentName(number)) }

func (l *log) write(record []byte) error {
	end := l.end + int64(len(record))
	if end > l.zeroed {
		// The one sync below covers the zeros too.
		l.zeroed = max(end, min(end+zeroStep, l.segmentBytes))
		if err := writeZeros(l.file, end, l.zeroed); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(record, l.end); err != nil {
		return err
	}
	l.end = end
	return l.file.Sync()
}

// rotate goes on in a new segment. The last one is durable to its end.
func (l *log) rotate() error {
	next := segmentHeader{l.incarnation, l.last().number + 1, l.end, l.segmentBytes}
	f, end, err := createSegment(l.fs, l.dir, next, l.synced)
	if err != nil {
		return err
	}
	err = endSegment(l.file, place{l.incarnation, l.last().number, l.end})
	err = errors.Join(err, l.file.Close())
	l.file, l.end, l.zeroed = f, end, 0
	l.segments = append(l.segments, segment{next.number, l.synced.last})
	return err
}

// remove removes the segments that hold no entry after index. They go oldest
// first, each for good before the next, so that a crash leaves no gap.
func (l *log) remove(index raft.Index) error {
	for len(l.segments) > 1 && l.segments[0].last <= index {
		if err := l.fs.Remove(l.path(l.segments[0].number)); err != nil {
			return err
		}
		if err := l.fs.SyncDir(l.dir); err != nil {
			return err
		}
		l.segments = l.segments[1:]
	}
	return nil
}

func (l *log) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// terms knows the term of every entry in the log. Terms change rarely, so it
// keeps the first entry of each run of equal ones.
type terms struct {
	runs []raft.EntryID
}

// append notes an entry that replaces any with the same or a later index.
func (t *terms) append(id raft.EntryID) {
	n := len(t.runs)
	for n > 0 && t.runs[n-1].Index >= id.Index {
		n--
	}
	t.runs = t.runs[:n]
	if n == 0 || t.runs[n-1].Term != id.Term {
		t.runs = append(t.runs, id)
	}
}

// at returns the term of the entry at index, which must not be after the last
// entry; 0 if that is before the first.
func (t *terms) at(index raft.Index) raft.Term {
	for i := len(t.runs) - 1; i >= 0; i-- {
		if t.runs[i].Index <= index {
			return t.runs[i].Term
		}
	}
	return 0
}
