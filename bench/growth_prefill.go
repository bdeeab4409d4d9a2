package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

// measureTinyKeys goes further than measureKeys, with small values and servers that
// start with their keys: to write ten million one by one takes a quarter of an hour.
func (g *growth) measureTinyKeys(ctx context.Context) error {
	const bytes = 16
	for _, n := range g.series.sizes {
		if err := g.measureTiny(ctx, n, bytes); err != nil {
			return fmt.Errorf("%d keys: %w", n, err)
		}
	}
	return nil
}

func (g *growth) measureTiny(ctx context.Context, n, bytes int) (err error) {
	called := fmt.Sprintf("kvorum-%d", n)
	if err := prefill(g.dir, called, n, bytes); err != nil {
		return err
	}
	progress("tiny-keys: start servers with %d keys", n)
	k, err := startKvorum(ctx, called, g.program, g.dir, usualConnections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	k.called = "kvorum"
	if err := g.measureAt(ctx, n, bytes, []keeper{k}); err != nil {
		return err
	}
	return g.measureSnapshot(ctx, n, k)
}

// prefill makes the folders of a cluster of three servers that hold n keys.
func prefill(dir, called string, n, bytes int) (err error) {
	state, random := kv.New(), rand.New(rand.NewPCG(6, 0))
	for i := range n {
		if i%100_000 == 0 {
			progress("tiny-keys: %d of %d in the folders", i, n)
		}
		set := kv.Encode(kv.Set{Key: key(i), Value: newValue(bytes, random)})
		if _, err := state.Apply(raft.Entry{EntryID: raft.EntryID{Index: raft.Index(i + 1), Term: 1}, Command: set}); err != nil {
			return err
		}
	}
	var stores []*wal.Store
	defer func() {
		for _, s := range stores {
			err = errors.Join(err, s.Close())
		}
	}()
	meta := raft.SnapshotMeta{LastIncludedIndex: raft.Index(n), LastIncludedTerm: 1}
	for i := range 3 {
		name := fmt.Sprintf("%s-%d", called, i+1)
		store, err := wal.Open(wal.OS(), filepath.Join(dir, name), wal.Options{Name: name})
		if err != nil {
			return err
		}
		stores = append(stores, store)
		meta.Config.Voters = append(meta.Config.Voters, node.NewID(name, store.Identity().Incarnation))
	}
	for _, store := range stores {
		if err := store.Bootstrap("00000000000000000000000000000001", meta.Config.Voters...); err != nil {
			return err
		}
		// A log in the snapshot's term is what would have come before it.
		if err := store.Save([]raft.Persist{{Seq: 1, HardState: &raft.HardState{CurrentTerm: meta.LastIncludedTerm}}}); err != nil {
			return err
		}
		if _, err := store.WriteSnapshot(meta, state.Snapshot()); err != nil {
			return err
		}
	}
	return nil
}
