package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"kvorum/raft"
)

// Backup is a copy of a snapshot file, outside of any server's folder.
type Backup struct {
	Meta raft.SnapshotMeta
	Size int64 // of the file, in bytes
	r    *snapshotReader
}

// OpenBackup checks a copy of a snapshot file, all of it, and opens it to read. The
// error is ErrCorrupt if it is damaged, or comes from the file system. The check
// comes first because damaged state may look like that of a later version.
func OpenBackup(name string) (*Backup, error) {
	silent := slog.New(slog.DiscardHandler)
	_, err := checkSnapshot(readOnlyFS{}, name, silent)
	if err != nil {
		return nil, fmt.Errorf("wal: check backup: %w", useAnother(err))
	}
	r, meta, err := openSnapshot(readOnlyFS{}, name, silent)
	if err != nil {
		return nil, fmt.Errorf("wal: open backup: %w", useAnother(err))
	}
	return &Backup{Meta: meta, Size: r.end + trailerSize, r: r}, nil
}

// readOnlyFS opens files that may not be written to.
type readOnlyFS struct{ osFS }

func (readOnlyFS) Open(name string) (File, error) { return openFile(name, os.O_RDONLY) }

// useAnother says what to do about damage: a backup is not a server's folder.
func useAnother(err error) error {
	var damage *CorruptError
	if errors.As(err, &damage) && damage.Remedy == rejoin {
		damage.Remedy = "take another backup"
	}
	return err
}

// Read reads the state. Where io.EOF would come it returns ErrCorrupt instead if
// the checksum of the file is wrong.
func (b *Backup) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	return n, useAnother(err)
}

// Close closes the file.
func (b *Backup) Close() error { return b.r.Close() }
