package raft

// log is the paper's log[], as far as it is kept: all entries that follow the
// last snapshot, and a tail before them for followers that are a little
// behind. It is held in memory; stable storage is read only at start-up.
//
// Ranges lo, hi include both ends.
type log struct {
	snapshot SnapshotMeta // the newest; base.Index ≤ its last index ≤ lastIndex()
	base     EntryID      // the entry before the first that is kept
	entries  []Entry      // entries[i] has index base.Index + 1 + i
	sizes    []int        // sizes[i] is the size of entries[i] and all that were ever before it
	configs  []Index      // where the entries with a Config are
	floor    int          // the size of all entries up to base
}

func newLog(s SnapshotMeta, entries []Entry) log {
	l := log{snapshot: s, base: s.ID()}
	if n := len(entries); n == 0 || entries[n-1].Index < s.LastIncludedIndex {
		return l
	}
	if entries[0].Index > s.LastIncludedIndex+1 {
		panic("raft: entries are missing between the snapshot and the log")
	}
	if entries[0].Index <= s.LastIncludedIndex {
		l.base = EntryID{}
		if entries[0].Index > 1 {
			// Nothing tells the term before the tail, so its first entry is
			// kept as what the others follow.
			l.base, entries = entries[0].EntryID, entries[1:]
		}
	}
	l.add(entries)
	return l
}

func (l *log) firstIndex() Index { return l.base.Index + 1 }
func (l *log) lastIndex() Index  { return l.base.Index + Index(len(l.entries)) }

func (l *log) last() EntryID {
	t, _ := l.term(l.lastIndex())
	return EntryID{l.lastIndex(), t}
}

// term returns the term of the entry at i. It knows base, which every
// AppendEntries that starts at the first entry names as its predecessor.
func (l *log) term(i Index) (Term, bool) {
	switch {
	case i == l.base.Index:
		return l.base.Term, true
	case i < l.base.Index || i > l.lastIndex():
		return 0, false
	}
	return l.entries[i-l.firstIndex()].Term, true
}

// matches reports whether the log contains id. Entries before base are
// covered by a snapshot, hence committed, and so match any leader's log.
func (l *log) matches(id EntryID) bool {
	t, ok := l.term(id.Index)
	return id.Index < l.base.Index || ok && t == id.Term
}

// slice returns the entries from lo to hi.
func (l *log) slice(lo, hi Index) []Entry {
	if lo > hi {
		return nil
	}
	return l.entries[lo-l.firstIndex() : hi-l.firstIndex()+1]
}

// size returns how many bytes the entries from lo to hi count.
func (l *log) size(lo, hi Index) int { return l.sizeUpTo(hi) - l.sizeUpTo(lo-1) }

func (l *log) sizeUpTo(i Index) int {
	if i <= l.base.Index {
		return l.floor
	}
	return l.sizes[i-l.firstIndex()]
}

// fills reports whether the entries from lo to hi leave no room for another.
func (l *log) fills(limit Limit, lo, hi Index) bool {
	return limit.Entries > 0 && hi+1-lo >= Index(limit.Entries) ||
		limit.Bytes > 0 && l.size(lo, hi) >= limit.Bytes
}

// within returns the largest hi such that the entries from lo to hi respect
// the limit, but always at least one entry, however large it is.
func (l *log) within(limit Limit, lo, hi Index) Index {
	if n := Index(limit.Entries); n > 0 {
		hi = min(hi, lo+n-1)
	}
	for limit.Bytes > 0 && hi > lo && l.size(lo, hi) > limit.Bytes {
		hi--
	}
	return hi
}

// append adds entries, first removing any entry that conflicts with one of
// them and all that follow it (AppendEntries receiver rules 3 and 4). It
// returns the index of the first entry it added, or 0.
func (l *log) append(entries []Entry) Index {
	for i, e := range entries {
		if l.matches(e.EntryID) {
			continue
		}
		if e.Index <= l.lastIndex() {
			l.truncate(e.Index)
		}
		l.add(entries[i:])
		return e.Index
	}
	return 0
}

func (l *log) add(entries []Entry) {
	for _, e := range entries {
		l.sizes = append(l.sizes, l.sizeUpTo(l.lastIndex())+e.size())
		l.entries = append(l.entries, e)
		if e.Config != nil {
			l.configs = append(l.configs, e.Index)
		}
	}
}

// truncate removes the entry at i and all that follow it. The slices are
// clipped, so that what is added next does not write over entries that a
// caller of Effects may still hold.
func (l *log) truncate(i Index) {
	keep := i - l.firstIndex()
	l.entries, l.sizes = l.entries[:keep:keep], l.sizes[:keep:keep]
	for n := len(l.configs); n > 0 && l.configs[n-1] >= i; n-- {
		l.configs = l.configs[: n-1 : n-1]
	}
}

// guess returns the last entry at or before bound.Index whose term is at most
// bound.Term: no entry after it can be shared with a log that has bound there.
// Leader and follower both use it to skip a whole term at a time (§5.3). Where
// that would be an entry before base it returns the zero EntryID.
func (l *log) guess(bound EntryID) EntryID {
	for i := min(bound.Index, l.lastIndex()); i > l.base.Index; i-- {
		if t, _ := l.term(i); t <= bound.Term {
			return EntryID{i, t}
		}
	}
	if l.base.Index <= bound.Index && l.base.Term <= bound.Term {
		return l.base
	}
	return EntryID{}
}

// compact notes that s replaces the log up to its last entry, and drops what
// is more than keep entries, or than keepBytes, before that.
func (l *log) compact(s SnapshotMeta, keep Index, keepBytes int) {
	l.snapshot = s
	last := s.LastIncludedIndex
	keep = min(keep, last-l.base.Index)
	for l.size(last-keep+1, last) > keepBytes {
		keep--
	}
	t, _ := l.term(last - keep)
	n := last - keep - l.base.Index
	l.floor = l.sizeUpTo(last - keep)
	l.base = EntryID{last - keep, t}
	// Copied, so that the dropped entries' memory is freed.
	l.entries = append([]Entry(nil), l.entries[n:]...)
	l.sizes = append([]int(nil), l.sizes[n:]...)
	for len(l.configs) > 0 && l.configs[0] <= l.base.Index {
		l.configs = l.configs[1:]
	}
}

// latestConfig returns the last configuration in the log (§6) and its index.
func (l *log) latestConfig() (Configuration, Index) {
	if n := len(l.configs); n > 0 && l.configs[n-1] > l.snapshot.LastIncludedIndex {
		i := l.configs[n-1]
		return *l.entries[i-l.firstIndex()].Config, i
	}
	return l.snapshot.Config, l.snapshot.LastIncludedIndex
}
