package wal

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kvorum/raft"
)

// hookedFS calls opened before each file that is opened, and lets every read
// take some time.
type hookedFS struct {
	FS
	opened  func()
	latency time.Duration
}

type slowFile struct {
	File
	latency time.Duration
}

func (h hookedFS) Open(name string) (File, error) {
	if h.opened != nil {
		h.opened()
	}
	f, err := h.FS.Open(name)
	return slowFile{f, h.latency}, err
}

func (f slowFile) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(f.latency)
	return f.File.ReadAt(p, off)
}

// TestALongLogIsLoadedInLittleMemory: a start holds one segment, and no more
// entries than the server held. It runs alone, since it looks at the heap.
func TestALongLogIsLoadedInLittleMemory(t *testing.T) {
	const segment, value, tail, between = 1 << 20, 16 << 10, 50, 100
	dir := t.TempDir()
	s, err := Open(OS(), dir, Options{Name: "n1", SegmentBytes: segment})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetClusterID(testCluster); err != nil {
		t.Fatal(err)
	}
	for i := raft.Index(1); i <= 2000; i += 10 { // 32 MB
		p := raft.Persist{HardState: hardState(1, "")}
		for j := i; j < i+10; j++ {
			p.Entries = append(p.Entries, raft.Entry{EntryID: raft.EntryID{Index: j, Term: 1}, Command: make([]byte, value)})
		}
		if i > 1 && (i-1)%between == 0 {
			s.log.discard(i - 1 - tail) // and no segment is removed
		}
		save(t, s, p)
	}
	writeState(t, s, meta(1900, 1), "state")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	fsys := hookedFS{FS: OS(), opened: func() {
		runtime.GC()
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc)
	}}
	s, err = Open(fsys, dir, Options{Name: "n1", SegmentBytes: segment})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if used, want := int64(most)-int64(before.HeapAlloc), int64((tail+between)*value+4*segment); used > want {
		t.Errorf("a start used %d bytes, want at most %d", used, want)
	}
	if first := load(t, s).Entries[0].Index; first != 1900-tail+1 {
		t.Errorf("entries from %d on were loaded, want %d", first, 1900-tail+1)
	}
}

func TestALongStartSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	save(t, s, raft.Persist{HardState: hardState(1, "")})
	for i := raft.Index(1); i <= 40; i++ {
		save(t, s, raft.Persist{Entries: entries(i, i, 1)})
	}
	writeState(t, s, meta(30, 1), strings.Repeat("state", 100_000))
	s.Close()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		start := time.Now()
		s, err := Open(hookedFS{FS: fsys, latency: time.Second}, "d",
			Options{Name: "n1", Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, want := range []string{
			`msg="reading a snapshot" file=d/snapshot-000000000000001e-0000000000000001 bytes=`, " of=5000",
			`msg="replaying the log" segment=`, " of=7",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("got\n%swant %q", out.String(), want)
			}
		}
		if lines, took := strings.Count(out.String(), "\n"), time.Since(start); lines > int(took/progressInterval) {
			t.Errorf("%d lines in %v", lines, took)
		}
	})
}
