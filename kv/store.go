package kv

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/tidwall/btree"

	"kvorum/raft"
)

// Store is the state machine: node.StateMachine on one side, where one
// goroutine applies the log, and reads from any goroutine on the other. Values
// that it returns are shared and must not be modified.
type Store struct {
	// mu guards state. Ownership would not do: a read would queue behind the
	// commands that the applying goroutine has in hand. Publishing a frozen state
	// after each command would do without a lock, but each command would then copy
	// the nodes on its way down the map. So readers share the lock for one lookup,
	// and whoever needs longer takes a frozen state out (View, Snapshot), for which
	// the lock must be exclusive, as freezing marks both copies.
	mu    sync.RWMutex
	state *state
	feed  feed
}

// New returns an empty store.
func New() *Store {
	return &Store{state: newState(), feed: feed{topics: make(map[Filter]*topic)}}
}

// Apply performs the command in e and returns its encoded Result. An entry
// without a command (a no-op, a change of membership) only moves Revision.
//
// It fails, and changes nothing, if it does not understand the command:
// errors.Is(err, ErrUnknown) says that a newer server proposed it. The server
// must then stop, because skipping the command would let its state diverge.
func (s *Store) Apply(e raft.Entry) ([]byte, error) {
	if len(e.Command) == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.state.revision = e.Index
		return nil, nil
	}
	c, err := Decode(e.Command)
	if err != nil {
		return nil, fmt.Errorf("kv: apply entry %d of term %d: %w", e.Index, e.Term, err)
	}
	result, changes := s.perform(e.Index, c)
	s.feed.publish(e.Index, changes)
	return result, nil
}

func (s *Store) perform(at raft.Index, c Command) (result []byte, changes []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.revision = at
	s.state.changes = s.state.changes[:0]
	result = s.state.apply(at, c)
	return result, s.state.changes
}

// Get returns what key holds and the revision of the write that made it so.
func (s *Store) Get(key string) (value []byte, revision raft.Index, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.state.items.Get(key)
	return i.value, i.revision, ok
}

// Revision returns the index of the last entry that Apply was given. It is
// behind the node's lastApplied where the entries since hold no command.
func (s *Store) Revision() raft.Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.revision
}

// Hash returns the hash of the whole state, and its Revision, at one moment.
// Servers that are equal in the second are equal in the first, or their states
// have diverged.
func (s *Store) Hash() (hash uint64, revision raft.Index) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.hash, s.state.revision
}

// Sessions returns how many sessions are open.
func (s *Store) Sessions() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.sessions.Len()
}

// Directory is who the servers are, by the log: what the Raft configuration is
// made to follow.
type Directory struct {
	Servers map[raft.ServerID]Server
	Removed map[raft.ServerID]bool // taken out on purpose: not to be added again by discovery
}

// Directory returns a copy of the directory.
func (s *Store) Directory() Directory {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := Directory{Servers: make(map[raft.ServerID]Server), Removed: make(map[raft.ServerID]bool)}
	s.state.servers.Scan(func(id raft.ServerID, v Server) bool {
		d.Servers[id] = v
		return true
	})
	s.state.removed.Scan(func(id raft.ServerID, _ struct{}) bool {
		d.Removed[id] = true
		return true
	})
	return d
}

// View returns the keys and values as they are now, in constant time.
func (s *Store) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return View{items: s.state.items.Copy(), revision: s.state.revision}
}

// View is the keys and values at one point in time. It blocks nobody, and may
// be read by many goroutines.
type View struct {
	items    *btree.Map[string, item]
	revision raft.Index
}

// Item is a key with what it holds.
type Item struct {
	Key      string
	Value    []byte
	Revision raft.Index // of the write that made the value
}

// Revision returns the index of the last entry applied before the view was taken.
func (v View) Revision() raft.Index { return v.revision }

// List returns the items whose keys begin with prefix, in the order of their
// bytes: from the first key after startAfter on (empty: from the first), and at
// most limit of them (0: all).
func (v View) List(prefix, startAfter string, limit int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		n := 0
		v.items.Ascend(max(prefix, startAfter), func(key string, i item) bool {
			if startAfter != "" && key <= startAfter {
				return true
			}
			if !strings.HasPrefix(key, prefix) {
				return false
			}
			n++
			return yield(Item{key, i.value, i.revision}) && n != limit
		})
	}
}

// Snapshot returns the whole state as it is now, in constant time, to be
// written by another goroutine while Apply goes on.
func (s *Store) Snapshot() io.WriterTo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &snapshot{s.state.freeze()}
}

// Restore replaces the whole state by that in a snapshot (Figure 13, rule 8). If
// it fails, the state is as it was. errors.Is(err, ErrUnknown) says that a newer
// server wrote the snapshot, ErrMalformed that it is damaged.
func (s *Store) Restore(r io.Reader) error {
	restored, err := readState(r)
	if err != nil {
		return fmt.Errorf("kv: restore a snapshot: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = restored
	s.feed.reset(restored.revision)
	return nil
}
