package kv

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"kvorum/raft"
)

func (m *machine) watch(f Filter, from raft.Index) *Watcher {
	m.t.Helper()
	w, err := m.Watch(f, from)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(w.Close)
	return w
}

// describe writes changes as "key=value@revision", without a value if it was deleted.
func describe(changes []Change) string {
	var words []string
	for _, c := range changes {
		switch c.Kind {
		case KeySet:
			words = append(words, fmt.Sprintf("%s=%s@%d", c.Key, c.Value, c.Revision))
		case KeyDeleted:
			words = append(words, fmt.Sprintf("%s@%d", c.Key, c.Revision))
		}
	}
	return strings.Join(words, " ")
}

// all is what Next returns until there is no more.
func all(t testing.TB, w *Watcher) (changes []Change) {
	t.Helper()
	for {
		next, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(next) == 0 {
			return changes
		}
		changes = append(changes, next...)
	}
}

func hasNews(w *Watcher) bool {
	select {
	case <-w.News():
		return true
	default:
		return false
	}
}

func TestOnlyWhatChangesAKeyIsAChange(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	w := m.watch(Filter{}, 1)
	session := uint64(m.apply(OpenSession{}).Revision)
	once := &Once{session, 1, 1}
	m.apply(Set{"a", []byte("v"), once})                      // 2
	m.apply(Set{"a", []byte("v"), once})                      // a retry
	m.apply(Set{"a", []byte("v"), &Once{9, 1, 1}})            // an expired session
	m.apply(Set{Key: "a", Value: []byte("v")})                // 5: the same value, another revision
	m.apply(CompareAndSet{Key: "b", Expected: AtRevision(3)}) // not swapped
	m.apply(CompareAndSet{"b", Absent{}, []byte("w"), nil})   // 7
	m.apply(Delete{Key: "c"})                                 // it does not exist
	m.apply(Delete{Key: "a"})                                 // 9
	m.apply(PutServer{ID: "n1"})                              // not a key
	m.apply(Clock{UnixMilli: 2 * SessionTTL.Milliseconds()})  // nor this
	if got, want := describe(all(t, w)), "a=v@2 a=v@5 b=w@7 a@9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if w.Seen() != m.at {
		t.Errorf("seen %d of %d", w.Seen(), m.at)
	}
}

// TestEveryWatcherGetsItsChangesOnceInOrder lets watchers of all kinds come, look and
// fall silent at random times, while random commands are applied. What each gets is
// what the model says that the commands changed.
func TestEveryWatcherGetsItsChangesOnceInOrder(t *testing.T) {
	t.Parallel()
	filters := []Filter{{}, {Prefix: "a"}, {Prefix: "ab"}, {Key: "a"}, {Key: "ab"}, {Key: "nothing"}, {Prefix: "abcdefghij"}}
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m, history := newMachine(t), []Change(nil)
		var watchers []*following
		for range 200 {
			switch rng.IntN(6) {
			case 0:
				f := filters[rng.IntN(len(filters))]
				from := raft.Index(rng.IntN(int(m.at) + 5))
				watchers = append(watchers, follow(m, f, from))
			case 1, 2:
				if len(watchers) > 0 {
					watchers[rng.IntN(len(watchers))].look(t, history)
				}
			default:
				history = append(history, m.applyRandom(rng)...)
			}
		}
		for _, w := range watchers {
			w.look(t, history)
			w.look(t, history)
		}
		if got := replay(history); got != m.contents() {
			t.Fatalf("seed %d: the changes make %s, the store holds %s", seed, got, m.contents())
		}
	}
}

// applyRandom applies a command, and returns what it must have changed.
func (m *machine) applyRandom(rng *rand.Rand) []Change {
	key := []string{"a", "ab", "abc", "b"}[rng.IntN(4)]
	value := fmt.Appendf(nil, "v%d", m.at)
	if rng.IntN(3) > 0 {
		r := m.apply(Set{Key: key, Value: value})
		return []Change{{KeySet, key, value, r.Revision}}
	}
	if r := m.apply(Delete{Key: key}); r.Existed {
		return []Change{{Kind: KeyDeleted, Key: key, Revision: r.Revision}}
	}
	return nil
}

