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

// describe writes a message on one line. An entry is written index.term.
func describe(m Message) string {
	head := fmt.Sprintf("%s -> %s %s term=%d", m.From, m.To, kind(m), m.Term)
	switch b := m.Body.(type) {
	case RequestVote:
		return head + fmt.Sprintf(" last=%d.%d", b.LastLogIndex, b.LastLogTerm)
	case RequestPreVote:
		return head + fmt.Sprintf(" next=%d last=%d.%d", b.NextTerm, b.LastLogIndex, b.LastLogTerm)
	case RequestVoteResponse:
		return head + fmt.Sprintf(" granted=%v", b.VoteGranted)
	case RequestPreVoteResponse:
		return head + fmt.Sprintf(" next=%d granted=%v", b.NextTerm, b.VoteGranted)
	case AppendEntries:
		return head + fmt.Sprintf(" prev=%d.%d entries=%s commit=%d", b.PrevLogIndex, b.PrevLogTerm, entries(b.Entries), b.LeaderCommit)
	case AppendEntriesResponse:
		return head + fmt.Sprintf(" success=%v match=%d.%d", b.Success, b.Match.Index, b.Match.Term)
	case InstallSnapshot:
		return head + fmt.Sprintf(" last=%d.%d config=%s", b.Snapshot.LastIncludedIndex, b.Snapshot.LastIncludedTerm, members(b.Snapshot.Config))
	case ReadIndexRequest:
		return head + fmt.Sprintf(" id=%d", b.ID)
	case ReadIndexResponse:
		return head + fmt.Sprintf(" id=%d index=%d", b.ID, b.Index)
	}
	return head
}

func entries(all []Entry) string {
	words := make([]string, len(all))
	for i, e := range all {
		words[i] = fmt.Sprintf("%d.%d", e.Index, e.Term)
		if e.Config != nil {
			words[i] += ":" + members(*e.Config)
		}
	}
	return "[" + strings.Join(words, " ") + "]"
}

// members writes a configuration: voters, or old voters > new voters; + learners.
func members(c Configuration) string {
	join := func(ids []ServerID) string {
		words := make([]string, len(ids))
		for i, id := range ids {
			words[i] = string(id)
		}
		return strings.Join(words, ",")
	}
	text := join(c.Voters)
	if c.Joint() {
		text = join(c.Old) + ">" + text
	}
	if len(c.Learners) > 0 {
		text += "+" + join(c.Learners)
	}
	return "{" + text + "}"
}

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
	s.printf("%s %v term=%d vote=%q leader=%q last=%d.%d commit=%d config=%d%s\n", st.ID, st.Role, st.Term, st.VotedFor, st.Leader,
		st.Last.Index, st.Last.Term, st.CommitIndex, st.ConfigIndex, members(st.Config))
	for _, p := range st.Peers {
		s.printf("  %s match=%d next=%d %s\n", p.ID, p.MatchIndex, p.NextIndex, p.State)
	}
}
