package sim

import (
	"fmt"
	"strings"

	"kvorum/raft"
)

// describe writes a message on one line, as the scripts in raft/testdata do. An
// entry is written index.term.
func describe(m raft.Message) string {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", m.Body), "raft.")
	head := fmt.Sprintf("%s -> %s %s term=%d", short(m.From), short(m.To), kind, m.Term)
	switch b := m.Body.(type) {
	case raft.RequestVote:
		return head + fmt.Sprintf(" last=%d.%d", b.LastLogIndex, b.LastLogTerm)
	case raft.RequestPreVote:
		return head + fmt.Sprintf(" next=%d last=%d.%d", b.NextTerm, b.LastLogIndex, b.LastLogTerm)
	case raft.RequestVoteResponse:
		return head + fmt.Sprintf(" granted=%v", b.VoteGranted)
	case raft.RequestPreVoteResponse:
		return head + fmt.Sprintf(" next=%d granted=%v", b.NextTerm, b.VoteGranted)
	case raft.AppendEntries:
		return head + fmt.Sprintf(" prev=%d.%d entries=%s commit=%d", b.PrevLogIndex, b.PrevLogTerm, entries(b.Entries), b.LeaderCommit)
	case raft.AppendEntriesResponse:
		return head + fmt.Sprintf(" success=%v match=%d.%d", b.Success, b.Match.Index, b.Match.Term)
	case raft.InstallSnapshot:
		return head + fmt.Sprintf(" last=%d.%d config=%s", b.Snapshot.LastIncludedIndex, b.Snapshot.LastIncludedTerm, members(b.Snapshot.Config))
	case raft.ReadIndexRequest:
		return head + fmt.Sprintf(" id=%d", b.ID)
	case raft.ReadIndexResponse:
		return head + fmt.Sprintf(" id=%d index=%d", b.ID, b.Index)
	}
	return head
}

func entries(all []raft.Entry) string {
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
func members(config raft.Configuration) string {
	join := func(ids []raft.ServerID) string {
		words := make([]string, len(ids))
		for i, id := range ids {
			words[i] = short(id)
		}
		return strings.Join(words, ",")
	}
	text := join(config.Voters)
	if config.Joint() {
		text = join(config.Old) + ">" + text
	}
	if len(config.Learners) > 0 {
		text += "+" + join(config.Learners)
	}
	return "{" + text + "}"
}
