package sim

import (
	"encoding/binary"
	"slices"

	"kvorum/raft"
)

// slot is an entry with what follows from the log up to it.
type slot struct {
	raft.Entry
	chain    uint64              // hash of this entry and all before it
	config   *raft.Configuration // the latest configuration in the log up to here, and
	configAt raft.Index          // where that is; 0: what the server started from
}

// extend returns log with entries in the place of what follows them. It may
// write over the old log's memory.
func extend(log []slot, entries []raft.Entry) []slot {
	log = log[:entries[0].Index]
	for _, e := range entries {
		before := log[len(log)-1]
		s := slot{e, hash(before.chain, e), before.config, before.configAt}
		if e.Config != nil {
			s.config, s.configAt = e.Config, e.Index
		}
		log = append(log, s)
	}
	return log
}

// hash folds an entry into a hash of all before it.
func hash(before uint64, e raft.Entry) uint64 {
	h := fold(before, uint64(e.Index), uint64(e.Term))
	h = foldBytes(h, e.Command)
	if e.Config != nil {
		for _, ids := range [][]raft.ServerID{e.Config.Voters, e.Config.Old, e.Config.Learners} {
			h = fold(h, uint64(len(ids)))
			for _, id := range ids {
				h = foldBytes(h, []byte(id))
			}
		}
	}
	return h
}

// fold is FNV-1a with words in the place of bytes.
func fold(h uint64, words ...uint64) uint64 {
	for _, w := range words {
		h = (h ^ w) * 0x100000001b3
		h ^= h >> 29
	}
	return h
}

func foldBytes(h uint64, b []byte) uint64 {
	h = fold(h, uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		h = fold(h, binary.LittleEndian.Uint64(b))
	}
	for _, x := range b {
		h = fold(h, uint64(x))
	}
	return h
}

// account is what is durable on a disk, by what was saved there.
type account struct {
	hard     raft.HardState
	snapshot raft.SnapshotMeta
	log      []slot     // log[i] is entry i
	discard  raft.Index // entries up to here are gone, and log knows them only from hearsay
}

func (a *account) last() slot { return a.log[len(a.log)-1] }

// holds reports whether the entry at i, and so all before it, is there.
func (a *account) holds(i raft.Index, chain uint64) bool {
	return int(i) < len(a.log) && a.log[i].chain == chain
}

// matches reports whether the entry is there, as far as its id says which it is:
// of one that is compacted, a server may not know the term.
func (a *account) matches(id raft.EntryID) bool {
	return int(id.Index) < len(a.log) && (id.Term == 0 || a.log[id.Index].Term == id.Term)
}

// save does to the account what a batch does to a disk.
func (a *account) save(o *observer, p raft.Persist) {
	if p.HardState != nil {
		a.hard = *p.HardState
	}
	if p.Snapshot != nil {
		a.install(o, *p.Snapshot)
	}
	if len(p.Entries) > 0 {
		a.log = extend(a.log, p.Entries)
	}
	a.discard = max(a.discard, p.Discard)
}

func (a *account) install(o *observer, meta raft.SnapshotMeta) {
	last := meta.LastIncludedIndex
	if int(last) >= len(a.log) || a.log[last].Term != meta.LastIncludedTerm {
		a.log, a.discard = o.prefix(last), last
	}
	if last > a.snapshot.LastIncludedIndex {
		a.snapshot = meta
	}
}

// interrupted returns what a disk may hold if a crash came while the batches
// were saved: nothing of them, all, or what came before or with a snapshot.
func (a account) interrupted(o *observer, batches []raft.Persist) []account {
	states := []account{a}
	a.log = slices.Clone(a.log)
	for _, p := range batches {
		if p.HardState != nil {
			a.hard = *p.HardState
		}
		if p.Snapshot != nil {
			states = append(states, a.clone())
			a.install(o, *p.Snapshot)
			states = append(states, a.clone())
		}
		a.save(o, raft.Persist{Entries: p.Entries, Discard: p.Discard})
	}
	return append(states, a)
}

func (a account) clone() account {
	a.log = slices.Clone(a.log)
	return a
}
