package kv

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/tidwall/btree"

	"kvorum/raft"
)

// state is everything that the log determines. The maps are ordered and
// copy-on-write: frozen copies share their nodes.
type state struct {
	revision raft.Index                    // the last entry applied
	clocks   *btree.Map[raft.Index, int64] // what moved the clock in the last SessionTTL: entry -> ms since 1970
	items    *btree.Map[string, item]
	servers  *btree.Map[raft.ServerID, Server]
	removed  *btree.Map[raft.ServerID, struct{}]
	sessions *btree.Map[uint64, session]
	byUse    *btree.Map[raft.Index, uint64] // session.lastUse -> its id; follows from sessions

	// hash is the sum of the hashes of the records that a snapshot of this
	// state consists of. A sum does not depend on the order of its terms, so
	// each change adds and subtracts only the records that it touches.
	hash    uint64
	scratch []byte // the record that is being hashed

	changes []Change // by the command that was last applied; no part of the state
}

// item is what a key holds. The value is never modified in place: snapshots
// and readers share it.
type item struct {
	value    []byte
	revision raft.Index // of the write
}

// Server is an entry of the directory.
type Server struct {
	Addr        string // host:port of its gRPC service
	StayLearner bool   // never promote it to voter
}

func newState() *state {
	return &state{
		clocks:   new(btree.Map[raft.Index, int64]),
		items:    new(btree.Map[string, item]),
		servers:  new(btree.Map[raft.ServerID, Server]),
		removed:  new(btree.Map[raft.ServerID, struct{}]),
		sessions: new(btree.Map[uint64, session]),
		byUse:    new(btree.Map[raft.Index, uint64]),
	}
}

// freeze returns a copy to read from, in constant time. It changes s too,
// whose next writes have to copy the nodes that are now shared.
func (s *state) freeze() *state {
	return &state{
		revision: s.revision,
		clocks:   s.clocks.Copy(),
		items:    s.items.Copy(),
		servers:  s.servers.Copy(),
		removed:  s.removed.Copy(),
		sessions: s.sessions.Copy(),
		hash:     s.hash,
	}
}

// The records. Their first byte is a number that never changes.
const (
	recordClock   = 1
	recordServer  = 2
	recordRemoved = 3
	recordSession = 4
	recordReply   = 5
	recordItem    = 6
	recordEnd     = 7
)

func appendClock(b []byte, at raft.Index, unixMilli int64) []byte {
	b = appendUint64(append(b, recordClock), uint64(at))
	return appendUint64(b, uint64(unixMilli))
}

func appendServer(b []byte, id raft.ServerID, v Server) []byte {
	b = appendBytes(append(b, recordServer), string(id))
	b = appendBytes(b, v.Addr)
	return appendBool(b, v.StayLearner)
}

func appendRemoved(b []byte, id raft.ServerID) []byte {
	return appendBytes(append(b, recordRemoved), string(id))
}

func appendItem(b []byte, key string, i item) []byte {
	b = appendBytes(append(b, recordItem), key)
	b = appendUint64(b, uint64(i.revision))
	return appendBytes(b, i.value)
}

// hashRecord returns the first 64 bits of the record's SHA-256: equal on every
// machine, and no two records cancel out in a sum by some regularity of theirs.
func hashRecord(record []byte) uint64 {
	sum := sha256.Sum256(record)
	return binary.BigEndian.Uint64(sum[:])
}

// add counts a record in. It is given scratch with the record in it.
func (s *state) add(record []byte) {
	s.hash += hashRecord(record)
	s.scratch = record[:0]
}

// subtract counts a record out. It is given scratch with the record in it.
func (s *state) subtract(record []byte) {
	s.hash -= hashRecord(record)
	s.scratch = record[:0]
}

func (s *state) putClock(at raft.Index, unixMilli int64) {
	if old, existed := s.clocks.Set(at, unixMilli); existed {
		s.subtract(appendClock(s.scratch, at, old))
	}
	s.add(appendClock(s.scratch, at, unixMilli))
}

func (s *state) deleteClock(at raft.Index) {
	if old, existed := s.clocks.Delete(at); existed {
		s.subtract(appendClock(s.scratch, at, old))
	}
}

func (s *state) putItem(key string, i item) {
	if old, existed := s.items.Set(key, i); existed {
		s.subtract(appendItem(s.scratch, key, old))
	}
	s.add(appendItem(s.scratch, key, i))
}

func (s *state) deleteItem(key string) (existed bool) {
	old, existed := s.items.Delete(key)
	if existed {
		s.subtract(appendItem(s.scratch, key, old))
	}
	return existed
}

func (s *state) putServer(id raft.ServerID, v Server) {
	if old, existed := s.servers.Set(id, v); existed {
		s.subtract(appendServer(s.scratch, id, old))
	}
	s.add(appendServer(s.scratch, id, v))
}

func (s *state) deleteServer(id raft.ServerID) (existed bool) {
	old, existed := s.servers.Delete(id)
	if existed {
		s.subtract(appendServer(s.scratch, id, old))
	}
	return existed
}

func (s *state) putRemoved(id raft.ServerID) {
	if _, existed := s.removed.Set(id, struct{}{}); !existed {
		s.add(appendRemoved(s.scratch, id))
	}
}

func (s *state) deleteRemoved(id raft.ServerID) {
	if _, existed := s.removed.Delete(id); existed {
		s.subtract(appendRemoved(s.scratch, id))
	}
}
