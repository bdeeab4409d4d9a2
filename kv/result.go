package kv

import (
	"fmt"

	"kvorum/raft"
)

// Status tells whether a command was performed.
type Status uint8

const (
	// OK: the command was performed, now or at an earlier attempt of the same Once.
	OK Status = iota
	// SessionExpired: the command's session is not known, or not any more. This
	// attempt changed nothing. The client cannot learn what became of earlier ones.
	SessionExpired
	// SequenceStale: the command's sequence is below those whose replies are
	// kept. This attempt changed nothing.
	SequenceStale
)

func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case SessionExpired:
		return "session expired"
	case SequenceStale:
		return "sequence stale"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Result is the answer to a command. Which fields it fills is said at each
// command; the rest are zero. Apply returns it encoded, for DecodeResult.
type Result struct {
	Status   Status
	Revision raft.Index // of the entry that held the command, where not said otherwise
	Existed  bool
	Swapped  bool
	Value    []byte
}

const resultVersion = 1

func (r Result) encode() []byte {
	b := make([]byte, 0, 1+1+8+1+1+4+len(r.Value))
	b = append(b, resultVersion, byte(r.Status))
	b = appendUint64(b, uint64(r.Revision))
	b = appendBool(b, r.Existed)
	b = appendBool(b, r.Swapped)
	return appendBytes(b, r.Value)
}

// DecodeResult reads what Apply returned. It fails with ErrUnknown if a later
// version of kvorum wrote it, and with ErrMalformed if nobody did.
func DecodeResult(b []byte) (Result, error) {
	d := decoder{rest: b}
	if v := d.byte(); !d.failed && v != resultVersion {
		return Result{}, fmt.Errorf("kv: result version %d: %w", v, ErrUnknown)
	}
	r := Result{
		Status:   Status(d.byte()),
		Revision: raft.Index(d.uint64()),
		Existed:  d.bool(),
		Swapped:  d.bool(),
		Value:    d.bytes(),
	}
	if err := d.finish(); err != nil {
		return Result{}, fmt.Errorf("kv: decode result: %w", err)
	}
	return r, nil
}
