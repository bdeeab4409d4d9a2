package wal

import (
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// MemFS is a file system in memory that knows what is durable. A crash may
// lose, sector by sector, what was written since a file's last Sync, and, one
// by one, the names created, renamed or removed since SyncDir. It is for tests
// and simulations. The zero value is not usable; call NewMemFS.
type MemFS struct {
	mu      sync.Mutex // FS may be used by several goroutines
	names   map[string]*memData
	durable map[string]*memData
	changes []nameChange // to names since SyncDir, in order
	locks   map[string]*memLock

	// Before, if set, is called before each operation that changes something;
	// its error becomes the operation's, which then does nothing. Operations
	// are "create", "write", "sync", "rename", "remove", "syncdir".
	Before func(op, name string) error
}

type nameChange struct {
	dir   string
	apply func(map[string]*memData)
}

// memData is the content of a file, whatever its names.
type memData struct {
	cached  memContent
	durable memContent
	writes  []memWrite // since Sync
}

type memWrite struct {
	off int64
	p   []byte
	// lost: a Sync has failed since. As on Linux the next one does not write it
	// again, and succeeds, while reads go on to return it.
	lost bool
}

type memFile struct {
	fs   *MemFS
	name string
	data *memData
}

// NewMemFS returns an empty file system.
func NewMemFS() *MemFS {
	return &MemFS{names: map[string]*memData{}, durable: map[string]*memData{}, locks: map[string]*memLock{}}
}

// Kill ends the process but not the system: locks are free, nothing is lost.
func (m *MemFS) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locks = map[string]*memLock{}
}

// Crash is a loss of power. For each change that was not synced, keep decides
// whether it had reached the disk. Files that were open must not be used any more.
func (m *MemFS) Crash(keep func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		if keep() {
			c.apply(m.durable)
		}
	}
	m.names, m.changes, m.locks = map[string]*memData{}, nil, map[string]*memLock{}
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		content := m.durable[name].afterCrash(keep)
		m.names[name] = &memData{cached: content.clone(), durable: content}
	}
	m.durable = maps.Clone(m.names)
}

func (d *memData) afterCrash(keep func() bool) memContent {
	content := d.durable.clone()
	for _, w := range d.writes {
		for off, p := w.off, w.p; len(p) > 0; {
			n := min(len(p), int(sectorSize-off%sectorSize))
			if keep() {
				content.writeAt(p[:n], off)
			}
			off, p = off+int64(n), p[n:]
		}
	}
	return content
}

// ReadFile returns the content of a file, and nil if there is none.
func (m *MemFS) ReadFile(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.names[name]; d != nil {
		content := make([]byte, d.cached.size)
		d.cached.readAt(content, 0) // there are as many
		return content
	}
	return nil
}

// WriteFile sets the content of a file, durably.
func (m *MemFS) WriteFile(name string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	written := memContent{slices.Clone(content), int64(len(content))}
	d := &memData{cached: written, durable: written.clone()}
	m.names[name], m.durable[name] = d, d
}

func (m *MemFS) before(op, name string) error {
	if m.Before == nil {
		return nil
	}
	return m.Before(op, name)
}

// change applies a change of names for the running system, and remembers it
// as not yet durable.
func (m *MemFS) change(name string, apply func(map[string]*memData)) {
	apply(m.names)
	m.changes = append(m.changes, nameChange{filepath.Dir(name), apply})
}

// MkdirAll does nothing: a folder is there when a file is in it.
func (m *MemFS) MkdirAll(string) error { return nil }

// Create implements FS.
func (m *MemFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.before("create", name); err != nil {
		return nil, err
	}
	d := &memData{}
	m.change(name, func(names map[string]*memData) { names[name] = d })
	return &memFile{m, name, d}, nil
}

// Open implements FS.
func (m *MemFS) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.names[name]
	if d == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{m, name, d}, nil
}

// Rename implements FS.
func (m *MemFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.before("rename", to); err != nil {
		return err
	}
	d := m.names[from]
	if d == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	m.change(to, func(names map[string]*memData) {
		delete(names, from)
		names[to] = d
	})
	return nil
}

// Remove implements FS.
func (m *MemFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.before("remove", name); err != nil {
		return err
	}
	if m.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	m.change(name, func(names map[string]*memData) { delete(names, name) })
	return nil
}

// ReadDir implements FS.
func (m *MemFS) ReadDir(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.names {
		if rest, ok := strings.CutPrefix(name, dir+string(filepath.Separator)); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements FS.
func (m *MemFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.before("syncdir", dir); err != nil {
		return err
	}
	var rest []nameChange
	for _, c := range m.changes {
		if c.dir == dir {
			c.apply(m.durable)
		} else {
			rest = append(rest, c)
		}
	}
	m.changes = rest
	return nil
}

type memLock struct {
	fs   *MemFS
	name string
}

// Lock implements FS.
func (m *MemFS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] != nil {
		return nil, ErrLocked
	}
	l := &memLock{m, name}
	m.locks[name] = l
	return l, nil
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.fs.locks[l.name] == l {
		delete(l.fs.locks, l.name)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.data.cached.readAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.before("write", f.name); err != nil {
		return 0, err
	}
	f.data.cached.writeAt(p, off)
	f.data.writes = append(f.data.writes, memWrite{off: off, p: slices.Clone(p)})
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.before("sync", f.name); err != nil {
		for i := range f.data.writes {
			f.data.writes[i].lost = true
		}
		return err
	}
	for _, w := range f.data.writes {
		if !w.lost {
			f.data.durable.writeAt(w.p, w.off)
		}
	}
	f.data.writes = nil
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.data.cached.size, nil
}

func (f *memFile) Close() error { return nil }
