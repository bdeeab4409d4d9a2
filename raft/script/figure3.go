package script

import (
	"fmt"
	"maps"
	"slices"

	"kvorum/raft"
)

// figure3 checks the five properties of Figure 3 whenever a server has been asked
// for its effects. Committed is what a leader said.
type figure3 struct {
	broken    [5]string
	leaders   map[raft.Term]raft.ServerID
	before    map[raft.EntryID]raft.EntryID // the entry that stands before one, in every log
	roles     map[raft.ServerID]raft.HardState
	committed []raft.EntryID // committed[i] has index i+1
	applied   map[raft.Index]raft.EntryID
}

const (
	electionSafety = iota
	leaderAppendOnly
	logMatching
	leaderCompleteness
	stateMachineSafety
)

func newFigure3() figure3 {
	return figure3{
		leaders: map[raft.Term]raft.ServerID{}, before: map[raft.EntryID]raft.EntryID{},
		roles: map[raft.ServerID]raft.HardState{}, applied: map[raft.Index]raft.EntryID{},
	}
}

func (f figure3) clone() figure3 {
	f.leaders, f.before, f.roles = maps.Clone(f.leaders), maps.Clone(f.before), maps.Clone(f.roles)
	f.committed, f.applied = slices.Clone(f.committed), maps.Clone(f.applied)
	return f
}

func (f *figure3) fail(property int, format string, args ...any) {
	if f.broken[property] == "" {
		f.broken[property] = fmt.Sprintf(format, args...)
	}
}

// check looks at a server after it was asked for its effects, at its log now, and
// as it was before.
func (f *figure3) check(st raft.Status, before, log []raft.Entry, fx *raft.Effects) {
	leads := raft.HardState{CurrentTerm: st.Term, VotedFor: st.ID}
	led := f.roles[st.ID] == leads
	delete(f.roles, st.ID)
	f.checkMatching(st.ID, log)
	if st.Role == raft.Leader {
		f.roles[st.ID] = leads
		if led {
			f.checkAppendOnly(st.ID, before, fx)
		} else {
			f.checkElected(st, log)
		}
		f.commit(st, log)
	}
	for _, e := range fx.Committed {
		if other, known := f.applied[e.Index]; known && other != e.EntryID {
			f.fail(stateMachineSafety, "%s applies %v, where another has applied %v", st.ID, e.EntryID, other)
		}
		f.applied[e.Index] = e.EntryID
	}
}

func (f *figure3) checkMatching(id raft.ServerID, log []raft.Entry) {
	for i := 1; i < len(log); i++ {
		previous, known := f.before[log[i].EntryID]
		if known && previous != log[i-1].EntryID {
			f.fail(logMatching, "in %s's log %v follows %v, in another %v", id, log[i].EntryID, log[i-1].EntryID, previous)
		}
		f.before[log[i].EntryID] = log[i-1].EntryID
	}
}

func (f *figure3) checkAppendOnly(id raft.ServerID, before []raft.Entry, fx *raft.Effects) {
	if len(before) > 0 && len(fx.Persist.Entries) > 0 && fx.Persist.Entries[0].Index <= before[len(before)-1].Index {
		f.fail(leaderAppendOnly, "%s leads and replaces its entries from %d on", id, fx.Persist.Entries[0].Index)
	}
}

func (f *figure3) checkElected(st raft.Status, log []raft.Entry) {
	if other, taken := f.leaders[st.Term]; taken && other != st.ID {
		f.fail(electionSafety, "%s and %s both lead term %d", other, st.ID, st.Term)
	}
	f.leaders[st.Term] = st.ID
	for _, id := range f.committed[min(len(f.committed), int(st.FirstIndex-1)):] {
		if !slices.ContainsFunc(log, func(e raft.Entry) bool { return e.EntryID == id }) {
			f.fail(leaderCompleteness, "%s leads term %d without %v, which is committed", st.ID, st.Term, id)
		}
	}
}

// commit notes what a leader has newly committed.
func (f *figure3) commit(st raft.Status, log []raft.Entry) {
	for _, e := range log {
		if e.Index == raft.Index(len(f.committed)+1) && e.Index <= st.CommitIndex {
			f.committed = append(f.committed, e.EntryID)
		}
	}
}