// replay is what a store holds after these changes, as contents writes it.
func replay(changes []Change) string {
	s := newState()
	for _, c := range changes {
		if c.Kind == KeyDeleted {
			s.deleteItem(c.Key)
		} else {
			s.putItem(c.Key, item{c.Value, c.Revision})
		}
	}
	var words []Change
	s.items.Scan(func(key string, i item) bool {
		words = append(words, Change{KeySet, key, i.value, i.revision})
		return true
	})
	return describe(words)
}

// following is a watcher, what it began with and what it got.
type following struct {
	*Watcher
	filter Filter
	from   raft.Index
	got    []Change
	armed  bool // it found nothing when it last looked
}

func follow(m *machine, f Filter, from raft.Index) *following {
	w := &following{Watcher: m.watch(f, from), filter: f, from: from}
	if from == 0 {
		w.from = m.at + 1
	}
	return w
}

// look checks all that the watcher ever got, given all that happened.
func (w *following) look(t *testing.T, history []Change) {
	t.Helper()
	heard := !w.armed || hasNews(w.Watcher)
	before := len(w.got)
	w.got = append(w.got, all(t, w.Watcher)...)
	w.armed = true
	var want []Change
	for _, c := range history {
		if c.Revision >= w.from && w.filter.selects(c.Key) {
			want = append(want, c)
		}
	}
	if !reflect.DeepEqual(w.got, want) {
		t.Fatalf("%+v from %d: got %s, want %s", w.filter, w.from, describe(w.got), describe(want))
	}
	if len(w.got) > before && !heard {
		t.Fatalf("%+v from %d: nothing said that there is %s", w.filter, w.from, describe(w.got[before:]))
	}
}

func TestNewsIsOfSelectedChangesOnly(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	w := m.watch(Filter{Prefix: "users/"}, 0)
	for _, tt := range []struct {
		key  string
		want bool
	}{{"user", false}, {"users", false}, {"visitors/eve", false}, {"users/", true}, {"users/eve", true}} {
		all(t, w)
		m.apply(Set{Key: tt.key})
		if got := hasNews(w); got != tt.want {
			t.Errorf("after a change of %q there is news: %v", tt.key, got)
		}
	}
}

// overflow applies as many changes as make all before them go.
func (m *machine) overflow() {
	for i := range maxChanges {
		m.apply(Set{Key: []string{"other", "others"}[i%2]})
	}
}

func TestAWatcherThatMissedNothingOutlivesItsChanges(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	idle, early := m.watch(Filter{Key: "k"}, 0), m.watch(Filter{Key: "k"}, 9*maxChanges)
	all(t, idle)
	all(t, early)
	m.apply(Set{Key: "j"})
	for range 2 {
		m.overflow()
		if hasNews(idle) || len(all(t, idle)) > 0 || idle.Seen() != m.at {
			t.Errorf("it has seen %d of %d", idle.Seen(), m.at)
		}
	}
	m.apply(Set{Key: "k"})
	if got, want := describe(all(t, idle)), fmt.Sprintf("k=@%d", m.at); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := describe(all(t, early)); got != "" {
		t.Errorf("a watch from %d got %s", 9*maxChanges, got)
	}
}

func expectCompacted(t *testing.T, w *Watcher) {
	t.Helper()
	if changes, err := w.Next(); !errors.Is(err, ErrCompacted) {
		t.Errorf("got %s, %v, want ErrCompacted", describe(changes), err)
	}
}

func TestASlowWatcherIsToldThatItMissedSomething(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	waiting, reading := m.watch(Filter{Prefix: "o"}, 0), m.watch(Filter{}, 1)
	all(t, waiting)
	m.apply(Set{Key: "other"}) // of which both could know
	m.overflow()
	expectCompacted(t, waiting)
	expectCompacted(t, reading)
	for from, want := range map[raft.Index]error{1: ErrCompacted, 2: nil} {
		if _, err := m.Watch(Filter{}, from); !errors.Is(err, want) {
			t.Errorf("from %d: got %v, want %v", from, err, want)
		}
	}
	if n := len(all(t, m.watch(Filter{}, 2))); n != maxChanges {
		t.Errorf("%d changes are held, want %d", n, maxChanges)
	}
}

