package backup

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

// What Survivor.Lost says no to.
var (
	// ErrQuorum means that the servers that are not lost are enough.
	ErrQuorum = errors.New("the others are a quorum: start them, and nothing is lost")
	// ErrNotMember means that a server is not in the latest configuration.
	ErrNotMember = errors.New("not in the configuration")
	// ErrSelf means that the survivor itself was named.
	ErrSelf = errors.New("that is the server which is to be recovered")
)

// Survivor is what a server has left of a cluster that lost its quorum for good.
// All of its log counts: what was acknowledged is somewhere in the logs of a
// majority, and nobody is left to tell how much of this one that is.
type Survivor struct {
	Identity wal.Identity
	Snapshot raft.EntryID       // the last entry that its snapshot covers
	Last     raft.EntryID       // the last entry of its log
	Config   raft.Configuration // the latest in its log
	storage  *wal.Store
	state    *kv.Store
}

// OpenSurvivor opens the folder of a server that does not run. It changes no more
// there than a start of the server would. Errors: fs.ErrNotExist if there is none,
// those of wal.Open, kv.ErrUnknown.
func OpenSurvivor(fsys wal.FS, dir string, log *slog.Logger) (*Survivor, error) {
	storage, err := wal.Reopen(fsys, dir, log)
	if err != nil {
		return nil, err
	}
	s := &Survivor{Identity: storage.Identity(), storage: storage, state: kv.New()}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, storage.Close())
	}
	return s, nil
}

// load brings the state to where the log ends.
func (s *Survivor) load() error {
	saved, err := s.storage.Load()
	if err != nil {
		return err
	}
	s.Snapshot, s.Config = saved.Snapshot.ID(), saved.Snapshot.Config
	if s.Last = s.Snapshot; s.Last.Index > 0 {
		r, err := s.storage.OpenSnapshot(saved.Snapshot)
		if err != nil {
			return err
		}
		if err := errors.Join(s.state.Restore(r), r.Close()); err != nil {
			return err
		}
	}
	for _, e := range saved.Entries {
		if e.Index <= s.Last.Index {
			continue // the snapshot holds its effect
		}
		if _, err := s.state.Apply(e); err != nil {
			return err
		}
		if s.Last = e.EntryID; e.Config != nil {
			s.Config = *e.Config
		}
	}
	return nil
}

// Close gives the folder back.
func (s *Survivor) Close() error { return s.storage.Close() }

// Keys returns how many keys there are where the log ends.
func (s *Survivor) Keys() int { return s.state.Len() }

// Address returns where clients and peers found the server; empty: not known.
func (s *Survivor) Address(id raft.ServerID) string { return s.state.Directory().Servers[id].Addr }

// Lost returns the servers that are lost, given their names or full ids. It says
// no where this is not the folder to recover from, or there is nothing to
// recover: the errors are ErrQuorum, ErrNotMember and ErrSelf.
func (s *Survivor) Lost(names []string) (lost []raft.ServerID, err error) {
	members, self := s.Config.Servers(), s.Identity.ServerID()
	if !slices.Contains(members, self) {
		return nil, fmt.Errorf("%s: %w, as far as its own log goes: recover another server", self, ErrNotMember)
	}
	for _, name := range names {
		known := false
		for _, id := range members {
			if node.Name(id) != name && string(id) != name {
				continue
			}
			if id == self {
				return nil, fmt.Errorf("%s: %w", name, ErrSelf)
			}
			known, lost = true, append(lost, id)
		}
		if !known {
			return nil, fmt.Errorf("%s: %w", name, ErrNotMember)
		}
	}
	if c := s.Config; hasMajority(c.Voters, lost) && (!c.Joint() || hasMajority(c.Old, lost)) {
		return nil, ErrQuorum
	}
	return lost, nil
}

// hasMajority reports whether the voters without the lost ones are a majority.
func hasMajority(voters, lost []raft.ServerID) bool {
	left := 0
	for _, id := range voters {
		if !slices.Contains(lost, id) {
			left++
		}
	}
	return left > len(voters)/2
}

// Recover makes dir the folder of a server of the same name that is a new cluster
// of one, with all that this server has. The old folder stays as it is, so that
// it can be done again, or from another survivor. It is called once. Errors:
// wal.ErrNotEmpty, those of the file system.
func (s *Survivor) Recover(fsys wal.FS, dir string) (wal.Identity, error) {
	return found(fsys, dir, s.Identity.Name, s.state, s.Last)
}
