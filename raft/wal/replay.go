package wal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"kvorum/raft"
)

// replay is the state that the records lead to. It implements items.
type replay struct {
	started   bool
	hardState raft.HardState
	base      raft.Index // entries begin after it
	entries   []raft.Entry
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
	return nil
}

func (r *replay) reset(index raft.Index) error {
	r.base, r.entries = index, nil
	return nil
}

// contains reports whether the log has the entry, as far as it can be known:
// of the entry before the first one only the index is.
func (r *replay) contains(id raft.EntryID) bool {
	if id.Index <= r.base {
		return id.Index == r.base
	}
	return id.Index <= r.last() && r.entries[id.Index-r.base-1].Term == id.Term
}

// replayAll reads the segments, and leaves l ready to append to the last one.
func (l *log) replayAll(numbers []uint64, logger *slog.Logger) (*replay, error) {
	r := &replay{}
	for i, number := range numbers {
		if i > 0 && number != numbers[i-1]+1 {
			return nil, corrupt(l.path(numbers[i-1]+1), 0, "missing segment")
		}
		if err := l.replaySegment(r, number, i == len(numbers)-1, logger); err != nil {
			return nil, err
		}
	}
	l.current = head{r.hardState, r.last()}
	l.synced = l.current
	for _, e := range r.entries {
		l.terms.append(e.EntryID)
	}
	return r, nil
}

func (l *log) replaySegment(r *replay, number uint64, isLast bool, logger *slog.Logger) error {
	f, err := l.fs.Open(l.path(number))
	if err != nil {
		return err
	}
	content, err := readFile(f)
	if err == nil {
		err = l.replayContent(r, number, content)
	}
	if err == nil && isLast {
		l.file = f
		return l.cutTail(content, logger)
	}
	return errors.Join(err, f.Close())
}

// replayContent reads the records of one segment, up to what is not a record.
func (l *log) replayContent(r *replay, number uint64, content []byte) error {
	file := l.path(number)
	h, err := decodeSegmentHeader(file, content)
	if err != nil {
		return err
	}
	if err := l.checkChain(file, number, h); err != nil {
		return err
	}
	at := place{h.incarnation, number, segmentHeaderSize}
	for {
		payload, ok := openRecord(content, at)
		if !ok {
			break
		}
		if err := decodeRecord(payload, r); err != nil {
			return corrupt(file, at.offset, "record makes no sense: %v", err)
		}
		at.offset += recordHeaderSize + int64(len(payload))
	}
	if at.offset == segmentHeaderSize {
		return corrupt(file, at.offset, "damaged head of the segment")
	}
	l.segments = append(l.segments, segment{number, r.last()})
	l.end, l.size = at.offset, int64(len(content))
	return nil
}

// isEmpty reports whether the first segment is as create made it.
func (l *log) isEmpty() (bool, error) {
	f, err := l.fs.Open(l.path(1))
	if err != nil {
		return false, err
	}
	content, err := readFile(f)
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

// checkChain compares the header with the file's name, the server, and where
// the segment before it ended.
func (l *log) checkChain(file string, number uint64, h segmentHeader) error {
	switch {
	case h.number != number:
		return corrupt(file, 24, "holds segment %d", h.number)
	case h.incarnation != l.incarnation:
		return corrupt(file, 16, "belongs to incarnation %016x, this server is %016x", h.incarnation, l.incarnation)
	case len(l.segments) > 0 && h.prevEnd != l.end:
		return corrupt(l.path(l.last().number), l.end, "bad record; the segment had records up to offset %d", h.prevEnd)
	}
	return nil
}

// cutTail zeroes what follows the last record of the last segment, if that is
// a torn write. It syncs in any case: a process that was killed may have left a
// record in the page cache only, which we must not count on before it is durable.
func (l *log) cutTail(content []byte, logger *slog.Logger) error {
	if tail := content[l.end:]; !allZero(tail) {
		file := l.path(l.last().number)
		if next, found := findRecord(content, place{l.incarnation, l.last().number, l.end}); found {
			return corrupt(file, l.end, "bad record, but a good one follows at offset %d", next)
		}
		logger.Warn("cut a write that a crash has torn", "file", file, "offset", l.end)
		if err := writeZeros(l.file, l.end, l.size); err != nil {
			return err
		}
	}
	return l.file.Sync()
}
