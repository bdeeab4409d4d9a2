package raft

import (
	"fmt"
	"strings"
)

var messageKinds = []string{
	"RequestVote", "RequestVoteResponse", "RequestPreVote", "RequestPreVoteResponse", "AppendEntries",
	"AppendEntriesResponse", "InstallSnapshot", "ReadIndexRequest", "ReadIndexResponse", "TimeoutNow",
}

func kind(m Message) string { return strings.TrimPrefix(fmt.Sprintf("%T", m.Body), "raft.") }

// drawLogs draws all logs as Figure 7 does, one column per index, each entry by
// its term. A star: the server knows that the entry is committed. A tilde: it is
// not on its disk yet. A dot: it is gone, a snapshot stands for it.
func (s *stage) drawLogs() {
	for _, id := range s.ids() {
		r, note := s.servers[id], ""
		if r == nil {
			r, note = New(Config{ID: id, ElectionTicks: 10}, s.disks[id].Saved), "  (down)"
		}
		line := fmt.Sprintf("%s term %-2d", id, r.currentTerm)
		for i := Index(1); i <= r.log.lastIndex(); i++ {
			cell := "."
			if i > r.log.base.Index {
				term, _ := r.log.term(i)
				cell = fmt.Sprint(term)
			}
			if i <= r.commitIndex {
				cell += "*"
			}
			if i > r.stable {
				cell += "~"
			}
			line += fmt.Sprintf(" %-3s", cell)
		}
		s.printf("%s%s\n", strings.TrimRight(line, " "), note)
	}
}

func (s *stage) printStatus(st Status) {
	s.printf("%s %v term=%d vote=%q leader=%q last=%v commit=%d config=%d%v\n", st.ID, st.Role, st.Term, st.VotedFor, st.Leader,
		st.Last, st.CommitIndex, st.ConfigIndex, st.Config)
	for _, p := range st.Peers {
		s.printf("  %s match=%d next=%d %s\n", p.ID, p.MatchIndex, p.NextIndex, p.State)
	}
}
