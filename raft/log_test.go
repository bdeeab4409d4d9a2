package raft

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// logOf returns a log with entries of these terms, from index 1 on. A negative
// term is an entry with a configuration.
func logOf(terms ...int) log {
	l := newLog(SnapshotMeta{}, nil)
	l.add(entriesFrom(1, terms...))
	return l
}

func entriesFrom(first Index, terms ...int) (all []Entry) {
	for i, t := range terms {
		e := Entry{EntryID: EntryID{first + Index(i), Term(max(t, -t))}}
		if t < 0 {
			e.Config = &Configuration{Voters: []ServerID{ServerID(fmt.Sprint(e.Index))}}
		}
		all = append(all, e)
	}
	return all
}

func termsOf(l *log) (terms []int) {
	for i := l.firstIndex(); i <= l.lastIndex(); i++ {
		t, _ := l.term(i)
		terms = append(terms, int(t))
	}
	return terms
}

// AppendEntries receiver rules 3 and 4 (Figure 2).
func TestAppendReplacesOnlyWhatConflicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		entries []Entry
		want    []int
		first   Index
	}{
		{"nothing", nil, []int{1, 1, 2, 2, 3}, 0},
		{"a stale request with a prefix truncates nothing", entriesFrom(1, 1, 1, 2), []int{1, 1, 2, 2, 3}, 0},
		{"all of it again", entriesFrom(1, 1, 1, 2, 2, 3), []int{1, 1, 2, 2, 3}, 0},
		{"more", entriesFrom(6, 3, 4), []int{1, 1, 2, 2, 3, 3, 4}, 6},
		{"an overlap and more", entriesFrom(4, 2, 3, 3), []int{1, 1, 2, 2, 3, 3}, 6},
		{"a conflict removes all that follows", entriesFrom(3, 3), []int{1, 1, 3}, 3},
		{"an overlap and a conflict", entriesFrom(2, 1, 2, 3, 3), []int{1, 1, 2, 3, 3}, 4},
		{"a conflict at the first entry", entriesFrom(1, 4), []int{4}, 1},
	} {
		l := logOf(1, 1, 2, 2, 3)
		if first := l.append(c.entries); first != c.first || !slices.Equal(termsOf(&l), c.want) {
			t.Errorf("%s: got %v from %d on, want %v from %d on", c.name, termsOf(&l), first, c.want, c.first)
		}
	}
}

