package kv

import (
	"fmt"

	"kvorum/raft"
)

const commandVersion = 1

// kind is the second byte of an encoded command. The numbers are in every log
// and never change; a new command takes a new one.
type kind byte

const (
	kindSet           kind = 1
	kindDelete        kind = 2
	kindCompareAndSet kind = 3
	kindOpenSession   kind = 4
	kindCloseSession  kind = 5
	kindPutServer     kind = 6
	kindRemoveServer  kind = 7
	kindClock         kind = 8
)

const (
	expectAbsent   = 1
	expectValue    = 2
	expectRevision = 3
)

// Encode returns the bytes of c, for a log entry. It panics if a
// CompareAndSet expects nothing.
func Encode(c Command) []byte {
	b := []byte{commandVersion}
	switch c := c.(type) {
	case Set:
		b = appendOnce(append(b, byte(kindSet)), c.Once)
		b = appendBytes(b, c.Key)
		return appendBytes(b, c.Value)
	case Delete:
		b = appendOnce(append(b, byte(kindDelete)), c.Once)
		return appendBytes(b, c.Key)
	case CompareAndSet:
		b = appendOnce(append(b, byte(kindCompareAndSet)), c.Once)
		b = appendBytes(b, c.Key)
		b = appendExpected(b, c.Expected)
		return appendBytes(b, c.Value)
	case OpenSession:
		return append(b, byte(kindOpenSession))
	case CloseSession:
		return appendUint64(append(b, byte(kindCloseSession)), c.Session)
	case PutServer:
		b = appendBytes(append(b, byte(kindPutServer)), string(c.ID))
		b = appendBytes(b, c.Addr)
		return appendBool(appendBool(b, c.StayLearner), c.Readmit)
	case RemoveServer:
		return appendBytes(append(b, byte(kindRemoveServer)), string(c.ID))
	case Clock:
		return appendUint64(append(b, byte(kindClock)), uint64(c.UnixMilli))
	}
	panic(fmt.Sprintf("kv: encode a command of type %T", c))
}

func appendOnce(b []byte, o *Once) []byte {
	b = appendBool(b, o != nil)
	if o == nil {
		return b
	}
	b = appendUint64(b, o.Session)
	b = appendUint64(b, o.Sequence)
	return appendUint64(b, o.FirstUnacked)
}

func appendExpected(b []byte, e Expected) []byte {
	switch e := e.(type) {
	case Absent:
		return append(b, expectAbsent)
	case HasValue:
		return appendBytes(append(b, expectValue), []byte(e))
	case AtRevision:
		return appendUint64(append(b, expectRevision), uint64(e))
	}
	panic(fmt.Sprintf("kv: encode an expected state of type %T", e))
}

// Decode reads what Encode wrote; nothing in the command aliases b. It fails
// with ErrUnknown if a later version of kvorum wrote b, and with ErrMalformed
// if nobody did.
func Decode(b []byte) (Command, error) {
	d := decoder{rest: b}
	version, k := d.byte(), kind(d.byte())
	if !d.failed && version != commandVersion {
		return nil, fmt.Errorf("kv: command version %d: %w", version, ErrUnknown)
	}
	c, known := d.command(k)
	if !d.failed && !known {
		return nil, fmt.Errorf("kv: command kind %d: %w", k, ErrUnknown)
	}
	if err := d.finish(); err != nil {
		return nil, fmt.Errorf("kv: decode command of kind %d: %w", k, err)
	}
	return c, nil
}

// command reads the fields of one command, in the order they are written in.
func (d *decoder) command(k kind) (c Command, known bool) {
	switch k {
	case kindSet:
		c = Set{Once: d.once(), Key: d.string(), Value: d.bytes()}
	case kindDelete:
		c = Delete{Once: d.once(), Key: d.string()}
	case kindCompareAndSet:
		c = CompareAndSet{Once: d.once(), Key: d.string(), Expected: d.expected(), Value: d.bytes()}
	case kindOpenSession:
		c = OpenSession{}
	case kindCloseSession:
		c = CloseSession{Session: d.uint64()}
	case kindPutServer:
		c = PutServer{ID: raft.ServerID(d.string()), Addr: d.string(), StayLearner: d.bool(), Readmit: d.bool()}
	case kindRemoveServer:
		c = RemoveServer{ID: raft.ServerID(d.string())}
	case kindClock:
		c = Clock{UnixMilli: int64(d.uint64())}
	}
	return c, c != nil
}

func (d *decoder) once() *Once {
	if !d.bool() {
		return nil
	}
	return &Once{Session: d.uint64(), Sequence: d.uint64(), FirstUnacked: d.uint64()}
}

func (d *decoder) expected() Expected {
	switch d.byte() {
	case expectAbsent:
		return Absent{}
	case expectValue:
		return HasValue(d.bytes())
	case expectRevision:
		return AtRevision(d.uint64())
	}
	d.failed = true
	return Absent{}
}
