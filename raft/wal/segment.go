package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft"
)

const (
	segmentMagic      = "kvorumWL"
	segmentHeaderSize = 48
	segmentPrefix     = "log-"
	tmpSuffix         = ".tmp"
)

// segment is one file of the log.
type segment struct {
	number uint64
	last   raft.Index // the log's last index when the segment ended: no entry after it is in the file
}

func segmentName(number uint64) string { return fmt.Sprintf("%s%016x", segmentPrefix, number) }

func parseSegmentName(name string) (number uint64, ok bool) {
	hex, found := strings.CutPrefix(name, segmentPrefix)
	number, err := strconv.ParseUint(hex, 16, 64)
	return number, found && err == nil && name == segmentName(number)
}

// segmentHeader is the start of a segment file.
type segmentHeader struct {
	incarnation uint64
	number      uint64
	prevEnd     int64 // where the records of the previous segment end
	size        int64 // in bytes; the file was made that long
}

func (h segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderSize)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(h.size))
	binary.LittleEndian.PutUint64(b[16:], h.incarnation)
	binary.LittleEndian.PutUint64(b[24:], h.number)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.prevEnd))
	binary.LittleEndian.PutUint32(b[44:], checksum(b[:44]))
	return b
}

func decodeSegmentHeader(file string, b []byte) (h segmentHeader, err error) {
	if len(b) < segmentHeaderSize || string(b[:8]) != segmentMagic ||
		binary.LittleEndian.Uint32(b[44:]) != checksum(b[:44]) {
		return h, corrupt(file, 0, "damaged segment header")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != formatVersion {
		return h, unknownVersion(file, 8, v)
	}
	h = segmentHeader{
		incarnation: binary.LittleEndian.Uint64(b[16:]),
		number:      binary.LittleEndian.Uint64(b[24:]),
		prevEnd:     int64(binary.LittleEndian.Uint64(b[32:])),
		size:        int64(binary.LittleEndian.Uint32(b[12:])),
	}
	if int64(len(b)) < h.size {
		return h, corrupt(file, int64(len(b)), "the file is cut short: it was made with %d bytes", h.size)
	}
	return h, nil
}

// createSegment creates a segment that begins with head, durably: a crash
// leaves all of it or nothing. It returns the file and where the head ends.
func createSegment(fs FS, dir string, h segmentHeader, begin head) (File, int64, error) {
	name := filepath.Join(dir, segmentName(h.number))
	f, err := fs.Create(name + tmpSuffix)
	if err != nil {
		return nil, 0, err
	}
	end, err := beginSegment(f, h, begin)
	if err == nil {
		err = fs.Rename(name+tmpSuffix, name)
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, end, nil
}

func beginSegment(f File, h segmentHeader, begin head) (end int64, err error) {
	record := appendHead(make([]byte, recordHeaderSize), begin)
	sealRecord(record, place{h.incarnation, h.number, segmentHeaderSize})
	content := append(h.encode(), record...)
	end = int64(len(content))
	if _, err := f.WriteAt(content, 0); err != nil {
		return 0, err
	}
	// The last byte gives the file its length: one that is shorter was cut.
	if h.size > end {
		if _, err := f.WriteAt(zeros[:1], h.size-1); err != nil {
			return 0, err
		}
	}
	return end, f.Sync()
}

// endSegment writes into a segment, durably, that the log goes on in the next.
// Without it nothing would tell that the newest segment is lost.
func endSegment(f File, at place) error {
	record := append(make([]byte, recordHeaderSize), itemEnd)
	sealRecord(record, at)
	if _, err := f.WriteAt(record, at.offset); err != nil {
		return err
	}
	return f.Sync()
}

// writeZeros fills the file with zeros from lo up to, not including, hi.
func writeZeros(f File, lo, hi int64) error {
	for lo < hi {
		n, err := f.WriteAt(zeros[:min(hi-lo, int64(len(zeros)))], lo)
		if err != nil {
			return err
		}
		lo += int64(n)
	}
	return nil
}

// readFile returns the whole content of an open file, in buffer if that is
// large enough.
func readFile(f File, buffer []byte) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := slices.Grow(buffer[:0], int(size))[:size]
	if n, err := f.ReadAt(b, 0); int64(n) < size {
		return nil, err
	}
	return b, nil
}
