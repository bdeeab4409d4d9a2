package script

import (
	"fmt"
	"strings"

	"kvorum/raft"
)

// drawLogs draws all logs as Figure 7 does, one column per index, each entry by
// its term. A star: the server knows that the entry is committed. A tilde: it is
// not on its disk yet. A dot: it is gone, a snapshot stands for it.
func (s *Stage) drawLogs() {
	for _, v := range s.Servers() {
		note := ""
		if !v.Running {
			note = "  (down)"
		}
		line := fmt.Sprintf("%s term %-2d", v.ID, v.Status.Term)
		for i := raft.Index(1); i <= v.Status.Last.Index; i++ {
			cell := "."
			if i >= v.Status.FirstIndex {
				cell = fmt.Sprint(v.Log[i-v.Status.FirstIndex].Term)
			}
			if i <= v.Status.CommitIndex {
				cell += "*"
			}
			if i > v.Status.Stable {
				cell += "~"
			}
			line += fmt.Sprintf(" %-3s", cell)
		}
		s.printf("%s%s\n", strings.TrimRight(line, " "), note)
	}
}

func (s *Stage) printStatus(st raft.Status) {
	s.printf("%s %v term=%d vote=%q leader=%q last=%v commit=%d config=%d%v\n", st.ID, st.Role, st.Term, st.VotedFor, st.Leader,
		st.Last, st.CommitIndex, st.ConfigIndex, st.Config)
	for _, p := range st.Peers {
		s.printf("  %s match=%d next=%d %s\n", p.ID, p.MatchIndex, p.NextIndex, p.State)
	}
}
