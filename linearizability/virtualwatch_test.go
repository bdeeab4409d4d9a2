package linearizability

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// stretch is what a watch of all keys told without a gap: of revisions from to seen,
// every change.
type stretch struct {
	from, seen raft.Index
	changes    []kv.Change
}

// virtualWatches follow all changes at every replica, through crashes and snapshots.
type virtualWatches struct {
	stop      func() // once each has looked for the last time
	stretches [][]stretch
}

func (v *virtual) watch() *virtualWatches {
	ctx, cancel := context.WithCancel(context.Background())
	all := &virtualWatches{stretches: make([][]stretch, len(v.replicas))}
	var watching sync.WaitGroup
	for i := range v.replicas {
		watching.Go(func() { all.stretches[i] = v.watchReplica(ctx, i) })
	}
	all.stop = func() { cancel(); watching.Wait() }
	return all
}

// watchReplica goes on after a crash where it was. Where it learns that it cannot, it
// begins anew from what there is.
func (v *virtual) watchReplica(ctx context.Context, i int) (told []stretch) {
	from := raft.Index(1)
	for ctx.Err() == nil {
		_, store := v.at(i)
		w, err := store.Watch(kv.Filter{}, from)
		if err == nil {
			s := stretch{from: w.Seen() + 1}
			err = s.follow(ctx, w, func() bool { _, now := v.at(i); return now != store })
			w.Close()
			told = append(told, s)
			from = s.seen + 1
		}
		if errors.Is(err, kv.ErrCompacted) {
			from = 0
		}
	}
	return told
}

// follow adds to s what w tells until ctx ends or the replica has crashed.
func (s *stretch) follow(ctx context.Context, w *kv.Watcher, crashed func() bool) error {
	for last := false; ; {
		changes, err := w.Next()
		if err != nil {
			return err
		}
		s.changes, s.seen = append(s.changes, changes...), w.Seen()
		if len(changes) > 0 {
			continue
		}
		if last || crashed() {
			return nil
		}
		select {
		case <-w.News():
		case <-time.After(virtualTick):
		case <-ctx.Done():
			last = true
		}
	}
}

// expectAgreement checks that all stretches are of one sequence of changes, that none
// of them lacks a change, and that the sequence makes the state that there is.
func (w *virtualWatches) expectAgreement(t *testing.T, store *kv.Store) {
	t.Helper()
	byRevision := map[raft.Index]kv.Change{} // a command changes one key at most
	for _, s := range slices.Concat(w.stretches...) {
		for _, c := range s.changes {
			if other, ok := byRevision[c.Revision]; ok && (other.Kind != c.Kind || other.Key != c.Key || string(other.Value) != string(c.Value)) {
				t.Errorf("one watch says %+v, another %+v", c, other)
			}
			byRevision[c.Revision] = c
		}
	}
	sequence := slices.SortedFunc(maps.Values(byRevision), func(a, b kv.Change) int { return cmp.Compare(a.Revision, b.Revision) })
	for i, stretches := range w.stretches {
		for _, s := range stretches {
			s.expect(t, i, sequence)
		}
	}
	keys := map[string]string{}
	for _, c := range sequence {
		keys[c.Key] = string(c.Value)
		if c.Kind == kv.KeyDeleted {
			delete(keys, c.Key)
		}
	}
	for item := range store.View().List("", "", 0) {
		if value, ok := keys[item.Key]; !ok || value != string(item.Value) {
			t.Errorf("key %s holds %s, by the changes %q", item.Key, item.Value, value)
		}
		delete(keys, item.Key)
	}
	if len(keys) > 0 {
		t.Errorf("by the changes there are also %v", keys)
	}
}

// expect checks that s is the part of sequence that it says it is.
func (s stretch) expect(t *testing.T, replica int, sequence []kv.Change) {
	t.Helper()
	var want, got []raft.Index
	for _, c := range sequence {
		if s.from <= c.Revision && c.Revision <= s.seen {
			want = append(want, c.Revision)
		}
	}
	for _, c := range s.changes {
		got = append(got, c.Revision)
	}
	if !slices.Equal(got, want) {
		t.Errorf("replica %d, revisions %d to %d: told of %v, want %v", replica, s.from, s.seen, got, want)
	}
}
