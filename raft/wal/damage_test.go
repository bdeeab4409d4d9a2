package wal

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kvorum/raft"
)

// sample is a small folder, and what it held after each Save.
type sample struct {
	names   []string
	content map[string][]byte
	states  []raft.Saved
	ends    []int64 // where the last segment's records ended then; 0: in an earlier segment
	last    string  // name of the last segment
}

// makeSample saves some entries in several segments, with a snapshot that the
// log reaches back to, but not further.
func makeSample(t *testing.T) sample {
	t.Helper()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	var x sample
	state := raft.Saved{HardState: *hardState(1, "n1")}
	save(t, s, raft.Persist{HardState: &state.HardState, Entries: entries(1, 30, 1)})
	state.Snapshot, state.Entries = meta(30, 1), nil
	save(t, s, raft.Persist{HardState: &state.HardState}) // so that the entries' segment can go
	writeState(t, s, state.Snapshot, "the state at 30")
	save(t, s, raft.Persist{Discard: 30})
	for i := raft.Index(31); i <= 43; i++ {
		state.HardState = *hardState(raft.Term(i), "n2")
		state.Entries = append(state.Entries, entry(i, raft.Term(i)))
		save(t, s, raft.Persist{HardState: &state.HardState, Entries: entries(i, i, raft.Term(i))})
		x.states = append(x.states, state)
		x.ends = append(x.ends, s.log.end)
		if s.log.end < x.ends[max(0, len(x.ends)-2)] { // a new segment
			clear(x.ends[:len(x.ends)-1])
		}
	}
	x.last = s.log.path(s.log.last().number)
	if len(s.log.segments) < 3 || x.ends[len(x.ends)-2] == 0 {
		t.Fatalf("the sample has %d segments, records of the last end at %v", len(s.log.segments), x.ends)
	}
	s.Close()
	x.content = map[string][]byte{}
	names, _ := fsys.ReadDir("d")
	for _, name := range names {
		name = filepath.Join("d", name)
		x.names = append(x.names, name)
		x.content[name] = fsys.ReadFile(name)
	}
	return x
}

// load starts a server on the sample with one file changed; nil: removed.
func (x sample) load(t *testing.T, changed string, content []byte) (raft.Saved, error) {
	t.Helper()
	fsys := NewMemFS()
	for _, name := range x.names {
		if name != changed {
			fsys.WriteFile(name, x.content[name])
		} else if content != nil {
			fsys.WriteFile(name, content)
		}
	}
	s, err := tryOpen(fsys, "d")
	if err != nil {
		return raft.Saved{}, err
	}
	defer s.Close()
	saved := load(t, s)
	if got, err := readState(s, saved.Snapshot); err != nil || got != "the state at 30" {
		t.Fatalf("%s: state %q %v", changed, got, err)
	}
	return saved, nil
}

func (x sample) want(t *testing.T, what string, offset int, got raft.Saved, err error, allowed ...raft.Saved) {
	t.Helper()
	if err != nil {
		var c *CorruptError
		if !errors.As(err, &c) || c.File == "" || c.Remedy == "" {
			t.Fatalf("%s at %d: got %v, want an error with file, offset and remedy", what, offset, err)
		}
		return
	}
	for _, s := range allowed {
		if reflect.DeepEqual(got, s) {
			return
		}
	}
	t.Fatalf("%s at %d: accepted, with %+v", what, offset, got)
}

func TestTornTailIsCut(t *testing.T) {
	t.Parallel()
	x := makeSample(t)
	for cut := range x.content[x.last] {
		torn := bytes.Clone(x.content[x.last])
		clear(torn[cut:])
		got, err := x.load(t, x.last, torn)
		var allowed []raft.Saved
		for i, end := range x.ends {
			if end > 0 && end <= int64(cut) {
				allowed = x.states[i : i+1]
			}
		}
		if allowed == nil && err == nil {
			allowed = x.states[:n(x)] // the segment's head may be whole: a state before its records
		}
		x.want(t, x.last, cut, got, err, allowed...)
		if err != nil && allowed != nil {
			t.Fatalf("%s at %d: refused a torn tail: %v", x.last, cut, err)
		}
	}
}

// n is how many states the sample had before its last segment began.
func n(x sample) (n int) {
	for n < len(x.ends) && x.ends[n] == 0 {
		n++
	}
	return n
}

