package kv

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"kvorum/raft"
)

// A snapshot is a header (magic, version, revision), then the records of the
// state, each after its length, and at last a record with their hash. Records
// are sorted by kind and then by key, but a session's replies follow their
// session. So equal states are equal bytes.

const (
	snapshotMagic   = "kvstate"
	snapshotVersion = 1
)

// snapshot writes a frozen state.
type snapshot struct{ state *state }

// WriteTo implements io.WriterTo. It holds one record in memory at a time.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	out := &byteCounter{w: w}
	rw := recordWriter{w: bufio.NewWriterSize(out, 1<<16)}
	rw.header(s.state.revision)
	rw.state(s.state)
	rw.record(appendUint64(append(rw.scratch, recordEnd), s.state.hash))
	err := rw.w.Flush() // bufio.Writer keeps the first error of all
	if err != nil {
		err = fmt.Errorf("kv: write a snapshot: %w", err)
	}
	return out.n, err
}

type byteCounter struct {
	w io.Writer
	n int64
}

func (c *byteCounter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

type recordWriter struct {
	w       *bufio.Writer
	scratch []byte // the record to write next
}

func (rw *recordWriter) header(revision raft.Index) {
	h := append([]byte(snapshotMagic), snapshotVersion)
	rw.w.Write(appendUint64(h, uint64(revision)))
}

// record writes b, which is scratch with the record in it. It reports whether
// there is any point in going on.
func (rw *recordWriter) record(b []byte) bool {
	rw.scratch = b[:0]
	rw.w.Write(binary.BigEndian.AppendUint32(rw.w.AvailableBuffer(), uint32(len(b))))
	_, err := rw.w.Write(b)
	return err == nil
}

func (rw *recordWriter) state(s *state) {
	s.clocks.Scan(func(at raft.Index, unixMilli int64) bool {
		return rw.record(appendClock(rw.scratch, at, unixMilli))
	})
	s.servers.Scan(func(id raft.ServerID, v Server) bool {
		return rw.record(appendServer(rw.scratch, id, v))
	})
	s.removed.Scan(func(id raft.ServerID, _ struct{}) bool {
		return rw.record(appendRemoved(rw.scratch, id))
	})
	s.sessions.Scan(func(_ uint64, v session) bool {
		ok := rw.record(appendSession(rw.scratch, v))
		for _, r := range v.replies {
			ok = ok && rw.record(appendReply(rw.scratch, v.id, r))
		}
		return ok
	})
	s.items.Scan(func(key string, i item) bool {
		return rw.record(appendItem(rw.scratch, key, i))
	})
}

// readState reads a whole snapshot. It reads to the end of r, where r may
// answer with an error of its own about all that it gave.
func readState(r io.Reader) (*state, error) {
	rr := recordReader{r: bufio.NewReaderSize(r, 1<<16)}
	s := newState()
	var err error
	if s.revision, err = rr.header(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for n := 1; ; n++ {
		record, err := rr.next()
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", n, err)
		}
		d := decoder{rest: record}
		k := d.byte()
		if k == recordEnd {
			return s, rr.end(d, s.hash)
		}
		if err := s.load(k, d); err != nil {
			return nil, fmt.Errorf("record %d: %w", n, err)
		}
	}
}

type recordReader struct {
	r      *bufio.Reader
	record bytes.Buffer
}

func (rr *recordReader) header() (raft.Index, error) {
	h := make([]byte, len(snapshotMagic)+1+8)
	if _, err := io.ReadFull(rr.r, h); err != nil {
		return 0, unexpectedEOF(err)
	}
	magic, version, revision := h[:len(snapshotMagic)], h[len(snapshotMagic)], h[len(snapshotMagic)+1:]
	if string(magic) != snapshotMagic {
		return 0, ErrMalformed
	}
	if version != snapshotVersion {
		return 0, fmt.Errorf("snapshot version %d: %w", version, ErrUnknown)
	}
	return raft.Index(binary.BigEndian.Uint64(revision)), nil
}

// next returns the next record, valid until the next call. Its memory grows
// with the bytes that arrive, so a damaged length costs no more than they do.
func (rr *recordReader) next() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(rr.r, length[:]); err != nil {
		return nil, unexpectedEOF(err)
	}
	rr.record.Reset()
	_, err := io.CopyN(&rr.record, rr.r, int64(binary.BigEndian.Uint32(length[:])))
	return rr.record.Bytes(), unexpectedEOF(err)
}

// end checks the last record, the hash of all others, and that nothing follows.
func (rr *recordReader) end(d decoder, hash uint64) error {
	want := d.uint64()
	if err := d.finish(); err != nil {
		return fmt.Errorf("last record: %w", err)
	}
	if want != hash {
		return fmt.Errorf("%w: the state's hash is %016x, the snapshot says %016x", ErrMalformed, hash, want)
	}
	switch _, err := rr.r.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: bytes after the last record", ErrMalformed)
}

func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// load adds a record of kind k, whose fields d holds, to the state.
func (s *state) load(k byte, d decoder) error {
	switch k {
	case recordClock:
		s.putClock(raft.Index(d.uint64()), int64(d.uint64()))
	case recordServer:
		s.putServer(raft.ServerID(d.string()), Server{Addr: d.string(), StayLearner: d.bool()})
	case recordRemoved:
		s.putRemoved(raft.ServerID(d.string()))
	case recordSession:
		s.putSession(session{id: d.uint64(), lastUse: raft.Index(d.uint64()), lowWater: d.uint64()})
	case recordReply:
		s.loadReply(&d)
	case recordItem:
		key := d.string()
		s.putItem(key, item{revision: raft.Index(d.uint64()), value: d.bytes()})
	default:
		return fmt.Errorf("record kind %d: %w", k, ErrUnknown)
	}
	return d.finish()
}

// loadReply adds a reply to its session, which must have come before it.
func (s *state) loadReply(d *decoder) {
	id, r := d.uint64(), reply{sequence: d.uint64(), result: d.bytes()}
	v, ok := s.sessions.Get(id)
	i, known := slices.BinarySearchFunc(v.replies, r.sequence, reply.compareSequence)
	if !ok || known {
		d.failed = true
		return
	}
	s.addReply(&v, i, r)
	s.putSession(v)
}
