package wal

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kvorum/raft"
)

// folder writes the sample to a folder of the operating system, with one file
// changed; nil: removed.
func (x sample) folder(t *testing.T, changed string, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range x.names {
		c := x.content[name]
		if name == changed {
			c = content
		}
		if c == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), c, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

func inspectFolder(t *testing.T, dir string) *Inspection {
	t.Helper()
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// hurts are folders with one file damaged, and one with a torn write, by what
// was done.
func (x sample) hurts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range x.names {
		for _, at := range []int{3, 20, len(x.content[name]) / 2, len(x.content[name]) - 3} {
			flipped := bytes.Clone(x.content[name])
			flipped[at] ^= 1
			all[fmt.Sprint(name, " flipped at ", at)] = x.folder(t, name, flipped)
			all[fmt.Sprint(name, " cut at ", at)] = x.folder(t, name, x.content[name][:at])
		}
		all[name+" removed"] = x.folder(t, name, nil)
	}
	torn := bytes.Clone(x.content[x.last])
	torn[x.ends[len(x.ends)-1]-1] ^= 1
	all["torn"] = x.folder(t, x.last, torn)
	return all
}

// TestInspectionSaysWhatAStartSays and, unlike a start, changes nothing.
func TestInspectionSaysWhatAStartSays(t *testing.T) {
	t.Parallel()
	x := makeSample(t)
	refused, started := 0, 0
	for what, dir := range x.hurts(t) {
		before := contents(t, dir)
		in := inspectFolder(t, dir)
		if !maps.Equal(before, contents(t, dir)) {
			t.Fatalf("%s: the inspection has changed the folder", what)
		}
		s, err := tryOpen(OS(), dir)
		if err != nil {
			refused++
			if in.Refusal == nil || in.Refusal.Error() != err.Error() {
				t.Errorf("%s: got %v, want %v", what, in.Refusal, err)
			}
			continue
		}
		started++
		want := load(t, s)
		s.Close()
		if in.Refusal != nil || !reflect.DeepEqual(in.Saved, want) {
			t.Errorf("%s: got %v, %+v, want %+v", what, in.Refusal, in.Saved, want)
		}
		if what == "torn" && (len(in.Repairs) != 1 || !strings.Contains(in.Repairs[0], "cut a write that a crash has torn")) {
			t.Errorf("%s: got %q", what, in.Repairs)
		}
	}
	if refused == 0 || started == 0 {
		t.Errorf("%d were refused, %d were not", refused, started)
	}
}

func TestInspectionShowsAllThatIsThere(t *testing.T) {
	t.Parallel()
	x := makeSample(t)
	dir := x.folder(t, "", nil)
	leftover := "snapshot-000000000000001f-0000000000000001.tmp"
	if err := os.WriteFile(filepath.Join(dir, leftover), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in := inspectFolder(t, dir)
	var shown []raft.Entry
	for _, s := range in.Segments {
		at := int64(segmentHeaderSize)
		for _, part := range s.Stretches {
			if part.Offset != at || part.IsRecord() == part.Zero {
				t.Fatalf("%s: at %d got %+v", s.File, at, part)
			}
			at += part.Length
			items, err := part.Items()
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range items {
				if e, ok := item.(EntryItem); ok {
					shown = append(shown, e.Entry)
				}
			}
		}
		if at != s.Size || s.Damage != nil {
			t.Errorf("%s: it has %d bytes, %d were shown; %v", s.File, s.Size, at, s.Damage)
		}
	}
	want := x.states[len(x.states)-1]
	if shown = shown[max(0, len(shown)-len(want.Entries)):]; !reflect.DeepEqual(shown, want.Entries) {
		t.Errorf("got entries %v, want %v", shown, want.Entries)
	}
	if n := len(in.Snapshots); n == 0 || !reflect.DeepEqual(in.Snapshots[n-1].Meta, want.Snapshot) || in.Snapshots[n-1].Damage != nil {
		t.Errorf("got snapshots %+v, want %+v", in.Snapshots, want.Snapshot)
	}
	if in.Identity.Name != "n1" || !reflect.DeepEqual(in.Leftovers, []string{leftover}) {
		t.Errorf("got %+v, leftovers %q", in.Identity, in.Leftovers)
	}
}

func TestInspectionShowsWhatFollowsADamagedRecord(t *testing.T) {
	t.Parallel()
	x := makeSample(t)
	good := inspectFolder(t, x.folder(t, "", nil))
	last := good.Segments[len(good.Segments)-1]
	hurt := last.Stretches[1]
	content := bytes.Clone(x.content[x.last])
	content[hurt.Offset+hurt.Length-1] ^= 1
	in := inspectFolder(t, x.folder(t, x.last, content))
	got := in.Segments[len(in.Segments)-1].Stretches
	if len(got) != len(last.Stretches) {
		t.Fatalf("got %d stretches, want %d", len(got), len(last.Stretches))
	}
	for i := range got {
		if got[i].Offset != last.Stretches[i].Offset || (i == 1) == (got[i].IsRecord() == last.Stretches[i].IsRecord()) {
			t.Errorf("stretch %d: got %+v, want %+v", i, got[i], last.Stretches[i])
		}
	}
	if !got[1].BadPayload || got[1].Zero {
		t.Errorf("got %+v", got[1])
	}
}

func TestAFolderThatIsNoServersIsNotInspected(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{t.TempDir(): "is no server's folder", filepath.Join(t.TempDir(), "none"): "no such file"} {
		if in, err := Inspect(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %+v, %v, want %q", in, err, want)
		}
	}
}

// TestInspectionBesideAServer: while a store appends, rotates, takes snapshots
// and drops segments, every inspection sees the folder as it was at some moment.
func TestInspectionBesideAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(OS(), dir, Options{Name: "n1", SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bootstrap(strings.Repeat("ab", 16), "n1@aa"); err != nil {
		t.Fatal(err)
	}
	enough := make(chan struct{})
	ended := make(chan error, 1) // one error, or nil
	go func() { ended <- appendUntil(s, enough) }()
	last := raft.Index(0)
	for last < 1000 {
		in, err := Inspect(dir)
		if err != nil || in.Refusal != nil {
			t.Errorf("after entry %d: %v, %v", last, err, in)
			break
		}
		now := in.Saved.Snapshot.LastIncludedIndex
		for _, e := range in.Saved.Entries {
			if now = e.Index; !reflect.DeepEqual(e, entry(e.Index, 1)) {
				t.Errorf("got entry %v", e)
			}
		}
		if now < last {
			t.Errorf("entry %d was there, now the last one is %d", last, now)
		}
		last = now
	}
	close(enough)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func appendUntil(s *Store, enough chan struct{}) error {
	if err := s.Save([]raft.Persist{{HardState: hardState(1, "n1")}}); err != nil {
		return err
	}
	for i := raft.Index(1); ; i++ {
		select {
		case <-enough:
			return s.Close()
		default:
		}
		if err := s.Save([]raft.Persist{{Entries: entries(i, i, 1)}}); err != nil {
			return err
		}
		if i%200 > 0 {
			continue
		}
		if _, err := s.WriteSnapshot(meta(i, 1), strings.NewReader("state")); err != nil {
			return err
		}
		if err := s.Save([]raft.Persist{{Discard: i - 50}}); err != nil {
			return err
		}
	}
}
