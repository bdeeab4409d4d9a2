package kv

import (
	"fmt"
	"io"
	"testing"

	"kvorum/raft"
)

// filled returns a store of n keys with values of 256 bytes, and the keys.
func filled(b *testing.B, n int) (*machine, []string) {
	m := newMachine(b)
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%08d", i*7919%n)
		m.apply(Set{Key: keys[i], Value: make([]byte, 256)})
	}
	return m, keys
}

func BenchmarkApplySet256B(b *testing.B) {
	m, keys := filled(b, 100_000)
	entries := make([]raft.Entry, len(keys))
	for i, k := range keys {
		entries[i].Command = Encode(Set{Key: k, Value: make([]byte, 256)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := entries[i%len(entries)]
		e.Index = m.Revision() + 1
		if _, err := m.Apply(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplySetOnce256B(b *testing.B) {
	m, keys := filled(b, 100_000)
	session := uint64(m.apply(OpenSession{}).Revision)
	b.ReportAllocs()
	sequence := uint64(0)
	for b.Loop() {
		sequence++
		m.apply(Set{keys[int(sequence)%len(keys)], make([]byte, 256), &Once{session, sequence, sequence}})
	}
}

func BenchmarkGet(b *testing.B) {
	m, keys := filled(b, 100_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, ok := m.Get(keys[i%len(keys)]); !ok {
			b.Fatal("a key is missing")
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	m, _ := filled(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		n, err := m.Snapshot().WriteTo(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}
