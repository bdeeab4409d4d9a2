package wal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"kvorum/raft"
)

// replay is the state that the records lead to. It implements items.
type replay struct {
	snapshot  raft.Index // where the snapshot ends that the server starts from
	started   bool
	hardState raft.HardState
	base      raft.Index // entries begin after it
	entries   []raft.Entry
	terms     terms
	ended     bool  // the segment says that the log goes on in another
	newest    int64 // where the last record of the segment begins
}

func (r *replay) last() raft.Index { return r.base + raft.Index(len(r.entries)) }

func (r *replay) head(h head) error {
	if r.started {
		if h != (head{r.hardState, r.last()}) {
			return errors.New("the segment does not go on where the last one ended")
		}
		return nil
	}
	r.started, r.hardState, r.base = true, h.hardState, h.last
	return nil
}

func (r *replay) setHardState(hs raft.HardState) error {
	if hs.CurrentTerm < r.hardState.CurrentTerm {
		return fmt.Errorf("term %d after term %d", hs.CurrentTerm, r.hardState.CurrentTerm)
	}
	r.hardState = hs
	return nil
}

func (r *replay) entry(e raft.Entry) error {
	if e.Index == 0 || e.Index > r.last()+1 {
		return fmt.Errorf("entry %d after entry %d", e.Index, r.last())
	}
	if e.Term > r.hardState.CurrentTerm {
		return fmt.Errorf("entry of term %d in term %d", e.Term, r.hardState.CurrentTerm)
	}
	// The log before the first segment is not known: an entry may replace a part of it.
	r.base = min(r.base, e.Index-1)
	r.entries = append(r.entries[:e.Index-1-r.base], e)
	r.terms.append(e.EntryID)
	return nil
}

func (r *replay) reset(index raft.Index) error {
	r.base, r.entries, r.terms = index, nil, terms{}
	return nil
}

// discard drops what the server had dropped, too, so that no more is ever held
// than then. If it starts from a snapshot before the newest, it needs more.
func (r *replay) discard(index raft.Index) error {
	if index > r.last() {
		return fmt.Errorf("entries are discarded up to %d, after entry %d", index, r.last())
	}
	if index = min(index, r.snapshot); index > r.base {
		r.entries = slices.Clone(r.entries[index-r.base:])
		r.base = index
	}
	return nil
}

func (r *replay) end() error {
	r.ended = true
	return nil
}

// contains reports whether the log has the entry, as far as it can be known:
// the term of the entry before the first segment is not.
func (r *replay) contains(id raft.EntryID) bool {
	term := r.terms.at(min(id.Index, r.last()))
	return id.Index <= r.last() && (term == id.Term || term == 0 && id.Index == r.base)
}

// replayAll reads the segments, one at a time, and leaves l ready to append to
// the last one. The server starts from a snapshot that ends at index snapshot.
func (l *log) replayAll(numbers []uint64, snapshot raft.Index, logger *slog.Logger) (*replay, error) {
	r := &replay{snapshot: snapshot}
	news := newProgress(logger)
	var content []byte
	for i, number := range numbers {
		news.tell("replaying the log", "segment", i+1, "of", len(numbers))
		if i > 0 && number != numbers[i-1]+1 {
			return nil, corrupt(l.path(numbers[i-1]+1), 0, "missing segment")
		}
		var err error
		if content, err = l.replaySegment(r, number, content); err != nil {
			return nil, err
		}
	}
	if r.ended {
		return nil, corrupt(l.path(l.last().number+1), 0, "missing segment")
	}
	l.current = head{r.hardState, r.last()}
	l.synced = l.current
	l.terms = r.terms
	return r, l.cutTail(content, r.newest, logger)
}

// replaySegment returns the content of the segment, in buffer if it fits, and
// leaves its file open.
func (l *log) replaySegment(r *replay, number uint64, buffer []byte) ([]byte, error) {
	f, err := l.fs.Open(l.path(number))
	if err != nil {
		return nil, err
	}
	content, err := readFile(f, buffer)
	if err == nil {
		err = l.replayContent(r, number, content)
	}
	if err == nil && l.file != nil {
		err = l.file.Close()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.file = f
	return content, nil
}

// replayContent reads the records of one segment, up to what is not a record.
func (l *log) replayContent(r *replay, number uint64, content []byte) error {
	file := l.path(number)
	h, err := decodeSegmentHeader(file, content)
	if err != nil {
		return err
	}
	if err := l.checkChain(r, number, h); err != nil {
		return err
	}
	r.ended = false
	at := place{h.incarnation, number, segmentHeaderSize}
	for {
		payload, ok := openRecord(content, at)
		if !ok {
			break
		}
		if err := decodeRecord(payload, r); err != nil {
			return corrupt(file, at.offset, "record makes no sense: %v", err)
		}
		if r.ended {
			break
		}
		r.newest = at.offset
		at.offset += recordHeaderSize + int64(len(payload))
	}
	if at.offset == segmentHeaderSize {
		return corrupt(file, at.offset, "damaged head of the segment")
	}
	l.segments = append(l.segments, segment{number, r.last()})
	l.end = at.offset
	return nil
}

// checkChain compares the header with the file's name, the server, and where
// the segment before it ended. If that one does not say so, a crash came
// between the two, and it is made to.
func (l *log) checkChain(r *replay, number uint64, h segmentHeader) error {
	file := l.path(number)
	switch {
	case h.number != number:
		return corrupt(file, 24, "holds segment %d", h.number)
	case h.incarnation != l.incarnation:
		return corrupt(file, 16, "belongs to incarnation %016x, this server is %016x", h.incarnation, l.incarnation)
	case len(l.segments) > 0 && h.prevEnd != l.end:
		return corrupt(l.path(l.last().number), l.end, "bad record; the segment had records up to offset %d", h.prevEnd)
	case len(l.segments) > 0 && !r.ended:
		return endSegment(l.file, place{l.incarnation, l.last().number, l.end})
	}
	return nil
}

// isEmpty reports whether the first segment is as create made it.
func (l *log) isEmpty() (bool, error) {
	f, err := l.fs.Open(l.path(1))
	if err != nil {
		return false, err
	}
	content, err := readFile(f, nil)
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	h, err := decodeSegmentHeader(l.path(1), content)
	if err != nil {
		return false, err
	}
	payload, _ := openRecord(content, place{h.incarnation, 1, segmentHeaderSize})
	return bytes.Equal(payload, appendHead(nil, head{})) &&
		allZero(content[segmentHeaderSize+recordHeaderSize+len(payload):]), nil
}

// cutTail zeroes what follows the last record of the last segment, if that is
// a torn write. In any case it writes the last record, at newest, again and syncs:
// a process that was killed, or whose sync failed, may have left it in the page cache
// only, and we must not count on it before it is durable. After a sync that failed
// the system takes it for written, so that another alone would do nothing.
func (l *log) cutTail(content []byte, newest int64, logger *slog.Logger) error {
	if tail := content[l.end:]; !allZero(tail) {
		file := l.path(l.last().number)
		if next, found := findRecord(content, place{l.incarnation, l.last().number, l.end}); found {
			return corrupt(file, l.end, "bad record, but a good one follows at offset %d", next)
		}
		logger.Warn("cut a write that a crash has torn", "file", file, "offset", l.end)
		if err := writeZeros(l.file, l.end, int64(len(content))); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(content[newest:l.end], newest); err != nil {
		return err
	}
	return l.file.Sync()
}
