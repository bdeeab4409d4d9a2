package linearizability

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"kvorum/raft"
)

// memoryDisk is stable storage that takes virtual time.
type memoryDisk struct {
	mu     sync.Mutex // guards all: a process that crashed may still be at work
	rng    *rand.Rand
	run    int // counts mounts
	saved  raft.Saved
	states map[raft.EntryID][]byte
}

// mounted is the disk as one run of a process uses it: node.Storage. Once the
// process has crashed, nothing that it still does has an effect.
type mounted struct {
	*memoryDisk
	number int
}

var errCrashed = errors.New("the process has crashed")

func (d *memoryDisk) mount() *mounted {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.run++
	return &mounted{d, d.run}
}

func (m *mounted) crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.run++
}

func (m *mounted) crashed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run != m.number
}

func (d *memoryDisk) get(meta raft.SnapshotMeta) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.states[meta.ID()]
}

func (d *memoryDisk) put(meta raft.SnapshotMeta, state []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states[meta.ID()] = state
}

// Load implements node.Storage, and so do the others.
func (m *mounted) Load() (raft.Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	saved := m.saved
	saved.Entries = slices.Clone(saved.Entries)
	return saved, nil
}

// Save takes the time of an fsync. A crash meanwhile loses everything in it.
func (m *mounted) Save(batches []raft.Persist) error {
	m.mu.Lock()
	fsync := time.Duration(m.rng.ExpFloat64() * 2e6)
	m.mu.Unlock()
	time.Sleep(fsync)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run != m.number {
		return errCrashed
	}
	for _, b := range batches {
		m.apply(b)
	}
	return nil
}

func (d *memoryDisk) apply(b raft.Persist) {
	if b.HardState != nil {
		d.saved.HardState = *b.HardState
	}
	if b.Snapshot != nil {
		d.install(*b.Snapshot)
	}
	if len(b.Entries) > 0 {
		first := b.Entries[0].Index
		keep := slices.IndexFunc(d.saved.Entries, func(e raft.Entry) bool { return e.Index >= first })
		if keep >= 0 {
			d.saved.Entries = d.saved.Entries[:keep:keep]
		}
		d.saved.Entries = append(d.saved.Entries, b.Entries...)
	}
	d.saved.Entries = slices.DeleteFunc(slices.Clone(d.saved.Entries), func(e raft.Entry) bool { return e.Index <= b.Discard })
}

// install keeps what follows a snapshot only in a log that contains its last entry.
func (d *memoryDisk) install(meta raft.SnapshotMeta) {
	last := slices.IndexFunc(d.saved.Entries, func(e raft.Entry) bool { return e.EntryID == meta.ID() })
	d.saved.Entries = slices.Clone(d.saved.Entries[last+1:])
	if last < 0 {
		d.saved.Entries = nil
	}
	if meta.LastIncludedIndex > d.saved.Snapshot.LastIncludedIndex {
		d.saved.Snapshot = meta
	}
}

func (m *mounted) WriteSnapshot(meta raft.SnapshotMeta, state io.WriterTo) (int64, error) {
	var b bytes.Buffer
	size, err := state.WriteTo(&b)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run != m.number {
		return 0, errCrashed
	}
	m.states[meta.ID()] = b.Bytes()
	if meta.LastIncludedIndex > m.saved.Snapshot.LastIncludedIndex {
		m.saved.Snapshot = meta
	}
	return size, nil
}

func (m *mounted) OpenSnapshot(meta raft.SnapshotMeta) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.get(meta))), nil
}
