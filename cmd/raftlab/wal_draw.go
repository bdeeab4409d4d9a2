package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"kvorum/raft"
	"kvorum/raft/wal"
)

const (
	foldAfter   = 8   // columns that are alike are drawn in full up to here
	drawingWide = 100 // characters in a line, unless a server's name needs more
)

// column is one index, or several at which no row changes.
type column struct {
	lo, hi raft.Index // inclusive
	cells  []string   // a row each
}

func (c column) title() string {
	if c.lo == c.hi {
		return fmt.Sprint(c.lo)
	}
	return fmt.Sprintf("%d..%d", c.lo, c.hi)
}

// draw draws the logs.
func draw(out io.Writer, rows []row) {
	columns := unfold(fold(rows))
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.name
	}
	for len(columns) > 0 {
		lines := pad(append([]string{""}, names...))
		n := 0
		for ; n < len(columns); n++ {
			added := pad(append([]string{columns[n].title()}, columns[n].cells...))
			if n > 0 && utf8.RuneCountInString(lines[0]+added[0])+2 > drawingWide {
				break
			}
			for i := range lines {
				lines[i] += "  " + added[i]
			}
		}
		columns = columns[n:]
		fmt.Fprintln(out)
		for _, line := range lines {
			fmt.Fprintln(out, strings.TrimRight(line, " "))
		}
	}
	fmt.Fprintln(out)
}

// pad makes all words as wide as the widest.
func pad(words []string) []string {
	wide := 0
	for _, w := range words {
		wide = max(wide, utf8.RuneCountInString(w))
	}
	for i, w := range words {
		words[i] = fmt.Sprintf("%-*s", wide, w)
	}
	return words
}

// fold makes one column of all neighbours that are alike.
func fold(rows []row) (columns []column) {
	first, last := rows[0].first(), raft.Index(0)
	for _, r := range rows {
		first, last = min(first, r.first()), max(last, r.last().Index)
	}
	if first > 1 {
		columns = append(columns, column{1, first - 1, cells(rows, first-1)})
	}
	for i := first; i <= last; i++ {
		now := cells(rows, i)
		if n := len(columns); n > 0 && slices.Equal(columns[n-1].cells, now) {
			columns[n-1].hi = i
		} else {
			columns = append(columns, column{i, i, now})
		}
	}
	return columns
}

// unfold makes single columns of those that stand for few.
func unfold(folded []column) (columns []column) {
	for _, c := range folded {
		if c.hi-c.lo >= foldAfter {
			columns = append(columns, c)
			continue
		}
		for i := c.lo; i <= c.hi; i++ {
			columns = append(columns, column{i, i, c.cells})
		}
	}
	return columns
}

func cells(rows []row, index raft.Index) []string {
	cells := make([]string, len(rows))
	for i, r := range rows {
		cells[i] = r.cell(index)
	}
	return cells
}

func (r row) cell(index raft.Index) string {
	term := r.term(index)
	switch {
	case index > r.last().Index:
		return ""
	case term == 0:
		return "."
	}
	text := fmt.Sprint(term)
	if index == r.saved.Snapshot.LastIncludedIndex {
		text = "[" + text + "]"
	}
	if index <= r.commit {
		text += "*"
	}
	return text
}

// logMatching reports two logs that have an entry of the same index and term,
// and differ in it or before it (§5.3).
func logMatching(rows []row) (broken error) {
	for i, a := range rows {
		for _, b := range rows[:i] {
			broken = errors.Join(broken, logsMatch(b, a))
		}
	}
	return broken
}

func logsMatch(a, b row) error {
	agreed := raft.EntryID{} // the last entry that both have
	for i := min(a.last().Index, b.last().Index); i >= max(a.first(), b.first()); i-- {
		if agreed.Index == 0 && a.term(i) == b.term(i) {
			agreed = raft.EntryID{Index: i, Term: a.term(i)}
		}
		if agreed.Index == 0 {
			continue
		}
		x, inA := a.entry(i)
		y, inB := b.entry(i)
		if a.term(i) != b.term(i) || inA && inB && !sameEntry(x, y) {
			return fmt.Errorf("LOG MATCHING IS BROKEN (§5.3): %s and %s both have %v, and at %d %s has %d.%d %s, %s has %d.%d %s",
				a.name, b.name, agreed, i, a.name, i, a.term(i), description{}.entry(x), b.name, i, b.term(i), description{}.entry(y))
		}
	}
	return nil
}

func sameEntry(a, b raft.Entry) bool {
	return bytes.Equal(a.Command, b.Command) && (a.Config == nil) == (b.Config == nil) &&
		(a.Config == nil || a.Config.String() == b.Config.String())
}

// equalSnapshots reports snapshots that end at the same index and are not the
// same: servers that have applied the same entries write the same bytes.
func equalSnapshots(rows []row) (broken error) {
	first := map[raft.Index]wal.SnapshotFile{}
	for _, r := range rows {
		for _, s := range r.snapshots {
			other, found := first[s.Meta.LastIncludedIndex]
			switch {
			case s.Damage != nil:
			case !found:
				first[s.Meta.LastIncludedIndex] = s
			case s.CRC != other.CRC || s.Meta.ID() != other.Meta.ID():
				broken = errors.Join(broken, fmt.Errorf("STATE MACHINE SAFETY IS BROKEN (§5.4.3), unless different versions of kvorum wrote them: "+
					"%s and %s differ", other.File, s.File))
			}
		}
	}
	return broken
}
