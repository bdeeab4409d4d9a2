package wal

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// BenchmarkSave appends batches of entries of 256 bytes, and in turn writes as
// many bytes to a file of zeros with nothing but write and fdatasync: the most that
// any log could do on this disk. "ratio" is ours to that. The difference is the
// entries' headers, checksums, and the zeros that we have to write ahead, as many as
// there are entries: a log that does not would wait for the file system's journal.
func BenchmarkSave(b *testing.B) {
	for _, size := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("entries=%d", size), func(b *testing.B) {
			s := newServer(b, b.TempDir())
			defer s.Close()
			save(b, s, raft.Persist{HardState: hardState(1, "n1")})
			bare, same := newBareLog(b), bytes.Repeat([]byte{1}, size*256)
			var ours, theirs time.Duration
			next := raft.Index(1)
			for b.Loop() {
				batch := raft.Persist{Entries: make([]raft.Entry, size)}
				for i := range batch.Entries {
					batch.Entries[i] = raft.Entry{EntryID: raft.EntryID{Index: next, Term: 1}, Command: make([]byte, 256)}
					next++
				}
				start := time.Now()
				save(b, s, batch)
				saved := time.Now()
				bare.append(b, same)
				ours += saved.Sub(start)
				theirs += time.Since(saved)
			}
			b.ReportMetric(float64(next-1)/ours.Seconds(), "entries/s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
		})
	}
}

// newServer opens a folder as a server does, with segments of the usual size.
func newServer(b *testing.B, dir string) *Store {
	s, err := Open(OS(), dir, Options{Name: "n1"})
	if err == nil && s.Identity().ClusterID == "" {
		err = s.SetClusterID(testCluster)
	}
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// bareLog is a file of zeros that is written over from the start, again and again.
type bareLog struct {
	file File
	end  int64
}

func newBareLog(b *testing.B) *bareLog {
	f, err := OS().Create(filepath.Join(b.TempDir(), "bare"))
	if err == nil {
		err = writeZeros(f, 0, DefaultSegmentBytes)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return &bareLog{file: f}
}

func (l *bareLog) append(b *testing.B, p []byte) {
	if l.end+int64(len(p)) > DefaultSegmentBytes {
		l.end = 0
	}
	if _, err := l.file.WriteAt(p, l.end); err != nil {
		b.Fatal(err)
	}
	l.end += int64(len(p))
	if err := l.file.Sync(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecovery opens a folder with a log of 1 GiB, of which the last MiB
// is needed, and one where all of 256 MiB is.
func BenchmarkRecovery(b *testing.B) {
	for _, c := range []struct{ total, kept int64 }{{1 << 30, 1 << 20}, {256 << 20, 256 << 20}} {
		b.Run(fmt.Sprintf("log=%dMiB,needed=%dMiB", c.total>>20, c.kept>>20), func(b *testing.B) {
			dir := b.TempDir()
			writeLog(b, dir, raft.Index(c.total>>10), raft.Index(c.kept>>10))
			b.SetBytes(c.total)
			b.ReportAllocs()
			for b.Loop() {
				s := newServer(b, dir)
				if got := load(b, s).Entries; len(got) != int(c.kept>>10) {
					b.Fatalf("got %d entries, want %d", len(got), c.kept>>10)
				}
				s.Close()
			}
		})
	}
}

// writeLog saves entries of 1 KiB, and drops from memory all but those needed,
// every now and then. All segments stay, which is more than a server keeps.
func writeLog(b *testing.B, dir string, total, needed raft.Index) {
	s := newServer(b, dir)
	defer s.Close()
	p := raft.Persist{HardState: hardState(1, "n1")}
	for i := raft.Index(1); i <= total; i++ {
		p.Entries = append(p.Entries, raft.Entry{EntryID: raft.EntryID{Index: i, Term: 1}, Command: make([]byte, 1010)})
		if i%1024 > 0 {
			continue
		}
		if i%(32<<10) == 0 && i > needed {
			s.log.discard(i - needed)
		}
		save(b, s, p)
		p = raft.Persist{}
	}
	if needed < total {
		writeState(b, s, meta(total-needed, 1), "state")
	}
}

// BenchmarkRecoveryOfAMillionKeys starts a server whose keys, with values of 256
// bytes, are all in its snapshot, or all in its log: it reads the folder, restores
// the state, and applies the log.
func BenchmarkRecoveryOfAMillionKeys(b *testing.B) {
	const keys = 1_000_000
	for _, where := range []string{"snapshot", "log"} {
		b.Run(where, func(b *testing.B) {
			dir := b.TempDir()
			writeKeys(b, dir, keys, where == "snapshot")
			for b.Loop() {
				s := newServer(b, dir)
				if got := recoverStore(b, s).Revision(); got != keys {
					b.Fatalf("recovered up to %d, want %d", got, keys)
				}
				s.Close()
			}
		})
	}
}

func recoverStore(b *testing.B, s *Store) *kv.Store {
	store := kv.New()
	saved := load(b, s)
	if at := saved.Snapshot.LastIncludedIndex; at > 0 {
		r, err := s.OpenSnapshot(saved.Snapshot)
		if err != nil {
			b.Fatal(err)
		}
		if err := store.Restore(r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
	for _, e := range saved.Entries {
		if _, err := store.Apply(e); err != nil {
			b.Fatal(err)
		}
	}
	return store
}

func writeKeys(b *testing.B, dir string, keys raft.Index, snapshot bool) {
	s := newServer(b, dir)
	defer s.Close()
	store := kv.New()
	p := raft.Persist{HardState: hardState(1, "n1")}
	for i := raft.Index(1); i <= keys; i++ {
		e := raft.Entry{EntryID: raft.EntryID{Index: i, Term: 1},
			Command: kv.Encode(kv.Set{Key: fmt.Sprintf("key-%08d", i*7919%keys), Value: make([]byte, 256)})}
		if snapshot {
			if _, err := store.Apply(e); err != nil {
				b.Fatal(err)
			}
			continue
		}
		if p.Entries = append(p.Entries, e); i%1000 == 0 {
			save(b, s, p)
			p = raft.Persist{}
		}
	}
	if snapshot {
		save(b, s, p)
		if _, err := s.WriteSnapshot(meta(keys, 1), store.Snapshot()); err != nil {
			b.Fatal(err)
		}
	}
}
