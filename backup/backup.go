// Package backup makes new clusters of the state of old ones: of a backup, or of
// what one server has left of a cluster that lost its quorum for good. Both work
// on files alone, while no server runs on them.
//
// A new cluster has a new id, so no server of the old one can ever be mistaken
// for a part of it, and starts with one server, which others join. It has the
// keys with their values and revisions. It has no sessions: what they had been
// answered may be a part of what was lost.
//
// Its log goes on a long way after the old one's end, so that no revision and
// no session stands for one thing here and another there. Else a client that
// remembers revision 105 of the old cluster could find that a key still has it,
// although it is another write; or that session 105 is now somebody else's.
package backup

import (
	"errors"

	"kvorum/discovery"
	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/wal"
)

// Gap is how many entries lie between the log of the old cluster, as far as it is
// known here, and that of the new one: more than could have been lost.
const Gap raft.Index = 1_000_000_000_000

// Info is what a backup holds.
type Info struct {
	Last  raft.EntryID // the last entry whose effect is in it
	Keys  int
	Bytes int64 // of the file
}

// Check reads a backup and checks all of it. It needs little memory. Errors:
// wal.ErrCorrupt if it is damaged or not a backup, those of the file system.
func Check(file string) (Info, error) {
	b, err := wal.OpenBackup(file)
	if err != nil {
		return Info{}, err
	}
	keys, err := kv.CountKeys(b)
	if err := errors.Join(err, b.Close()); err != nil {
		return Info{}, err
	}
	return Info{b.Meta.ID(), keys, b.Size}, nil
}

// Restore makes dir the folder of a server, called name, that is a new cluster of
// one with the keys of the backup. All of that is read and checked before
// anything is made; dir is then made whole, or is not the folder of a server.
// Errors: wal.ErrCorrupt, wal.ErrNotEmpty, those of the file system.
func Restore(fsys wal.FS, file, dir, name string) (Info, wal.Identity, error) {
	b, err := wal.OpenBackup(file)
	if err != nil {
		return Info{}, wal.Identity{}, err
	}
	state := kv.New()
	err = state.Restore(b)
	if err := errors.Join(err, b.Close()); err != nil {
		return Info{}, wal.Identity{}, err
	}
	id, err := found(fsys, dir, name, state, b.Meta.ID())
	return Info{b.Meta.ID(), state.Len(), b.Size}, id, err
}

// found makes a new cluster of one, with the keys in state as of the entry last.
func found(fsys wal.FS, dir, name string, state *kv.Store, last raft.EntryID) (wal.Identity, error) {
	state.StartOver()
	last.Index += Gap
	return wal.Found(fsys, dir, name, func(self raft.ServerID) string {
		return discovery.ClusterID([]raft.ServerID{self})
	}, last, state.Snapshot())
}