func TestLargeChangesAreNotHeldWithoutBound(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	value := make([]byte, 1<<20)
	for range 2 * maxChangeBytes / len(value) {
		m.apply(Set{Key: "k", Value: value})
	}
	if m.feed.bytes > maxChangeBytes || m.feed.bytes < maxChangeBytes/2 {
		t.Errorf("%d bytes are held, want about %d", m.feed.bytes, maxChangeBytes)
	}
	m.apply(Set{Key: "larger than all", Value: make([]byte, maxChangeBytes)})
	if got := len(all(t, m.watch(Filter{}, m.at))); got != 1 {
		t.Errorf("got %d changes, want the last one, however large", got)
	}
}

// TestASnapshotIsAGapForWatchers: a server that lagged is given a snapshot, and
// never learns what happened in between.
func TestASnapshotIsAGapForWatchers(t *testing.T) {
	t.Parallel()
	leader := newMachine(t)
	for range 10 {
		leader.apply(Set{Key: "k"})
	}
	m := newMachine(t)
	m.apply(Set{Key: "k"})
	waiting, reading, early := m.watch(Filter{Key: "k"}, 0), m.watch(Filter{}, 1), m.watch(Filter{}, 11)
	all(t, waiting)
	all(t, early)
	if err := m.Restore(bytes.NewReader(leader.snapshot())); err != nil {
		t.Fatal(err)
	}
	if !hasNews(waiting) {
		t.Error("who waits is not told")
	}
	expectCompacted(t, waiting)
	expectCompacted(t, reading)
	m.at = 10
	m.apply(Set{Key: "k"})
	for what, w := range map[string]*Watcher{
		"who began with what follows the snapshot": early, "a newcomer": m.watch(Filter{}, 11),
	} {
		if got, want := describe(all(t, w)), "k=@11"; got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	if _, err := m.Watch(Filter{}, 10); !errors.Is(err, ErrCompacted) {
		t.Errorf("a revision in the snapshot: got %v, want ErrCompacted", err)
	}
}

// TestARevisionIsSeenWhenAllOfItIs: one entry may change more keys than a watcher is
// given at a time.
func TestARevisionIsSeenWhenAllOfItIs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	w := m.watch(Filter{}, 0)
	changes := make([]Change, scanChanges+1)
	for i := range changes {
		changes[i] = Change{Key: fmt.Sprint(i), Revision: 1}
	}
	m.feed.publish(1, changes)
	first, err := w.Next()
	if err != nil || len(first) != scanChanges || w.Seen() != 0 {
		t.Fatalf("got %d changes, %v, and then seen %d, want %d, and 0", len(first), err, w.Seen(), scanChanges)
	}
	if got := append(first, all(t, w)...); describe(got) != describe(changes) || w.Seen() != 1 {
		t.Errorf("got %s, and then seen %d", describe(got), w.Seen())
	}
}

func TestNothingIsKeptOfAWatchThatEnded(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, f := range []Filter{{}, {Key: "k"}, {Prefix: "k"}} {
		a, errA := m.Watch(f, 0)
		b, errB := m.Watch(f, 0)
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		b.Close()
		all(t, a)
		if m.apply(Set{Key: "k"}); !hasNews(a) {
			t.Errorf("%+v: the end of one watch ends another", f)
		}
		a.Close()
	}
	for n, count := range m.feed.lengths {
		if count != 0 {
			t.Errorf("%d prefixes of length %d are left", count, n)
		}
	}
	if len(m.feed.topics) != 0 {
		t.Errorf("left: %v", m.feed.topics)
	}
}

func TestWatchersReadWhileCommandsAreApplied(t *testing.T) {
	t.Parallel()
	const n = 5000
	m := newMachine(t)
	var watching sync.WaitGroup
	for _, f := range []Filter{{}, {Key: "k1"}, {Prefix: "k"}, {Prefix: "k1"}} {
		w := m.watch(f, 0)
		watching.Go(func() {
			for last := raft.Index(0); w.Seen() < n; {
				changes, err := w.Next()
				if err != nil {
					t.Error(err)
					return
				}
				for _, c := range changes {
					if c.Revision <= last || !f.selects(c.Key) {
						t.Errorf("%+v: got %+v after revision %d", f, c, last)
					}
					last = c.Revision
				}
				if len(changes) == 0 && w.Seen() < n {
					<-w.News()
				}
			}
		})
	}
	for i := range n {
		m.apply(Set{Key: fmt.Sprint("k", (n-i)%3)}) // all see the last
	}
	watching.Wait()
}
