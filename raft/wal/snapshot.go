package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"kvorum/raft"
)

const (
	snapshotPrefix = "snapshot-"
	incomingPrefix = "incoming-"

	// keptSnapshots is two: a reader may be about to open the one before the
	// newest, and if the newest is damaged the other takes its place.
	keptSnapshots = 2
)

// snapshots are the snapshot files of a folder.
type snapshots struct {
	fs     FS
	dir    string
	logger *slog.Logger

	// mu guards the rest, and the names of the files. Save publishes snapshots
	// from the leader, WriteSnapshot its own, the transport opens and receives
	// them: each on its own goroutine.
	mu        sync.Mutex
	published []raft.EntryID // oldest first
	pending   []raft.EntryID // received whole, not yet asked for by Save
	partial   *partial       // being received; nil: none

	// receiving serializes ReceiveSnapshot. It is locked before all others.
	receiving sync.Mutex
}

func snapshotName(prefix string, id raft.EntryID) string {
	return fmt.Sprintf("%s%016x-%016x", prefix, uint64(id.Index), uint64(id.Term))
}

func parseSnapshotName(name string) (id raft.EntryID, ok bool) {
	n, err := fmt.Sscanf(name, snapshotPrefix+"%x-%x", &id.Index, &id.Term)
	return id, n == 2 && err == nil && name == snapshotName(snapshotPrefix, id)
}

func (s *snapshots) path(prefix string, id raft.EntryID) string {
	return filepath.Join(s.dir, snapshotName(prefix, id))
}

// WriteSnapshot stores state as the snapshot that meta describes, and returns
// the size of the file in bytes. Once it returns, the snapshot is durable, and
// the newest unless there is one with a later index. After an error the
// snapshots are as before; should a loss of power bring back the one that failed,
// it is whole. It may run beside Save, but not beside itself.
func (s *Store) WriteSnapshot(meta raft.SnapshotMeta, state io.WriterTo) (int64, error) {
	size, err := s.snapshots.write(meta, state)
	if err != nil {
		return 0, fmt.Errorf("wal: write snapshot at index %d: %w", meta.LastIncludedIndex, err)
	}
	return size, nil
}

func (s *snapshots) write(meta raft.SnapshotMeta, state io.WriterTo) (int64, error) {
	tmp := s.path(snapshotPrefix, meta.ID()) + tmpSuffix
	f, err := s.fs.Create(tmp)
	if err != nil {
		return 0, err
	}
	size, err := writeSnapshot(f, meta, state)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.publish(tmp, meta.ID())
	}
	if err != nil {
		return 0, errors.Join(err, s.removeIfThere(tmp))
	}
	return size, nil
}

// publish gives a synced file its name as the snapshot id, unless there is one
// at least as new, and removes what that makes unnecessary. After an error the
// file has its old name.
func (s *snapshots) publish(file string, id raft.EntryID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.published); n > 0 && s.published[n-1].Index >= id.Index {
		return s.fs.Remove(file)
	}
	name := s.path(snapshotPrefix, id)
	if err := s.fs.Rename(file, name); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return errors.Join(err, s.fs.Rename(name, file))
	}
	s.published = append(s.published, id)
	s.removeOld()
	return nil
}

// removeOld removes all but the newest snapshots. A file that stays behind
// costs space only, so a failure is logged and no more.
//
// Departure: Figure 13's rule 5 discards any snapshot with a smaller index; the
// one before the newest stays, for a reader that is about to open it.
func (s *snapshots) removeOld() {
	var old []string
	for len(s.published) > keptSnapshots {
		old = append(old, s.path(snapshotPrefix, s.published[0]))
		s.published = s.published[1:]
	}
	newest := s.published[len(s.published)-1]
	s.pending = slices.DeleteFunc(s.pending, func(id raft.EntryID) bool {
		if id.Index > newest.Index {
			return false
		}
		old = append(old, s.path(incomingPrefix, id))
		return true
	})
	for _, file := range old {
		if err := s.removeIfThere(file); err != nil {
			s.logger.Warn("an old snapshot stays", "file", file, "err", err)
		}
	}
}