// What Effects gave out stays as it was, whatever the log goes through.
func TestTruncatingDoesNotOverwriteWhatWasHandedOut(t *testing.T) {
	t.Parallel()
	l := logOf(1, 1, 1)
	handed := l.slice(1, 3)
	l.append(entriesFrom(2, 2, 2))
	for _, e := range handed {
		if e.Term != 1 {
			t.Fatalf("a caller's entry became %v", e.EntryID)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	l := logOf(1, 1, 2, 2, 3)
	l.compact(SnapshotMeta{LastIncludedIndex: 3, LastIncludedTerm: 2}, 0, 0)
	for _, c := range []struct {
		id   EntryID
		want bool
	}{
		{EntryID{0, 0}, true}, {EntryID{2, 1}, true}, {EntryID{2, 9}, true}, // covered by the snapshot
		{EntryID{3, 2}, true}, {EntryID{3, 1}, false}, // the snapshot's last entry
		{EntryID{4, 2}, true}, {EntryID{4, 3}, false}, {EntryID{5, 3}, true}, {EntryID{6, 3}, false},
	} {
		if got := l.matches(c.id); got != c.want {
			t.Errorf("matches(%v): got %v, want %v", c.id, got, c.want)
		}
	}
}

// guess skips a term at a time (§5.3), and never skips an entry that could be shared.
func TestGuess(t *testing.T) {
	t.Parallel()
	plain, compacted := logOf(1, 1, 4, 4, 5, 5, 6), logOf(1, 1, 4, 4, 5, 5, 6)
	compacted.compact(SnapshotMeta{LastIncludedIndex: 4, LastIncludedTerm: 4}, 0, 0)
	for _, c := range []struct {
		l           *log
		bound, want EntryID
	}{
		{&plain, EntryID{9, 6}, EntryID{7, 6}},
		{&plain, EntryID{9, 5}, EntryID{6, 5}},
		{&plain, EntryID{7, 4}, EntryID{4, 4}},
		{&plain, EntryID{3, 4}, EntryID{3, 4}},
		{&plain, EntryID{7, 3}, EntryID{2, 1}},
		{&plain, EntryID{7, 0}, EntryID{0, 0}},
		{&compacted, EntryID{9, 5}, EntryID{6, 5}},
		{&compacted, EntryID{9, 4}, EntryID{4, 4}},
		{&compacted, EntryID{9, 3}, EntryID{}}, // before what is kept
		{&compacted, EntryID{3, 6}, EntryID{}},
	} {
		if got := c.l.guess(c.bound); got != c.want {
			t.Errorf("guess(%v) from %v on: got %v, want %v", c.bound, c.l.base, got, c.want)
		}
	}
}

func TestWithinGivesAtLeastOneEntry(t *testing.T) {
	t.Parallel()
	l := newLog(SnapshotMeta{}, nil)
	for i, bytes := range []int{10, 1000, 10, 10} {
		l.add([]Entry{{EntryID: EntryID{Index(i + 1), 1}, Command: make([]byte, bytes)}})
	}
	for _, c := range []struct {
		limit  Limit
		lo, hi Index
		want   Index
	}{
		{Limit{}, 1, 4, 4},
		{Limit{Entries: 2}, 1, 4, 2},
		{Limit{Entries: 9}, 1, 4, 4},
		{Limit{Bytes: 1}, 1, 4, 1},
		{Limit{Bytes: 100}, 1, 4, 1},
		{Limit{Bytes: 100}, 2, 4, 2}, // too large, and alone
		{Limit{Bytes: 2 * (10 + entryOverhead)}, 3, 4, 4},
		{Limit{Bytes: 2*(10+entryOverhead) - 1}, 3, 4, 3},
		{Limit{Entries: 1, Bytes: 5000}, 1, 4, 1},
	} {
		if got := l.within(c.limit, c.lo, c.hi); got != c.want {
			t.Errorf("within(%+v, %d, %d): got %d, want %d", c.limit, c.lo, c.hi, got, c.want)
		}
	}
}

// Sizes are sums that survive truncation and compaction.
func TestSizeCountsExactlyTheEntriesAsked(t *testing.T) {
	t.Parallel()
	l := newLog(SnapshotMeta{}, nil)
	add := func(first Index, term Term, sizes ...int) {
		var all []Entry
		for i, n := range sizes {
			all = append(all, Entry{EntryID: EntryID{first + Index(i), term}, Command: make([]byte, n)})
		}
		l.append(all)
	}
	check := func(when string, lo, hi Index, commands ...int) {
		t.Helper()
		want := 0
		for _, n := range commands {
			want += n + entryOverhead
		}
		if got := l.size(lo, hi); got != want {
			t.Errorf("%s: size(%d, %d): got %d, want %d", when, lo, hi, got, want)
		}
	}
	add(1, 1, 1, 2, 3, 4, 5)
	check("new", 1, 5, 1, 2, 3, 4, 5)
	check("new", 2, 3, 2, 3)
	check("new", 4, 3)
	add(4, 2, 40, 50, 60)
	check("truncated", 3, 6, 3, 40, 50, 60)
	l.compact(SnapshotMeta{LastIncludedIndex: 4, LastIncludedTerm: 2}, 1, math.MaxInt)
	check("compacted", 4, 6, 40, 50, 60)
	check("compacted: what is gone does not count", 1, 4, 40)
}

func TestCompactKeepsATailAndTheTermBeforeIt(t *testing.T) {
	t.Parallel()
	one := logOf(1)
	size := one.size(1, 1)
	for _, c := range []struct {
		last, keep Index
		keepBytes  int
		base       EntryID
		want       []int
	}{
		{3, 0, 9999, EntryID{3, 2}, []int{2, 3}},
		{3, 2, 9999, EntryID{1, 1}, []int{1, 2, 2, 3}},
		{3, 3, 9999, EntryID{}, []int{1, 1, 2, 2, 3}},
		{3, 9, 9999, EntryID{}, []int{1, 1, 2, 2, 3}},
		{5, 0, 9999, EntryID{5, 3}, nil},
		{3, 9, 2 * size, EntryID{1, 1}, []int{1, 2, 2, 3}},
		{3, 9, 2*size - 1, EntryID{2, 1}, []int{2, 2, 3}},
		{3, 9, 0, EntryID{3, 2}, []int{2, 3}},
	} {
		l := logOf(1, 1, 2, 2, 3)
		term, _ := l.term(c.last)
		l.compact(SnapshotMeta{LastIncludedIndex: c.last, LastIncludedTerm: term}, c.keep, c.keepBytes)
		if l.base != c.base || !slices.Equal(termsOf(&l), c.want) || l.last() != (EntryID{5, 3}) {
			t.Errorf("compact(%d, keep %d, %d bytes): got %v after %v, want %v after %v", c.last, c.keep, c.keepBytes, termsOf(&l), l.base, c.want, c.base)
		}
	}
}

func TestNewLogTakesATail(t *testing.T) {
	t.Parallel()
	snapshot := SnapshotMeta{LastIncludedIndex: 3, LastIncludedTerm: 2}
	for _, c := range []struct {
		name    string
		s       SnapshotMeta
		entries []Entry
		base    EntryID
		want    []int
	}{
		{"nothing", SnapshotMeta{}, nil, EntryID{}, nil},
		{"no snapshot", SnapshotMeta{}, entriesFrom(1, 1, 1), EntryID{}, []int{1, 1}},
		{"no entries", snapshot, nil, EntryID{3, 2}, nil},
		{"entries follow the snapshot", snapshot, entriesFrom(4, 2, 3), EntryID{3, 2}, []int{2, 3}},
		{"a tail from the beginning", snapshot, entriesFrom(1, 1, 1, 2, 2), EntryID{}, []int{1, 1, 2, 2}},
		{"a tail: its first entry is what the others follow", snapshot, entriesFrom(2, 1, 2, 2), EntryID{2, 1}, []int{2, 2}},
		{"a tail that ends with the snapshot", snapshot, entriesFrom(2, 1, 2), EntryID{2, 1}, []int{2}},
		{"the snapshot's last entry alone", snapshot, entriesFrom(3, 2), EntryID{3, 2}, nil},
		{"all entries are older than the snapshot", snapshot, entriesFrom(1, 1, 1), EntryID{3, 2}, nil},
	} {
		if l := newLog(c.s, c.entries); l.base != c.base || !slices.Equal(termsOf(&l), c.want) {
			t.Errorf("%s: got %v after %v, want %v after %v", c.name, termsOf(&l), l.base, c.want, c.base)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a gap between the snapshot and the log is not noticed")
		}
	}()
	newLog(snapshot, entriesFrom(5, 3))
}

// The configuration in force is a function of the log alone: the latest in it,
// or the snapshot's (§6).
func TestLatestConfigFollowsTheLog(t *testing.T) {
	t.Parallel()
	l := newLog(SnapshotMeta{Config: Configuration{Voters: []ServerID{"0"}}}, nil)
	check := func(when string, want Index) {
		t.Helper()
		config, at := l.latestConfig()
		if at != want || config.Voters[0] != ServerID(fmt.Sprint(want)) {
			t.Errorf("%s: got %v at %d, want the one at %d", when, config, at, want)
		}
	}
	check("empty", 0)
	l.add(entriesFrom(1, 1, -1, 1, -1, 1))
	check("appended", 4)
	l.append(entriesFrom(4, 2))
	check("the last was truncated", 2)
	l.append(entriesFrom(5, -2, 2))
	check("another was appended", 5)
	meta := SnapshotMeta{LastIncludedIndex: 3, LastIncludedTerm: 1, Config: Configuration{Voters: []ServerID{"3"}}}
	l.compact(meta, 3, math.MaxInt)
	check("compacted, the latest kept", 5)
	l.append(entriesFrom(5, 3))
	check("the latest truncated: the snapshot's, not one in the tail", 3)
	l = newLog(meta, entriesFrom(1, 1, -1, 1, 2))
	check("restarted with a tail", 3)
}

// A follower that appends to a long log does not pay for its length.
func TestAppendingDoesNotCopyTheLog(t *testing.T) {
	var terms []int
	for range 10_000 {
		terms = append(terms, 1)
	}
	l := newLog(SnapshotMeta{}, nil)
	l.append(entriesFrom(1, terms...))
	one := []Entry{{}}
	copies := testing.AllocsPerRun(1000, func() {
		one[0].EntryID = EntryID{l.lastIndex() + 1, 1}
		l.append(one)
	})
	if copies >= 1 {
		t.Errorf("%v allocations for each entry appended, want the slices to grow now and then", copies)
	}
}
