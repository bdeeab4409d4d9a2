package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

const (
	formatVersion    = 1 // of segments, snapshots and the identity
	recordHeaderSize = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// place is where a record stands. Its checksum covers the place, so that the
// same bytes are not a record anywhere else.
type place struct {
	incarnation uint64
	segment     uint64
	offset      int64
}

func (p place) checksum(header []byte) uint32 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], p.incarnation)
	binary.LittleEndian.PutUint64(b[8:], p.segment)
	binary.LittleEndian.PutUint64(b[16:], uint64(p.offset))
	return crc32.Update(checksum(b[:]), castagnoli, header[:8])
}

// sealRecord fills in the header that record has left room for.
func sealRecord(record []byte, at place) {
	payload := record[recordHeaderSize:]
	binary.LittleEndian.PutUint32(record[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(record[4:], checksum(payload))
	binary.LittleEndian.PutUint32(record[8:], at.checksum(record))
}

// openRecord returns the payload of the record that content has at its place,
// and false if there is no good record.
func openRecord(content []byte, at place) (payload []byte, ok bool) {
	if at.offset+recordHeaderSize > int64(len(content)) {
		return nil, false
	}
	header := content[at.offset:]
	length := int64(binary.LittleEndian.Uint32(header[0:]))
	// Most places hold zeros: look at the length before computing checksums.
	if length == 0 || length > int64(len(header)-recordHeaderSize) ||
		binary.LittleEndian.Uint32(header[8:]) != at.checksum(header) {
		return nil, false
	}
	payload = header[recordHeaderSize : recordHeaderSize+length]
	return payload, binary.LittleEndian.Uint32(header[4:]) == checksum(payload)
}

// findRecord returns the first offset past at that holds a good record, and
// false if there is none.
func findRecord(content []byte, at place) (int64, bool) {
	for at.offset++; at.offset < int64(len(content)); at.offset++ {
		if _, ok := openRecord(content, at); ok {
			return at.offset, true
		}
	}
	return 0, false
}

// allZero reports whether nothing was ever written to p.
func allZero(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(zeros))
		if !bytes.Equal(p[:n], zeros[:n]) {
			return false
		}
		p = p[n:]
	}
	return true
}

var zeros [64 << 10]byte