func (s *snapshots) removeIfThere(file string) error {
	if err := s.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// install publishes a snapshot that was received and committed.
func (s *snapshots) install(meta raft.SnapshotMeta) error {
	id := meta.ID()
	s.mu.Lock()
	there, pending := slices.Contains(s.published, id), slices.Contains(s.pending, id)
	s.mu.Unlock()
	switch {
	case there:
		return nil
	case !pending:
		return fmt.Errorf("snapshot at index %d was not received", id.Index)
	}
	return s.publish(s.path(incomingPrefix, id), id)
}

// newestTwo returns the last entries of the newest snapshot and of the one
// before it; zero where there is none.
func (s *snapshots) newestTwo() (previous, newest raft.EntryID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.published); n > 0 {
		newest = s.published[n-1]
		if n > 1 {
			previous = s.published[n-2]
		}
	}
	return previous, newest
}

// OpenSnapshot opens the state in the snapshot that meta describes. Where
// io.EOF would come the reader returns ErrCorrupt instead if the checksum of
// the file is wrong. The error is fs.ErrNotExist if there is no such snapshot
// or it has made way for newer ones.
func (s *Store) OpenSnapshot(meta raft.SnapshotMeta) (io.ReadCloser, error) {
	r, got, err := openSnapshot(s.fs, s.snapshots.path(snapshotPrefix, meta.ID()), s.logger)
	if err != nil {
		return nil, fmt.Errorf("wal: open snapshot: %w", err)
	}
	if !sameMeta(got, meta) {
		return nil, errors.Join(corrupt(r.name, snapshotFixed, "holds another snapshot"), r.Close())
	}
	return r, nil
}

// ReaderAtCloser is an open file to send from.
type ReaderAtCloser interface {
	io.ReaderAt
	io.Closer
}

// OpenSnapshotFile opens the file of the snapshot that meta describes, as
// another server's ReceiveSnapshot takes it, and returns its size in bytes. The
// file stays readable when newer snapshots take its place. The error is
// fs.ErrNotExist as with OpenSnapshot.
func (s *Store) OpenSnapshotFile(meta raft.SnapshotMeta) (ReaderAtCloser, int64, error) {
	f, err := s.fs.Open(s.snapshots.path(snapshotPrefix, meta.ID()))
	if err != nil {
		return nil, 0, fmt.Errorf("wal: open snapshot file: %w", err)
	}
	size, err := f.Size()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// newestGood checks the snapshots, which it sorts, from the newest on, and
// returns the first good one; the zero meta means that there is none. The
// damage is that of the newest snapshot, if it is not the one returned.
func (s *snapshots) newestGood(ids []raft.EntryID) (meta raft.SnapshotMeta, damage, err error) {
	slices.SortFunc(ids, func(a, b raft.EntryID) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Term, b.Term))
	})
	for _, id := range slices.Backward(ids) {
		file := s.path(snapshotPrefix, id)
		meta, err := checkSnapshot(s.fs, file, s.logger)
		if err == nil && meta.ID() != id {
			err = corrupt(file, snapshotFixed, "holds the snapshot at index %d", meta.LastIncludedIndex)
		}
		if err == nil || !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion) {
			return meta, damage, err
		}
		if damage == nil {
			damage = err
		}
	}
	return raft.SnapshotMeta{}, damage, nil
}

// adopt makes newest the newest snapshot. Those after it are damaged, and not
// needed: they are removed, so that they are not mistaken for good ones.
func (s *snapshots) adopt(ids []raft.EntryID, newest raft.EntryID) error {
	for _, id := range ids {
		if id.Index <= newest.Index {
			s.published = append(s.published, id)
			continue
		}
		file := s.path(snapshotPrefix, id)
		s.logger.Warn("a snapshot is damaged; an earlier one and the log take its place", "file", file)
		if err := s.fs.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// close closes the file of a snapshot that is being received; the next start
// removes it.
func (s *snapshots) close() error {
	s.mu.Lock()
	p := s.partial
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.remove()
}
