package raft

import "fmt"

// One notation serves scripts, traces, the simulator and tools. A message is one
// line: who -> whom, which RPC, and its fields as in Figure 2, without what only
// matches an answer to its request.

// String writes the entry's index and term, as in 5.2.
func (id EntryID) String() string { return fmt.Sprintf("%d.%d", id.Index, id.Term) }

// String writes the entry's ID, and the configuration that it holds, if any.
func (e Entry) String() string {
	if e.Config != nil {
		return fmt.Sprintf("%v:%v", e.EntryID, e.Config)
	}
	return e.EntryID.String()
}

// String writes {S1,S2,S3}, with learners {S1,S2+S3}, and C-old,new {S1,S2>S2,S3}.
func (c Configuration) String() string {
	voters := list("", c.Voters)
	if c.Joint() {
		voters = list("", c.Old) + list(">", c.Voters)
	}
	return "{" + voters + list("+", c.Learners) + "}"
}

func list(mark string, ids []ServerID) (text string) {
	for _, id := range ids {
		text += mark + string(id)
		mark = ","
	}
	return text
}

// String writes the message, as in S1 -> S2 RequestVote term=3 last=5.2.
func (m Message) String() string {
	kind := fmt.Sprintf("%T", m.Body)[len("raft."):]
	return fmt.Sprintf("%s -> %s %s term=%d", m.From, m.To, kind, m.Term) + m.Body.fields()
}

func (b RequestVote) fields() string {
	return fmt.Sprintf(" last=%d.%d", b.LastLogIndex, b.LastLogTerm)
}
func (b RequestPreVote) fields() string {
	return fmt.Sprintf(" next=%d last=%d.%d", b.NextTerm, b.LastLogIndex, b.LastLogTerm)
}
func (b RequestPreVoteResponse) fields() string {
	return fmt.Sprintf(" next=%d granted=%v", b.NextTerm, b.VoteGranted)
}
func (b AppendEntries) fields() string {
	return fmt.Sprintf(" prev=%d.%d entries=%v commit=%d", b.PrevLogIndex, b.PrevLogTerm, b.Entries, b.LeaderCommit)
}
func (b AppendEntriesResponse) fields() string {
	return fmt.Sprintf(" success=%v match=%v", b.Success, b.Match)
}
func (b InstallSnapshot) fields() string {
	return fmt.Sprintf(" last=%v config=%v", b.Snapshot.ID(), b.Snapshot.Config)
}
func (b RequestVoteResponse) fields() string { return fmt.Sprintf(" granted=%v", b.VoteGranted) }
func (b ReadIndexRequest) fields() string    { return fmt.Sprintf(" id=%d", b.ID) }
func (b ReadIndexResponse) fields() string   { return fmt.Sprintf(" id=%d index=%d", b.ID, b.Index) }
func (TimeoutNow) fields() string            { return "" }
