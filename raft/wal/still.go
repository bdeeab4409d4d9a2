package wal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// still is an FS over a folder that it never changes: it opens nothing for
// writing, takes no lock, and forgets what it is told to write, rename or
// remove. What it read of the log and the identity it keeps, so that whoever
// reads again sees the same even if a server goes on writing.
type still struct {
	content map[string][]byte // by the name of the file
}

// stillFile is a file of still. It takes all writes for done.
type stillFile struct {
	io.ReaderAt
	io.Closer
	size int64
}

func (stillFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (stillFile) Sync() error                            { return nil }
func (f stillFile) Size() (int64, error)                 { return f.size, nil }

func inMemory(content []byte) stillFile {
	return stillFile{bytes.NewReader(content), io.NopCloser(nil), int64(len(content))}
}

// Open opens the file to read. A snapshot may be large, and is never changed
// once it has its name: it stays on the disk.
func (s still) Open(name string) (File, error) {
	if _, ok := parseSnapshotName(filepath.Base(name)); ok {
		return openToRead(name)
	}
	content, known := s.content[name]
	if !known {
		var err error
		if content, err = os.ReadFile(name); err != nil {
			return nil, err
		}
		s.content[name] = content
	}
	return inMemory(content), nil
}

func openToRead(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := osFile{f}.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return stillFile{f, f, size}, nil
}

func (still) ReadDir(dir string) ([]string, error) { return osFS{}.ReadDir(dir) }
func (still) Create(string) (File, error)          { return inMemory(nil), nil }
func (still) Lock(string) (io.Closer, error)       { return io.NopCloser(nil), nil }
func (still) MkdirAll(string) error                { return nil }
func (still) Rename(string, string) error          { return nil }
func (still) Remove(string) error                  { return nil }
func (still) SyncDir(string) error                 { return nil }
