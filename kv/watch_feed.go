package kv

import (
	"sort"
	"sync"

	"kvorum/raft"
)

const (
	// maxChanges is how many changes a server holds for watchers.
	maxChanges = 1 << 16
	// maxChangeBytes is how large the keys and values in them may be together. The
	// last change is held whatever its size.
	maxChangeBytes = 64 << 20
)

// feed is the recent changes, for the watchers. It is no part of the state: each
// server has those that it has applied since it started, or since it was given a
// snapshot, as far as they fit.
type feed struct {
	// mu guards all of it. Ownership would not do, as with Store.mu: Apply adds to
	// the feed, and every watcher reads it at its own pace. They share the lock for
	// scanChanges changes at a time, and Apply waits for no more than that.
	mu    sync.RWMutex
	ring  []Change // the change at position p is ring[p%len(ring)]
	first uint64   // the position of the oldest change that is held
	end   uint64   // one after the position of the newest
	bytes int      // the size of all

	compacted raft.Index // of the entries after this one every change is held
	revision  raft.Index // of the last entry applied

	topics  map[Filter]*topic
	lengths []int // lengths[n] topics are of prefixes of n bytes
}

// topic is a filter that somebody watches with.
type topic struct {
	watchers int
	news     *signal // of the next change that the filter selects
}

// signal is fired by the first change that a filter selects from some moment on. So
// there is none for a watcher between that moment and the change's position.
type signal struct {
	fired chan struct{} // closed when at is known
	at    uint64
}

func newSignal() *signal { return &signal{fired: make(chan struct{})} }

func (s *signal) isFired() bool {
	select {
	case <-s.fired:
		return true
	default:
		return false
	}
}

func (t *topic) fire(at uint64) {
	t.news.at = at
	close(t.news.fired)
	t.news = newSignal()
}

func (f *feed) at(position uint64) *Change { return &f.ring[position%uint64(len(f.ring))] }

// publish adds what the entry at revision has changed, and wakes those who wait for
// any of it. Its cost does not depend on how many others wait.
func (f *feed) publish(revision raft.Index, changes []Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision = revision
	for _, c := range changes {
		f.add(c)
		if len(f.topics) > 0 {
			f.tell(c.Key, f.end-1)
		}
	}
}

func (f *feed) add(c Change) {
	f.bytes += c.size()
	for f.first < f.end && (f.bytes > maxChangeBytes || f.end-f.first == maxChanges) {
		f.drop()
	}
	if int(f.end-f.first) == len(f.ring) {
		f.grow()
	}
	f.end++
	*f.at(f.end - 1) = c
}

func (f *feed) drop() {
	oldest := f.at(f.first)
	f.compacted = oldest.Revision
	f.bytes -= oldest.size()
	*oldest = Change{}
	f.first++
}

func (f *feed) grow() {
	ring := make([]Change, max(64, 2*len(f.ring)))
	for p := f.first; p < f.end; p++ {
		ring[p%uint64(len(ring))] = *f.at(p)
	}
	f.ring = ring
}

// tell fires the topics that the change of key, at the given position, belongs to.
func (f *feed) tell(key string, position uint64) {
	if t := f.topics[Filter{Key: key}]; t != nil && key != "" {
		t.fire(position)
	}
	for n := range min(len(key)+1, len(f.lengths)) {
		if f.lengths[n] == 0 {
			continue
		}
		if t := f.topics[Filter{Prefix: key[:n]}]; t != nil {
			t.fire(position)
		}
	}
}

// reset forgets all changes: the state is now that of a snapshot as of the given
// revision. What lies between is a position that nobody holds, so that a watcher
// that has not seen everything up to there finds that it has missed something.
func (f *feed) reset(revision raft.Index) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end++
	f.ring, f.first, f.bytes = nil, f.end, 0
	f.compacted, f.revision = revision, revision
	for _, t := range f.topics {
		t.fire(f.end - 1)
	}
}

func (f *feed) watch(filter Filter, from raft.Index) (*Watcher, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from == 0 {
		from = f.revision + 1
	}
	if from <= f.compacted {
		return nil, f.compactedError(from)
	}
	held := sort.Search(int(f.end-f.first), func(i int) bool { return f.at(f.first+uint64(i)).Revision >= from })
	return &Watcher{feed: f, filter: filter, topic: f.join(filter), next: f.first + uint64(held), from: from}, nil
}

// join counts one more watcher in. There is one topic for all with the same filter.
func (f *feed) join(filter Filter) *topic {
	t := f.topics[filter]
	if t == nil {
		t = &topic{news: newSignal()}
		f.topics[filter] = t
		f.count(filter, +1)
	}
	t.watchers++
	return t
}

func (f *feed) forget(w *Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.topic.watchers--; w.topic.watchers == 0 {
		delete(f.topics, w.filter)
		f.count(w.filter, -1)
	}
}

// count keeps lengths.
func (f *feed) count(filter Filter, change int) {
	if filter.Key != "" {
		return
	}
	n := len(filter.Prefix)
	for len(f.lengths) <= n {
		f.lengths = append(f.lengths, 0)
	}
	f.lengths[n] += change
}
