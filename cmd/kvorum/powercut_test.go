//go:build strace

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"kvorum/rpc/client"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// powerCut is what a power cut may take from a folder: what was written after
// strace was attached and not synced since. The log is written over zeros, so what
// is lost is zeros again. What was removed stays removed.
type powerCut struct {
	files map[string]*tracedFile // by present name
	names []nameChange           // oldest first
}

// tracedFile is a file with its writes that are not known to be durable.
type tracedFile struct{ writes []span }

// span is a range of bytes in a file.
type span struct {
	from, to int64
	ended    int
}

// nameChange gives a file a name that it did not have; from is empty if the file is new.
type nameChange struct {
	from, to string
	ended    int
}

// afterTrace returns what may be lost after these calls.
func afterTrace(t *testing.T, calls []call) *powerCut {
	p := &powerCut{files: map[string]*tracedFile{}}
	for _, c := range calls {
		switch {
		case c.name == "openat" && strings.Contains(c.text, "O_CREAT") && c.done:
			p.files[c.path] = &tracedFile{}
			p.names = append(p.names, nameChange{"", c.path, c.ended})
		case c.name == "pwrite64":
			from, length := c.extent(t)
			f := p.file(c.path)
			f.writes = append(f.writes, span{from, from + length, c.ended})
		case strings.HasPrefix(c.name, "rename"):
			p.rename(c)
		case c.isSync() && c.done:
			f := p.file(c.path)
			f.writes = slices.DeleteFunc(f.writes, func(w span) bool { return w.ended < c.began })
			p.names = slices.DeleteFunc(p.names, func(n nameChange) bool {
				return filepath.Dir(n.to) == c.path && n.ended < c.began
			})
		}
	}
	return p
}

func (p *powerCut) file(path string) *tracedFile {
	if p.files[path] == nil {
		p.files[path] = &tracedFile{}
	}
	return p.files[path]
}

func (p *powerCut) rename(c call) {
	from := c.renamed()
	if _, err := os.Stat(from); err == nil && !c.done {
		return // it was killed before
	}
	p.files[c.path] = p.file(from)
	delete(p.files, from)
	p.names = append(p.names, nameChange{from, c.path, c.ended})
}

// lose changes the folder as the power cut may, where survives says of each
// sector of each unsynced write whether it reached the disk all the same. It
// returns how many bytes and names were lost.
func (p *powerCut) lose(t *testing.T, survives func() bool) (bytes int64, names int) {
	t.Helper()
	for path, f := range p.files {
		for _, w := range f.writes {
			bytes += zero(t, path, w, survives)
		}
	}
	for _, n := range slices.Backward(p.names) {
		var err error
		if n.from == "" {
			err = os.Remove(n.to)
		} else {
			err = os.Rename(n.to, n.from)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed, for good
		}
		if err != nil {
			t.Fatal(err)
		}
		names++
	}
	return bytes, names
}

// zero zeroes the sectors of a span that do not survive.
func zero(t *testing.T, path string, w span, survives func() bool) (lost int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := w.from; at < min(w.to, info.Size()); {
		next := min((at/sectorBytes+1)*sectorBytes, w.to, info.Size())
		if !survives() {
			if _, err := f.WriteAt(make([]byte, next-at), at); err != nil {
				t.Fatal(err)
			}
			lost += next - at
		}
		at = next
	}
	return lost
}

// TestPowerCutLosesNothingAcknowledged kills a server at any moment under load, and
// takes from its folder what was not synced: all of it, or one sector in two.
func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	r := cutPower(t, os.Args[0], max(4, 40**sweep/100), "--snapshot-entries", "50", "--snapshot-tail", "10")
	if r.lost > 0 {
		t.Errorf("%d acknowledged sets are lost", r.lost)
	}
	t.Logf("%d power cuts under load, %d sets acknowledged, %d lost, %d of those in flight took effect", r.cut, r.acked, r.lost, r.kept)
}

// TestPowerCutsWithoutFdatasyncLoseSets shows that the test above can fail.
func TestPowerCutsWithoutFdatasyncLoseSets(t *testing.T) {
	t.Parallel()
	original, err := filepath.Abs("../../raft/wal/sync_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	broken, overlay, program := filepath.Join(folder, "sync.go"), filepath.Join(folder, "overlay.json"), filepath.Join(folder, "kvorum")
	text := "package wal\n\nimport \"os\"\n\nfunc datasync(*os.File) error { return nil }\n"
	replace := fmt.Sprintf(`{"Replace": {%q: %q}}`, original, broken)
	if err := errors.Join(os.WriteFile(broken, []byte(text), 0o600), os.WriteFile(overlay, []byte(replace), 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := cutPower(t, program, 1)
	if r.lost == 0 {
		t.Errorf("none of %d acknowledged sets is lost by a power cut, although nothing is synced", r.acked)
	}
	t.Logf("%d of %d acknowledged sets are lost", r.lost, r.acked)
}

// cutPower cuts the power of a server that many times, or until a set is lost.
func cutPower(t *testing.T, program string, times int, args ...string) (sum tally) {
	data, l := dir(t), newLedger()
	args = append(append([]string{"--bootstrap"}, quick...), args...)
	for cut := range times + 1 {
		s := serveBy(t, []string{program}, data, "n1", args...)
		c := clientOf(t, s)
		put(t, c, "first", "connects the client")
		acked, lost, kept := l.check(t, c)
		sum.acked, sum.lost, sum.kept = acked, lost, sum.kept+kept
		if cut == times || lost > 0 || t.Failed() {
			s.stop()
			return sum
		}
		trace := attach(t, s.cmd.Process.Pid)
		l.load(s, c, 20+rand.IntN(200))
		s.exits(-1)
		afterTrace(t, trace.detach()).lose(t, func() bool { return cut%2 == 1 && rand.IntN(2) == 0 })
		sum.cut++
		c.Close()
	}
	return sum
}

// load has eight clients write at once, kills the server when it has acknowledged
// that many sets, and returns when all clients have noticed.
func (l *ledger) load(s testServer, c *client.Client, sets int) {
	var clients sync.WaitGroup
	var acked atomic.Int64
	dying := s.dying()
	for range 8 {
		clients.Go(func() {
			for dying.Err() == nil {
				if l.set(dying, c, rand.IntN(3000)) == nil && acked.Add(1) == int64(sets) {
					_ = s.cmd.Process.Kill()
				}
			}
		})
	}
	clients.Wait()
}