// The records that are lost here would change neither the hard state nor the
// index of the last entry, which the next segment begins with.
func TestALostEndOfASegmentIsNoticed(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	save(t, s, raft.Persist{HardState: hardState(2, "n1"), Entries: entries(1, 5, 1)})
	start := s.log.end
	save(t, s, raft.Persist{Entries: entries(3, 5, 2)})
	save(t, s, raft.Persist{HardState: hardState(3, "n1")})
	s.Close()
	file := s.log.path(1)
	content := fsys.ReadFile(file)
	clear(content[start:])
	fsys.WriteFile(file, content)
	var c *CorruptError
	if _, err := tryOpen(fsys, "d"); !errors.As(err, &c) || c.File != file || c.Offset != start || len(s.log.segments) != 2 {
		t.Fatalf("got %v, want damage of %s at %d; %d segments", err, file, start, len(s.log.segments))
	}
}

// A crash may come after the next segment was made, and before the one before it
// says so: then nothing would tell, later, that the newest segment is lost.
func TestAStartEndsASegmentThatACrashHasLeftOpen(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	save(t, s, raft.Persist{HardState: hardState(1, "n1"), Entries: entries(1, 30, 1)})
	end := s.log.end
	save(t, s, raft.Persist{HardState: hardState(2, "n1")}) // begins a segment
	s.Close()
	first, second := s.log.path(1), s.log.path(2)
	ended := fsys.ReadFile(first)
	left := bytes.Clone(ended)
	clear(left[end:])
	fsys.WriteFile(first, left)
	s, _ = reopen(t, s)
	s.Close()
	if !bytes.Equal(fsys.ReadFile(first), ended) || bytes.Equal(left, ended) {
		t.Fatal("the segment is as the crash has left it")
	}
	fsys.Remove(second)
	if _, err := tryOpen(fsys, "d"); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), second) {
		t.Fatalf("got %v, want ErrCorrupt and %s", err, second)
	}
}

func TestALostLogIsNoticed(t *testing.T) {
	t.Parallel()
	x := makeSample(t)
	only := sample{names: []string{filepath.Join("d", identityName)}, content: x.content}
	if _, err := only.load(t, "", nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v, want ErrCorrupt", err)
	}
}

// A record that is good where it was written is none at another offset, in
// another segment, or in another server's log.
func TestMisplacedRecordsAreNotRecords(t *testing.T) {
	t.Parallel()
	record := appendHead(make([]byte, recordHeaderSize), head{})
	at := place{incarnation: 1, segment: 2, offset: 48}
	sealRecord(record, at)
	content := append(make([]byte, 48), record...)
	content = append(content, record...)
	if _, ok := openRecord(content, at); !ok {
		t.Fatal("a good record is not recognized")
	}
	moved := at
	moved.offset += int64(len(record))
	for _, wrong := range []place{moved, {1, 3, 48}, {2, 2, 48}} {
		if _, ok := openRecord(content, wrong); ok {
			t.Fatalf("a record of %+v is good at %+v", at, wrong)
		}
	}
}

func TestACutTailIsReportedOnceAndLeavesZeros(t *testing.T) {
	t.Parallel()
	fsys := NewMemFS()
	s := open(t, fsys, "d")
	save(t, s, raft.Persist{HardState: hardState(1, "n1")})
	s.Close()
	file, end := s.log.path(1), s.log.end
	torn := fsys.ReadFile(file)
	copy(torn[end:], "the rest of a write that never finished")
	fsys.WriteFile(file, torn)
	for i, want := range []string{"cut a write", ""} {
		var out bytes.Buffer
		s, err := Open(fsys, "d", Options{Name: "n1", Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if got := out.String(); (got != "") != (want != "") || !strings.Contains(got, want) {
			t.Fatalf("start %d: got %q, want %q", i, got, want)
		}
	}
}

func TestAFutureVersionIsRefused(t *testing.T) {
	t.Parallel()
	x := makeSample(t)
	future := bytes.Clone(x.content[x.last])
	future[8] = 2
	copy(future[44:48], le32(checksum(future[:44])))
	if _, err := x.load(t, x.last, future); !errors.Is(err, ErrVersion) || !errors.Is(err, ErrCorrupt) {
		t.Fatalf("segment: got %v, want ErrVersion", err)
	}
	snapshot := x.names[len(x.names)-1]
	future = bytes.Clone(x.content[snapshot])
	future[8] = 2
	copy(future[len(future)-trailerSize:], le32(checksum(future[:len(future)-trailerSize])))
	if _, err := x.load(t, snapshot, future); !errors.Is(err, ErrVersion) {
		t.Fatalf("snapshot: got %v, want ErrVersion", err)
	}
	identity := filepath.Join("d", identityName)
	body, _, _ := bytes.Cut(x.content[identity], []byte("crc32c"))
	body = bytes.Replace(body, []byte("identity 1"), []byte("identity 2"), 1)
	future = append(body, "crc32c "+hex32(checksum(body))+"\n"...)
	if _, err := x.load(t, identity, future); !errors.Is(err, ErrVersion) {
		t.Fatalf("identity: got %v, want ErrVersion", err)
	}
}
