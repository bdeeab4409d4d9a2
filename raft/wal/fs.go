package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is all that this package asks of a file system. OS is the real one; MemFS
// can lose what was not synced.
type FS interface {
	// MkdirAll creates the folder and its parents where absent, durably.
	MkdirAll(dir string) error
	// Create creates the file, or empties it where it exists.
	Create(name string) (File, error)
	// Open opens an existing file to read and write.
	Open(name string) (File, error)
	// Rename gives the file a new name at once, in the place of a file that has it.
	Rename(from, to string) error
	// Remove removes the name. Files that are open stay readable.
	Remove(name string) error
	// ReadDir returns the names in the folder, sorted.
	ReadDir(dir string) ([]string, error)
	// SyncDir makes the names in the folder durable.
	SyncDir(dir string) error
	// Lock takes the lock file, and returns ErrLocked if another has it. Closing
	// it, or the end of the process, gives it back.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Sync makes the content durable. After an error nothing is known of it.
	Sync() error
}

// OS returns the operating system's file system. On Linux it syncs with
// fdatasync, elsewhere with os.File.Sync.
func OS() FS { return osFS{} }

type osFS struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Sync() error {
	if err := datasync(f.File); err != nil {
		return fmt.Errorf("sync %s: %w", f.Name(), err)
	}
	return nil
}

func (fsys osFS) MkdirAll(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := fsys.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}

func (osFS) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(name string) (File, error) { return openFile(name, os.O_RDWR) }

func openFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
