package kv

import (
	"fmt"
	"testing"

	"kvorum/raft"
)

// BenchmarkWatchApply is what a set costs while others watch: each a key of its own,
// each a prefix of its own, or all of them the key that is set, none of whom has
// come round to looking again.
func BenchmarkWatchApply(b *testing.B) {
	for _, kind := range []struct {
		name   string
		filter func(i int) Filter
	}{
		{"other-keys", func(i int) Filter { return Filter{Key: fmt.Sprintf("other-%08d", i)} }},
		{"other-prefixes", func(i int) Filter { return Filter{Prefix: fmt.Sprintf("other-%d/", i)} }},
		{"this-key", func(int) Filter { return Filter{Key: "key-00000001"} }},
	} {
		for _, n := range []int{0, 1, 100, 10_000} {
			b.Run(fmt.Sprintf("%s/watchers=%d", kind.name, n), func(b *testing.B) { benchmarkWatchApply(b, n, kind.filter) })
		}
	}
}

func benchmarkWatchApply(b *testing.B, watchers int, filter func(i int) Filter) {
	m, _ := filled(b, 10_000)
	for i := range watchers {
		w, err := m.Watch(filter(i), 0)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Next(); err != nil {
			b.Fatal(err)
		}
	}
	e := raft.Entry{Command: Encode(Set{Key: "key-00000001", Value: make([]byte, 256)})}
	b.ReportAllocs()
	for b.Loop() {
		e.Index = m.Revision() + 1
		if _, err := m.Apply(e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWatchNext is what a watcher pays for each change, if its filter selects all.
func BenchmarkWatchNext(b *testing.B) {
	m, _ := filled(b, scanChanges)
	w, err := m.Watch(Filter{}, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	for b.Loop() {
		w.next, w.from, w.news = 0, 1, nil
		if changes, err := w.Next(); len(changes) != scanChanges || err != nil {
			b.Fatal(len(changes), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/scanChanges, "ns/change")
}
