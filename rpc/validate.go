package rpc

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"kvorum/raft"
)

// Nobody ever counts this far; sums and successors of these fit in 64 bits.
const (
	maxTerm  = math.MaxInt64
	maxIndex = math.MaxInt64
)

// validate reports what no correct server would say in m. The core trusts its
// peers, so that its rules read like the paper's; a message from a broken or
// hostile one must not get that far. In particular a term must leave room for
// the elections to come, and no message mentions a term beyond its own.
func validate(m raft.Message) error {
	if m.Term > maxTerm {
		return fmt.Errorf("term %d is out of range", m.Term)
	}
	switch b := m.Body.(type) {
	case raft.RequestVote:
		return validateID(raft.EntryID{Index: b.LastLogIndex, Term: b.LastLogTerm}, m.Term)
	case raft.RequestPreVote:
		if b.NextTerm <= m.Term || b.NextTerm > maxTerm {
			return fmt.Errorf("the term after %d is not %d", m.Term, b.NextTerm)
		}
		return validateID(raft.EntryID{Index: b.LastLogIndex, Term: b.LastLogTerm}, m.Term)
	case raft.AppendEntries:
		return validateAppend(b, m.Term)
	case raft.AppendEntriesResponse:
		return validateID(b.Match, m.Term)
	case raft.InstallSnapshot:
		if b.Snapshot.LastIncludedIndex == 0 {
			return errors.New("a snapshot of nothing")
		}
		return errors.Join(validateID(b.Snapshot.ID(), m.Term), validateConfig(b.Snapshot.Config))
	}
	return nil
}

// validateID checks a position in a log that a server of the given term holds.
func validateID(id raft.EntryID, term raft.Term) error {
	switch {
	case id.Term > term:
		return fmt.Errorf("entry %d is of term %d, after term %d", id.Index, id.Term, term)
	case id.Index > maxIndex:
		return fmt.Errorf("index %d is out of range", id.Index)
	}
	return nil
}

// validateAppend checks that entries are consecutive and their terms never fall,
// as in every log.
func validateAppend(a raft.AppendEntries, term raft.Term) error {
	prev := raft.EntryID{Index: a.PrevLogIndex, Term: a.PrevLogTerm}
	if err := validateID(prev, term); err != nil {
		return err
	}
	for _, e := range a.Entries {
		if e.Index != prev.Index+1 || e.Term < prev.Term || e.Term == 0 {
			return fmt.Errorf("entry %d of term %d follows entry %d of term %d", e.Index, e.Term, prev.Index, prev.Term)
		}
		if err := validateID(e.EntryID, term); err != nil {
			return err
		}
		if e.Config != nil {
			if err := validateConfig(*e.Config); err != nil {
				return fmt.Errorf("entry %d: %w", e.Index, err)
			}
		}
		prev = e.EntryID
	}
	return nil
}

func validateConfig(c raft.Configuration) error {
	switch {
	case len(c.Voters) == 0:
		return errors.New("a configuration without voters")
	case slices.Contains(c.Servers(), raft.None):
		return errors.New("a configuration with a nameless server")
	}
	return nil
}
