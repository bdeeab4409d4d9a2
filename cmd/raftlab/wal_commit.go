package main

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
)

// markCommitted notes in each row which of its entries are committed, as far as
// the rows prove it, and returns the proof in words.
func markCommitted(rows []row) string {
	witness, index, proof := committed(rows)
	for i, r := range rows {
		// A server applies only what is committed.
		rows[i].commit = r.saved.Snapshot.LastIncludedIndex
		// Of what comes after, the same index need not hold the same entry: go down
		// to one that both have (§5.3).
		for at := min(index, r.last().Index); at > rows[i].commit; at-- {
			if r.term(at) == witness.term(at) {
				rows[i].commit = at
			}
		}
	}
	if index == 0 {
		return "These folders prove of no entry that it is committed."
	}
	return fmt.Sprintf("Committed at least up to %d: %s.", index, proof)
}

// committed returns a server with the last entry of which the rows prove that it
// is committed, that entry's index, and the proof; the index is 0 if there is none.
func committed(rows []row) (witness row, index raft.Index, proof string) {
	for _, r := range rows {
		if at := r.saved.Snapshot.LastIncludedIndex; at > index {
			witness, index, proof = r, at, fmt.Sprintf("%s has a snapshot up to there", r.name)
		}
	}
	for _, r := range rows {
		if r.last().Index <= index {
			continue
		}
		var names []string
		var have []raft.ServerID
		for _, other := range rows {
			if other.stillHas(r.last()) {
				names, have = append(names, other.name), append(have, other.identity.ServerID())
			}
		}
		if !slices.ContainsFunc(rows, func(r row) bool { return !isQuorum(r, have) }) {
			witness, index = r, r.last().Index
			proof = fmt.Sprintf("%s have %v and are in no later term", strings.Join(names, " and "), r.last())
		}
	}
	return witness, index, proof
}

// stillHas reports whether the server has the entry and is in its term. Then it
// has voted in no later term yet, and will in none vote for a server without the
// entry (§5.4.1). If a quorum is like this, no leader of a later term was or will
// be without it (§5.4.3): it is committed.
func (r row) stillHas(id raft.EntryID) bool {
	return r.saved.HardState.CurrentTerm == id.Term && r.last().Term == id.Term && r.last().Index >= id.Index
}

// isQuorum reports whether the servers are a quorum of the row's configuration (§6).
func isQuorum(r row, servers []raft.ServerID) bool {
	c, _ := configuration(r.saved)
	isMajority := func(voters []raft.ServerID) bool {
		n := 0
		for _, id := range voters {
			if slices.Contains(servers, id) {
				n++
			}
		}
		return n > len(voters)/2
	}
	return isMajority(c.Voters) && (!c.Joint() || isMajority(c.Old))
}
