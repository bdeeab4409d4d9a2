package wal

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

var fullCorruption = flag.Bool("corruption.full", false, "flip every bit of a header, not one in each byte, and 20 times as many elsewhere")

// report counts what damage of one kind, to one kind of file, came to.
type report map[[2]string]*[outcomes]int

func (r report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "damage\tfile\ttried\tdetected\tharmless\treplaced\tlast record lost\tend lost\twrong\t")
	for _, key := range slices.SortedFunc(maps.Keys(r), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		tried := 0
		for _, n := range r[key] {
			tried += n
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t", key[0], key[1], tried)
		for _, n := range r[key] {
			fmt.Fprintf(w, "%d\t", n)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.String()
}

// corruption applies damage and counts.
type corruption struct {
	*folderImage
	t      *testing.T
	rng    *rand.Rand
	report report
}

func (c *corruption) try(kind, name, what string, damage map[string][]byte) {
	file := strings.TrimSuffix(strings.SplitAfter(filepath.Base(name), "-")[0], "-")
	if name == c.last {
		file = "log, last"
	}
	outcome, why := c.start(c.t, damage)
	key := [2]string{kind, file}
	if c.report[key] == nil {
		c.report[key] = &[outcomes]int{}
	}
	c.report[key][outcome]++
	if outcome == wrong {
		c.t.Errorf("%s, %s %s: %s", kind, name, what, why)
	}
}

func (c *corruption) flip(kind, name string, at int64, bit int) {
	if at < int64(len(c.files[name])) {
		c.try(kind, name, fmt.Sprintf("bit %d of byte %d", bit, at), c.changed(name, func(b []byte) { b[at] ^= 1 << bit }))
	}
}

func (c *corruption) cut(kind, name string, at int64) {
	c.try(kind, name, fmt.Sprintf("at %d", at), map[string][]byte{name: c.files[name][:at:at]})
}

// bits returns the bits to flip in a byte.
func (c *corruption) bits() []int {
	if *fullCorruption {
		return []int{0, 1, 2, 3, 4, 5, 6, 7}
	}
	return []int{c.rng.IntN(8)}
}

func (c *corruption) times(sampled int) int {
	if *fullCorruption {
		return 20 * sampled
	}
	return sampled
}

// file damages one file in all ways.
func (c *corruption) file(name string) {
	content := c.files[name]
	size := int64(len(content))
	for _, at := range c.boundaries(name) {
		for _, at := range []int64{at - 1, at, at + 1} {
			for _, bit := range c.bits() {
				c.flip("bit flip at a record's boundary", name, at, bit)
			}
		}
		c.cut("cut at a record's boundary", name, at)
	}
	for _, at := range c.headerBytes(name) {
		for _, bit := range c.bits() {
			c.flip("bit flip in a header", name, at, bit)
		}
	}
	for range c.times(100) {
		c.flip("bit flip anywhere", name, c.rng.Int64N(size), c.rng.IntN(8))
		c.cut("cut anywhere", name, c.rng.Int64N(size))
	}
	c.try("removed", name, "", map[string][]byte{name: nil})
	for i, old := range c.older[name] {
		if step := max(1, len(c.older[name])/c.times(10)); i%step == 0 {
			c.try("older version", name, fmt.Sprint(i), map[string][]byte{name: old})
		}
	}
	c.pages(name)
}

// pages overwrites whole pages, as a disk does that loses or misdirects a write.
func (c *corruption) pages(name string) {
	const page, sector = 4096, 512
	size := len(c.files[name])
	for at := 0; at < size; at += page {
		c.try("4 KiB of zeros", name, fmt.Sprintf("at %d", at), c.changed(name, func(b []byte) { clear(b[at:min(at+page, size)]) }))
	}
	names := slices.Sorted(maps.Keys(c.files))
	for range c.times(20) {
		at := c.rng.IntN(size) &^ (sector - 1)
		c.try("512 bytes of noise", name, fmt.Sprintf("at %d", at), c.changed(name, func(b []byte) {
			for i := at; i < min(at+sector, size); i++ {
				b[i] = byte(c.rng.Uint32())
			}
		}))
		other := c.files[names[c.rng.IntN(len(names))]]
		from := c.rng.IntN(len(other)) &^ (sector - 1)
		c.try("512 bytes from elsewhere", name, fmt.Sprintf("at %d", at), c.changed(name, func(b []byte) {
			copy(b[at:], other[from:min(from+sector, len(other))])
		}))
	}
}

// TestDamageIsNoticedOrHarmless damages one place of a folder at a time, and
// starts a server on it. What package wal cannot notice is counted apart: where
// the damage has hit all records from some point to the end of the log, they are
// taken for never written. make corruption prints the table in full.
func TestDamageIsNoticedOrHarmless(t *testing.T) {
	t.Parallel()
	c := &corruption{makeFolderImage(t), t, rand.New(rand.NewPCG(1, 2)), report{}}
	if outcome, why := c.start(t, nil); outcome != harmless {
		t.Fatalf("without damage: %s", why)
	}
	names := slices.Sorted(maps.Keys(c.files))
	for i, name := range names {
		c.file(name)
		for _, other := range names[:i] {
			c.try("swapped with another", name, other, map[string][]byte{name: c.files[other], other: c.files[name]})
		}
	}
	t.Logf("\n%s", c.report)
	for key, n := range c.report {
		flip := strings.HasPrefix(key[0], "bit flip") || strings.HasPrefix(key[0], "cut")
		if n[endLost] > 0 && flip || n[lastLost]+n[endLost] > 0 && key[1] != "log, last" {
			t.Errorf("%s of %s lost something: %v", key[0], key[1], *n)
		}
	}
}
