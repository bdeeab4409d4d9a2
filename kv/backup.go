package kv

import (
	"bufio"
	"fmt"
	"io"
)

// CountKeys reads a snapshot to its end and returns how many keys it holds. It
// checks the hash of all records, but not what they say, and has one of them in
// memory at a time. Errors: as of Store.Restore.
func CountKeys(r io.Reader) (keys int, err error) {
	rr := recordReader{r: bufio.NewReaderSize(r, 1<<16)}
	if _, err := rr.header(); err != nil {
		return 0, fmt.Errorf("kv: read a snapshot: header: %w", err)
	}
	var hash uint64
	for {
		record, err := rr.next()
		if err != nil {
			return 0, fmt.Errorf("kv: read a snapshot: after %d keys: %w", keys, err)
		}
		d := decoder{rest: record}
		switch d.byte() {
		case recordEnd:
			return keys, rr.end(d, hash)
		case recordItem:
			keys++
		}
		hash += hashRecord(record)
	}
}

// StartOver leaves the keys with their values and revisions, and forgets all that
// belongs to the cluster they come from: its servers, its clock, its sessions. A
// session does not outlive its cluster, because another can not know which
// writes it has been answered for.
func (s *Store) StartOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := newState()
	fresh.revision = s.state.revision
	s.state.items.Scan(func(key string, i item) bool {
		fresh.putItem(key, i)
		return true
	})
	s.state = fresh
}

// Len returns how many keys there are.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.items.Len()
}
