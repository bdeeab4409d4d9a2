package wal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"kvorum/raft"
	"kvorum/raft/node"
)

// DefaultSegmentBytes is how long a segment grows before the next is begun.
const DefaultSegmentBytes = 16 << 20

// Options are what Open wants to know besides the folder.
type Options struct {
	// Name is the server's name. A folder keeps the name it was made with.
	Name string
	// Incarnation is for a new folder: 16 hexadecimal digits. Empty: random.
	Incarnation string
	// SegmentBytes is how long a segment grows before the next is begun, at
	// most 1 GiB; 0: DefaultSegmentBytes.
	SegmentBytes int64
	// Logger is told what start-up repaired, and every 2 seconds how far it has
	// come with the log or a snapshot; nil: nobody is.
	Logger *slog.Logger
}

// Store is the stable storage of one server. One goroutine calls Load, then
// Save, and owns the log; WriteSnapshot may be called by another, and the
// rest by any.
type Store struct {
	fs     FS
	dir    string
	lock   io.Closer
	logger *slog.Logger

	log    log   // owned by Save
	failed error // owned by Save: why nothing can be saved any more

	saved raft.Saved // until Load

	snapshots snapshots

	identityMu sync.Mutex // guards identity: any goroutine may ask for it
	identity   Identity
}

// Open opens the folder, and makes it where there is none. It reads and checks
// all of it, and repairs what a crash may have left. The error is ErrLocked,
// ErrOtherServer or ErrCorrupt, or comes from the file system; each names the
// folder or the file.
func Open(fsys FS, dir string, opts Options) (*Store, error) {
	if err := node.ValidateName(opts.Name); err != nil {
		return nil, fmt.Errorf("wal: name %q: %w", opts.Name, err)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("wal: create folder: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("wal: lock folder %s: %w", dir, err)
	}
	s := newStore(fsys, dir, lock, opts)
	if err := s.recover(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("wal: %w", err), s.Close())
	}
	return s, nil
}

func newStore(fsys FS, dir string, lock io.Closer, opts Options) *Store {
	s := &Store{fs: fsys, dir: dir, lock: lock, logger: opts.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.log = log{fs: fsys, dir: dir, segmentBytes: min(opts.SegmentBytes, 1<<30)}
	if s.log.segmentBytes == 0 {
		s.log.segmentBytes = DefaultSegmentBytes
	}
	s.snapshots = snapshots{fs: fsys, dir: dir, logger: s.logger}
	return s
}

// files are the names in the folder, sorted by kind.
type files struct {
	segments  []uint64 // ascending
	snapshots []raft.EntryID
	leftovers []string
}

func listFiles(fsys FS, dir string) (found files, err error) {
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return found, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tmpSuffix) || strings.HasPrefix(name, incomingPrefix) {
			found.leftovers = append(found.leftovers, filepath.Join(dir, name))
		} else if number, ok := parseSegmentName(name); ok {
			found.segments = append(found.segments, number)
		} else if id, ok := parseSnapshotName(name); ok {
			found.snapshots = append(found.snapshots, id)
		}
	}
	return found, nil
}

func (s *Store) recover(opts Options) error {
	found, err := listFiles(s.fs, s.dir)
	if err != nil {
		return err
	}
	for _, file := range found.leftovers {
		if err := s.fs.Remove(file); err != nil {
			return fmt.Errorf("remove what a crash has left: %w", err)
		}
	}
	identity, known, err := readIdentity(s.fs, s.dir)
	switch {
	case err != nil:
		return fmt.Errorf("read identity: %w", err)
	case !known:
		return s.create(found, opts)
	case identity.Name != opts.Name:
		return fmt.Errorf("%s: %w: it was made for %q, this server is %q", s.dir, ErrOtherServer, identity.Name, opts.Name)
	case len(found.segments) == 0:
		return corrupt(s.log.path(1), 0, "the log is missing")
	}
	s.identity = identity
	s.log.incarnation = identity.number()
	return s.replay(found)
}

// create makes a new folder: the first segment, then the identity, so that a
// folder with an identity has a log.
func (s *Store) create(found files, opts Options) error {
	if err := s.undoCreate(found); err != nil {
		return err
	}
	s.identity = Identity{Name: opts.Name, Incarnation: opts.Incarnation}
	if s.identity.Incarnation == "" {
		s.identity.Incarnation = newIncarnation()
	} else if !isHex(s.identity.Incarnation, 16) {
		return fmt.Errorf("incarnation %q: want 16 hexadecimal digits", opts.Incarnation)
	}
	if err := s.log.create(s.identity.number()); err != nil {
		return fmt.Errorf("create the log: %w", err)
	}
	if err := writeIdentity(s.fs, s.dir, s.identity); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return nil
}

