package kv

import (
	"errors"
	"fmt"
	"strings"

	"kvorum/raft"
)

// ErrCompacted is wrapped by the error of a watch whose changes are no longer held by
// this server. Another may hold them. Otherwise what happened in between is lost to
// the watcher: look at the state as it is now (View), and watch from its revision on.
var ErrCompacted = errors.New("the changes asked for are no longer held here")

// Change is what one entry of the log did to one key. An entry may change several.
type Change struct {
	Kind     ChangeKind
	Key      string
	Value    []byte // of a KeySet, nil otherwise; shared, so not to be modified
	Revision raft.Index
}

// ChangeKind is what happened to a key.
type ChangeKind uint8

const (
	// KeySet: the key holds Value now.
	KeySet ChangeKind = iota
	// KeyDeleted: the key existed, and does not any more.
	KeyDeleted
)

func (c Change) size() int { return len(c.Key) + len(c.Value) }

// Filter selects changes by their key. The zero Filter selects all.
type Filter struct {
	Key    string // this key only, unless empty
	Prefix string // the keys that begin with it, if Key is empty
}

func (f Filter) selects(key string) bool {
	if f.Key != "" {
		return key == f.Key
	}
	return strings.HasPrefix(key, f.Prefix)
}

// Watcher reads changes at its own pace: those that its filter selects, in the order
// of the log, each once. It holds none of them, and Apply never waits for it. It
// belongs to one goroutine, which must Close it.
type Watcher struct {
	feed   *feed
	filter Filter
	topic  *topic
	next   uint64     // the position in the feed to look at next
	from   raft.Index // the lowest revision of which there may be changes to come
	news   *signal    // tells of changes from next on; nil: there may be some already
}

// Watch returns a watcher of the changes from a revision on, which need not be
// reached yet. From 0 means from now: after the last entry that was applied.
// It fails with ErrCompacted if not all of these changes are held.
func (s *Store) Watch(f Filter, from raft.Index) (*Watcher, error) {
	return s.feed.watch(f, from)
}

const (
	// scanChanges is how many changes a watcher looks at before it lets Apply in.
	scanChanges = 256
	// batchBytes is the size of keys and values at which a batch is large enough.
	batchBytes = 256 << 10
)

// Next returns the next changes without waiting, or none if there are none yet: News
// tells when to call it again. It fails with ErrCompacted if the watcher was so
// slow that changes which it has not seen are no longer held, or if they were
// skipped, because this server lagged and was given a snapshot in their place.
func (w *Watcher) Next() ([]Change, error) {
	for {
		changes, err := w.scan()
		if len(changes) > 0 || err != nil || w.news != nil {
			return changes, err
		}
	}
}

// News returns a channel that is closed once there is something for Next to return,
// or once there may be.
func (w *Watcher) News() <-chan struct{} {
	if w.news == nil {
		return closed
	}
	return w.news.fired
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Seen returns the revision up to which, inclusive, Next has returned everything.
func (w *Watcher) Seen() raft.Index { return w.from - 1 }

// scan looks at the next few changes. If there are no more, it sets news.
func (w *Watcher) scan() (selected []Change, err error) {
	f := w.feed
	f.mu.RLock()
	defer f.mu.RUnlock()
	w.advance()
	if w.next < f.first {
		if w.from <= f.compacted {
			return nil, f.compactedError(w.from)
		}
		w.next = f.first
	}
	bytes := 0
	for stop := min(w.next+scanChanges, f.end); w.next < stop && bytes < batchBytes; w.next++ {
		c := f.at(w.next)
		if c.Revision >= w.from && w.filter.selects(c.Key) {
			selected = append(selected, *c)
			bytes += c.size()
		}
		w.from = max(w.from, c.Revision)
	}
	if w.next == f.end {
		w.from = max(w.from, f.revision+1)
		if len(selected) == 0 {
			w.news = w.topic.news
		}
	}
	return selected, nil
}

// advance passes over the changes that the filter does not select, as far as the
// feed knows them, so that nobody looks at every change but who wants most of them.
func (w *Watcher) advance() {
	switch {
	case w.news == nil:
	case w.news.isFired():
		w.next = max(w.next, w.news.at)
		w.news = nil
	default:
		w.next = w.feed.end
	}
}

// Close ends the watch.
func (w *Watcher) Close() { w.feed.forget(w) }

func (f *feed) compactedError(from raft.Index) error {
	return fmt.Errorf("%w: revision %d was asked for, they begin after revision %d", ErrCompacted, from, f.compacted)
}
