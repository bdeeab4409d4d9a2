package wal

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"kvorum/raft"
)

// Incoming is a snapshot file on its way from the leader: Figure 13's rules 2
// to 5. A stream that breaks just drops it: the next ReceiveSnapshot of the
// same snapshot goes on at Offset. Only the latest Incoming of a store can be
// used; the others return ErrClosed.
type Incoming struct {
	partial *partial
}

// partial is the file behind one or, one after the other, several Incoming.
type partial struct {
	snapshots *snapshots
	meta      raft.SnapshotMeta
	size      int64
	owner     atomic.Pointer[Incoming] // the only one that may use it

	// mu guards the rest: the stream that broke may not have noticed when the
	// next one takes over. It is locked before snapshots.mu.
	mu     sync.Mutex
	writer snapshotWriter
	whole  bool // checked and synced
}

// ReceiveSnapshot prepares to receive the file, of size bytes, of the snapshot
// that meta describes, and gives up any other that is being received. If the
// snapshot is already here, Offset is size at once.
func (s *Store) ReceiveSnapshot(meta raft.SnapshotMeta, size int64) (*Incoming, error) {
	in, err := s.snapshots.receive(meta, size)
	if err != nil {
		return nil, fmt.Errorf("wal: receive snapshot at index %d: %w", meta.LastIncludedIndex, err)
	}
	return in, nil
}

func (s *snapshots) receive(meta raft.SnapshotMeta, size int64) (*Incoming, error) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	s.mu.Lock()
	p := s.partial
	s.mu.Unlock()
	// 5. Discard any existing or partial snapshot with a smaller index (Figure 13).
	// Here any other goes, since one is received at a time.
	if p != nil && (p.size != size || !sameMeta(p.meta, meta)) {
		if err := p.remove(); err != nil {
			return nil, err
		}
		p = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p == nil {
		var err error
		if p, err = s.newPartial(meta, size); err != nil {
			return nil, err
		}
		s.partial = p
	}
	in := &Incoming{p}
	p.owner.Store(in)
	return in, nil
}

// newPartial begins a file, unless the snapshot is here already. It needs s.mu.
func (s *snapshots) newPartial(meta raft.SnapshotMeta, size int64) (*partial, error) {
	p := &partial{snapshots: s, meta: meta, size: size}
	id := meta.ID()
	if slices.Contains(s.pending, id) || len(s.published) > 0 && s.published[len(s.published)-1] == id {
		p.whole, p.writer.offset = true, size
		return p, nil
	}
	// 2. Create new snapshot file if first chunk (Figure 13).
	f, err := s.fs.Create(s.path(incomingPrefix, id))
	if err != nil {
		return nil, err
	}
	p.writer.file = f
	return p, nil
}

// Offset is how many bytes of the file are here.
func (in *Incoming) Offset() int64 {
	in.partial.mu.Lock()
	defer in.partial.mu.Unlock()
	return in.partial.writer.offset
}

// Write appends the bytes of the file from Offset on.
func (in *Incoming) Write(b []byte) (int, error) {
	p := in.partial
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owner.Load() != in || p.whole {
		return 0, fmt.Errorf("wal: write incoming snapshot: %w", ErrClosed)
	}
	if p.writer.offset+int64(len(b)) > p.size {
		return 0, fmt.Errorf("wal: incoming snapshot is longer than the %d bytes that were announced", p.size)
	}
	// 3. Write data into snapshot file at given offset (Figure 13).
	return p.writer.Write(b)
}

// Commit checks and syncs the whole file. It then waits for Save to be given a
// batch with this snapshot. If the file is not what was announced it is
// removed, and must be sent again from the start.
func (in *Incoming) Commit() error {
	p := in.partial
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owner.Load() != in {
		return fmt.Errorf("wal: commit incoming snapshot: %w", ErrClosed)
	}
	// 4. Reply and wait for more data chunks if done is false (Figure 13).
	if p.writer.offset != p.size {
		return fmt.Errorf("wal: commit incoming snapshot: %d of %d bytes", p.writer.offset, p.size)
	}
	if !p.whole {
		if err := p.finish(); err != nil {
			return errors.Join(fmt.Errorf("wal: commit incoming snapshot: %w", err), p.removeLocked())
		}
	}
	return nil
}

func (p *partial) finish() error {
	// 5. Save snapshot file (Figure 13).
	if err := p.writer.file.Sync(); err != nil {
		return err
	}
	s, id := p.snapshots, p.meta.ID()
	meta, err := checkSnapshot(s.fs, s.path(incomingPrefix, id), s.logger)
	if err != nil {
		// Not %w: it is the copy that is damaged, not this server's storage.
		return fmt.Errorf("it must be sent again: %v", err)
	}
	if !sameMeta(meta, p.meta) {
		return fmt.Errorf("it is another snapshot, at index %d", meta.LastIncludedIndex)
	}
	p.whole = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, id)
	s.partial = nil
	return p.writer.file.Close()
}

// Abort removes the file, unless it was committed.
func (in *Incoming) Abort() error {
	p := in.partial
	if p.owner.Load() != in {
		return nil
	}
	return p.remove()
}

func (p *partial) remove() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.removeLocked()
}

func (p *partial) removeLocked() error {
	p.owner.Store(nil)
	s := p.snapshots
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.partial == p {
		s.partial = nil
	}
	if p.whole {
		return nil
	}
	return errors.Join(p.writer.file.Close(), s.removeIfThere(s.path(incomingPrefix, p.meta.ID())))
}
