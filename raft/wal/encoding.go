package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"kvorum/raft"
)

// The kinds of items in a record; doc.go says what follows each.
const (
	itemHardState = 1 + iota
	itemCommand
	itemConfig
	itemReset
	itemHead
	itemDiscard
	itemEnd
)

// head is what a segment begins with: the hard state and the log's last index
// at that moment.
type head struct {
	hardState raft.HardState
	last      raft.Index
}

func appendHardState(b []byte, hs raft.HardState) []byte {
	b = binary.AppendUvarint(b, uint64(hs.CurrentTerm))
	return appendString(b, string(hs.VotedFor))
}

func appendHead(b []byte, h head) []byte {
	b = appendHardState(append(b, itemHead), h.hardState)
	return binary.AppendUvarint(b, uint64(h.last))
}

func appendEntry(b []byte, e raft.Entry) []byte {
	if e.Config == nil {
		b = appendEntryID(append(b, itemCommand), e.EntryID)
		return appendString(b, e.Command)
	}
	b = appendEntryID(append(b, itemConfig), e.EntryID)
	return appendConfiguration(b, *e.Config)
}

func appendEntryID(b []byte, id raft.EntryID) []byte {
	b = binary.AppendUvarint(b, uint64(id.Index))
	return binary.AppendUvarint(b, uint64(id.Term))
}

func appendConfiguration(b []byte, c raft.Configuration) []byte {
	for _, ids := range [][]raft.ServerID{c.Voters, c.Old, c.Learners} {
		b = binary.AppendUvarint(b, uint64(len(ids)))
		for _, id := range ids {
			b = appendString(b, string(id))
		}
	}
	return b
}

func appendReset(b []byte, index raft.Index) []byte {
	return binary.AppendUvarint(append(b, itemReset), uint64(index))
}

func appendDiscard(b []byte, index raft.Index) []byte {
	return binary.AppendUvarint(append(b, itemDiscard), uint64(index))
}

func appendMeta(b []byte, m raft.SnapshotMeta) []byte {
	return appendConfiguration(appendEntryID(b, m.ID()), m.Config)
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

var errTooShort = errors.New("ends in the middle of a value")

// decoder reads values from the front of b. After the first error it returns
// zero values, so that callers check err once.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errTooShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// string copies, so that a small value does not keep a whole segment in memory.
func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail(errTooShort)
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) kind() byte {
	if len(d.b) == 0 {
		d.fail(errTooShort)
		return 0
	}
	k := d.b[0]
	d.b = d.b[1:]
	return k
}

func (d *decoder) hardState() raft.HardState {
	return raft.HardState{CurrentTerm: raft.Term(d.uvarint()), VotedFor: raft.ServerID(d.string())}
}

func (d *decoder) head() head {
	return head{d.hardState(), raft.Index(d.uvarint())}
}

func (d *decoder) entryID() raft.EntryID {
	return raft.EntryID{Index: raft.Index(d.uvarint()), Term: raft.Term(d.uvarint())}
}

func (d *decoder) command() raft.Entry {
	e := raft.Entry{EntryID: d.entryID()}
	if p := d.bytes(); len(p) > 0 {
		e.Command = append([]byte(nil), p...)
	}
	return e
}

func (d *decoder) config() raft.Entry {
	e := raft.Entry{EntryID: d.entryID()}
	c := d.configuration()
	e.Config = &c
	return e
}

func (d *decoder) configuration() (c raft.Configuration) {
	for _, ids := range []*[]raft.ServerID{&c.Voters, &c.Old, &c.Learners} {
		// A server takes a byte at least, which bounds what n can make us do.
		for n := d.uvarint(); n > 0 && d.err == nil; n-- {
			*ids = append(*ids, raft.ServerID(d.string()))
		}
	}
	return c
}

func (d *decoder) meta() raft.SnapshotMeta {
	id := d.entryID()
	return raft.SnapshotMeta{LastIncludedIndex: id.Index, LastIncludedTerm: id.Term, Config: d.configuration()}
}

// items is who wants to know what a record says.
type items interface {
	head(head) error
	setHardState(raft.HardState) error
	entry(raft.Entry) error
	reset(raft.Index) error
	discard(raft.Index) error
	end() error
}

// decodeRecord calls to for each item of the payload, in order.
func decodeRecord(payload []byte, to items) error {
	d := &decoder{b: payload}
	for len(d.b) > 0 {
		if err := decodeItem(d, to); err != nil {
			return err
		}
	}
	return d.err
}

func decodeItem(d *decoder, to items) error {
	switch kind := d.kind(); kind {
	case itemHead:
		return pass(d, d.head(), to.head)
	case itemHardState:
		return pass(d, d.hardState(), to.setHardState)
	case itemCommand:
		return pass(d, d.command(), to.entry)
	case itemConfig:
		return pass(d, d.config(), to.entry)
	case itemReset:
		return pass(d, raft.Index(d.uvarint()), to.reset)
	case itemDiscard:
		return pass(d, raft.Index(d.uvarint()), to.discard)
	case itemEnd:
		return to.end()
	default:
		return fmt.Errorf("unknown item %d", kind)
	}
}

func pass[T any](d *decoder, v T, to func(T) error) error {
	if d.err != nil {
		return d.err
	}
	return to(v)
}
