package kv

import (
	"encoding/binary"
	"errors"
)

// The encoding of commands, results and snapshots: numbers are big-endian and
// of fixed width, strings and bytes follow their length, a bool is 0 or 1. A
// value has one encoding only, so equal values are equal bytes.

var (
	// ErrUnknown is an encoding that a later version of kvorum must have
	// written: a kind or a version that this one does not know. Upgrade this server.
	ErrUnknown = errors.New("not known to this version of kvorum: upgrade this server")
	// ErrMalformed is an encoding that no version of kvorum has written: damage, or a bug.
	ErrMalformed = errors.New("malformed")
)

func appendUint64(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendBytes[T string | []byte](b []byte, v T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
	return append(b, v...)
}

// decoder takes fields off the front of rest. After the first that is not
// there it has failed, and all further ones are zero; finish tells.
type decoder struct {
	rest   []byte
	failed bool
}

// take returns the next n bytes, or nil.
func (d *decoder) take(n int) []byte {
	if d.failed || n > len(d.rest) {
		d.failed = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) bool() bool {
	b := d.byte()
	d.failed = d.failed || b > 1
	return b == 1
}

// counted returns the bytes that follow their length, still part of the input.
func (d *decoder) counted() []byte {
	b := d.take(4)
	if b == nil {
		return nil
	}
	return d.take(int(binary.BigEndian.Uint32(b)))
}

// bytes returns a copy, nil where empty: what is decoded must not keep the
// input alive, which may be a log entry or a whole network frame.
func (d *decoder) bytes() []byte { return append([]byte(nil), d.counted()...) }

func (d *decoder) string() string { return string(d.counted()) }

// finish reports whether all fields were there and nothing came after them.
func (d *decoder) finish() error {
	if d.failed || len(d.rest) > 0 {
		return ErrMalformed
	}
	return nil
}
