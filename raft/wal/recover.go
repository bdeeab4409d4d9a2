package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/node"
)

// ErrNotEmpty means that the folder that was to be made holds something already.
var ErrNotEmpty = errors.New("folder is not empty: name another, or remove it if it is what an interrupted run has left")

// Reopen opens the folder of a server that ran before, whatever its name. Other
// than Open it makes nothing: without such a folder the error is fs.ErrNotExist.
func Reopen(fsys FS, dir string, logger *slog.Logger) (*Store, error) {
	id, found, err := readIdentity(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("wal: read identity: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("wal: %s: no server's folder: %w", dir, fs.ErrNotExist)
	}
	return Open(fsys, dir, Options{Name: id.Name, Logger: logger})
}

// Found makes the folder of a server, called name, that is a new cluster of one.
// Its log begins after the entry at, with state; clusterID names the cluster.
// The folder must be absent or empty, else the error is ErrNotEmpty.
//
// The identity comes last, and Open refuses a folder that holds data but no
// identity. So after a crash there is no such server, or all of it.
func Found(fsys FS, dir, name string, clusterID func(raft.ServerID) string, at raft.EntryID, state io.WriterTo) (Identity, error) {
	if err := node.ValidateName(name); err != nil {
		return Identity{}, fmt.Errorf("wal: name %q: %w", name, err)
	}
	id := Identity{Name: name, Incarnation: newIncarnation()}
	id.Voters = []raft.ServerID{id.ServerID()}
	id.ClusterID = clusterID(id.ServerID())
	meta := raft.SnapshotMeta{LastIncludedIndex: at.Index, LastIncludedTerm: at.Term,
		Config: raft.Configuration{Voters: id.Voters}}
	if err := found(fsys, dir, id, meta, state); err != nil {
		return Identity{}, fmt.Errorf("wal: make the folder %s: %w", dir, err)
	}
	return id, nil
}

func found(fsys FS, dir string, id Identity, meta raft.SnapshotMeta, state io.WriterTo) (err error) {
	if err := checkEmpty(fsys, dir); err != nil {
		return err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	s := newStore(fsys, dir, lock, Options{})
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := checkEmpty(fsys, dir); err != nil { // another may have been faster
		return err
	}
	if _, err := s.snapshots.write(meta, state); err != nil {
		return err
	}
	if err := s.log.create(id.number()); err != nil {
		return err
	}
	s.log.setHardState(raft.HardState{CurrentTerm: meta.LastIncludedTerm})
	s.log.install(meta.ID())
	if err := s.log.flush(); err != nil {
		return err
	}
	return writeIdentity(fsys, dir, id)
}

// checkEmpty returns ErrNotEmpty if the folder holds more than Open would clear away.
func checkEmpty(fsys FS, dir string) error {
	names, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.ContainsFunc(names, func(name string) bool { return name != "lock" && !strings.HasSuffix(name, tmpSuffix) }) {
		return ErrNotEmpty
	}
	return nil
}
