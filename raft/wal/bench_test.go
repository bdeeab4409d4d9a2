package wal

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"kvorum/raft"
)

// BenchmarkSave appends batches of entries of 256 bytes, and in turn writes as
// many bytes to a preallocated file with nothing but write and fdatasync: the
// most that any log could do on this disk. "ratio" is ours to that.
func BenchmarkSave(b *testing.B) {
	for _, size := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("entries=%d", size), func(b *testing.B) {
			s, err := Open(OS(), b.TempDir(), Options{Name: "n1"})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			save(b, s, raft.Persist{HardState: hardState(1, "n1")})
			bare := newBareLog(b)
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
				bare.append(b, size*256)
				ours += saved.Sub(start)
				theirs += time.Since(saved)
			}
			b.ReportMetric(float64(next-1)/ours.Seconds(), "entries/s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
		})
	}
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

func (l *bareLog) append(b *testing.B, size int) {
	if l.end+int64(size) > DefaultSegmentBytes {
		l.end = 0
	}
	if _, err := l.file.WriteAt(bytes.Repeat([]byte{1}, size), l.end); err != nil {
		b.Fatal(err)
	}
	l.end += int64(size)
	if err := l.file.Sync(); err != nil {
		b.Fatal(err)
	}
}
