package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// damage changes what is stored, as a bad disk does. What it may not touch is
// the very end of the log: there damage cannot be told from a torn write (see
// package wal), and no log could notice it.
func (c *cluster) damage(s *server, r *rand.Rand) {
	d := &s.disk
	names, _ := d.fs.ReadDir(folder) // never fails
	last := lastSegment(names)
	name := oneOf(r, names...)
	path := filepath.Join(folder, name)
	content := d.fs.ReadFile(path)
	if name == last {
		content = content[:beforeLastRecords(content)]
	}
	if len(content) == 0 {
		return
	}
	d.damaged = true
	whole := d.fs.ReadFile(path)
	at := r.IntN(len(content))
	if strings.HasPrefix(name, "log-") && name != last && r.IntN(4) == 0 {
		c.tracef("%s loses the file %s", s, name)
		d.fs.Remove(path)
		d.fs.SyncDir(folder)
		return
	}
	if r.IntN(3) == 0 {
		c.tracef("%s: a sector of %s is zeroed, at %d", s, name, at&^511)
		clear(whole[at&^511 : min(at|511+1, len(content))])
	} else {
		c.tracef("%s: a bit of %s is flipped, at %d", s, name, at)
		whole[at] ^= 1 << r.IntN(8)
	}
	d.fs.WriteFile(path, whole)
}

func lastSegment(names []string) (last string) {
	for _, name := range names {
		if strings.HasPrefix(name, "log-") && !strings.HasSuffix(name, ".tmp") {
			last = max(last, name)
		}
	}
	return last
}

// beforeLastRecords returns where the last but one record of a segment begins:
// the last may be torn, and then the one before it is the last.
func beforeLastRecords(segment []byte) int {
	const header, recordHeader = 48, 12
	starts := []int{0, 0}
	for at := header; at+recordHeader <= len(segment); {
		starts = append(starts, at)
		n := int(binary.LittleEndian.Uint32(segment[at:]))
		if n == 0 || n > len(segment) {
			starts = slices.Delete(starts, len(starts)-1, len(starts))
			break
		}
		at += recordHeader + n
	}
	return starts[len(starts)-2]
}