// undoCreate removes an empty first segment, which is what a crash during
// create leaves. Anything more must have had an identity.
func (s *Store) undoCreate(found files) error {
	if len(found.segments) == 0 && len(found.snapshots) == 0 {
		return nil
	}
	missing := corrupt(filepath.Join(s.dir, identityName), 0, "there is data here, but no identity")
	if len(found.segments) != 1 || found.segments[0] != 1 || len(found.snapshots) > 0 {
		return missing
	}
	empty, err := s.log.isEmpty()
	if err != nil {
		return err
	}
	if !empty {
		return missing
	}
	return s.fs.Remove(s.log.path(1))
}

// replay reads log and snapshots and makes them agree.
func (s *Store) replay(found files) error {
	// What the last process renamed may not be durable yet.
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	meta, damage, err := s.snapshots.newestGood(found.snapshots)
	if err != nil {
		return fmt.Errorf("check snapshots: %w", err)
	}
	r, err := s.log.replayAll(found.segments, meta.LastIncludedIndex, s.logger)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := s.checkAgainst(r, meta, damage); err != nil {
		return err
	}
	if err := s.snapshots.adopt(found.snapshots, meta.ID()); err != nil {
		return fmt.Errorf("remove a damaged snapshot: %w", err)
	}
	if !r.contains(meta.ID()) {
		// A crash came between the snapshot and the log that follows from it.
		r.entries = nil
		s.log.install(meta.ID())
		if err := s.log.flush(); err != nil {
			return fmt.Errorf("reset the log: %w", err)
		}
	}
	s.saved = raft.Saved{HardState: r.hardState, Snapshot: meta, Entries: r.entries}
	return nil
}

// checkAgainst checks that the log goes on from the snapshot, and that both
// are of a server that was part of a cluster. A newer snapshot has the damage.
func (s *Store) checkAgainst(r *replay, meta raft.SnapshotMeta, damage error) error {
	switch {
	case meta.LastIncludedIndex < r.base && damage != nil:
		return fmt.Errorf("no earlier snapshot and log can take the place of one that is damaged: %w", damage)
	case meta.LastIncludedIndex < r.base:
		missing := s.snapshots.path(snapshotPrefix, raft.EntryID{Index: r.base})
		return corrupt(missing, 0, "the log begins after index %d, and there is no snapshot up to there", r.base)
	case meta.LastIncludedTerm > r.hardState.CurrentTerm:
		return corrupt(s.log.path(s.log.last().number), s.log.end,
			"the log ends in term %d, before the snapshot's term %d", r.hardState.CurrentTerm, meta.LastIncludedTerm)
	case s.identity.ClusterID == "" && (r.last() > 0 || r.hardState != raft.HardState{}):
		return corrupt(filepath.Join(s.dir, identityName), 0, "it names no cluster, but the log was used in one")
	}
	return nil
}

// Load returns what earlier runs saved. It is called once, before Save.
func (s *Store) Load() (raft.Saved, error) {
	saved := s.saved
	s.saved = raft.Saved{}
	if saved.Snapshot.LastIncludedIndex == 0 {
		saved.Snapshot = raft.Bootstrap(s.Identity().Voters...).Snapshot
	}
	return saved, nil
}

// Save makes the batches durable, in order, with one fsync for all of them; a
// batch with a snapshot needs one more before it. After an error nothing is
// known of what is durable: every later Save returns the same error, and the
// server must end.
func (s *Store) Save(batches []raft.Persist) error {
	if s.failed == nil {
		if err := s.save(batches); err != nil {
			s.failed = fmt.Errorf("wal: save: %w", err)
		}
	}
	return s.failed
}

func (s *Store) save(batches []raft.Persist) error {
	var discard raft.Index
	for _, b := range batches {
		if err := s.stage(b); err != nil {
			return err
		}
		discard = max(discard, b.Discard)
	}
	if discard == 0 {
		return s.log.flush()
	}
	previous, newest := s.snapshots.newestTwo()
	if discard > newest.Index {
		return fmt.Errorf("asked to discard up to entry %d, but the newest snapshot ends at %d", discard, newest.Index)
	}
	s.log.discard(discard)
	if err := s.log.flush(); err != nil {
		return err
	}
	// Should the newest snapshot turn out to be damaged, the one before it and
	// the log from there on can take its place.
	return s.log.remove(min(discard, previous.Index))
}

func (s *Store) stage(b raft.Persist) error {
	if b.HardState != nil {
		s.log.setHardState(*b.HardState)
	}
	if b.Snapshot != nil {
		// Once the snapshot has its name it is what a restart begins with: the
		// term it came in must be durable before.
		if err := s.log.flush(); err != nil {
			return err
		}
		if err := s.snapshots.install(*b.Snapshot); err != nil {
			return err
		}
		s.log.install(b.Snapshot.ID())
	}
	for _, e := range b.Entries {
		if err := s.log.append(e); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the folder back. It saves nothing: what Save returned for is durable.
func (s *Store) Close() error {
	return errors.Join(s.log.close(), s.snapshots.close(), s.lock.Close())
}
