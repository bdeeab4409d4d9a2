package lab

import (
	"fmt"
	"strings"

	"kvorum/raft"
)

// propertyNames are the five of Figure 3, and what each says.
var (
	propertyNames = [5]string{"Election Safety", "Leader Append-Only", "Log Matching", "Leader Completeness", "State Machine Safety"}
	propertyWords = [5]string{
		"at most one leader can be elected in a given term (§5.2)",
		"a leader never overwrites or deletes entries in its log; it only appends new entries (§5.3)",
		"if two logs contain an entry with the same index and term, then the logs are identical in all entries up through the given index (§5.3)",
		"if a log entry is committed in a given term, then that entry will be present in the logs of the leaders for all higher-numbered terms (§5.4)",
		"if a server has applied a log entry at a given index to its state machine, no other server will ever apply a different log entry for the same index (§5.4.3)",
	}
)

func properties(broken [5]string) []Property {
	var all []Property
	for i, text := range broken {
		all = append(all, Property{propertyNames[i], propertyWords[i], text == "", text})
	}
	return all
}

// statusOf is what a server says of itself.
func statusOf(st raft.Status) Server {
	s := Server{
		ID: string(st.ID), Process: "up", Clock: 1, Role: st.Role.String(), Term: uint64(st.Term), Vote: string(st.VotedFor),
		Votes: []string{}, Leader: string(st.Leader), First: uint64(st.FirstIndex), Last: entryID(st.Last), Durable: uint64(st.Stable),
		Commit: uint64(st.CommitIndex), Applied: uint64(st.LastApplied), Snapshot: entryID(st.Snapshot.ID()),
		Log: []Entry{}, Peers: []Peer{}, Target: string(st.Transferee), State: []KeyVal{},
		Config: Config{ids(st.Config.Voters), ids(st.Config.Old), ids(st.Config.Learners), uint64(st.ConfigIndex), st.ConfigIndex <= st.CommitIndex},
	}
	for _, p := range st.Peers {
		s.Peers = append(s.Peers, Peer{string(p.ID), uint64(p.MatchIndex), uint64(p.NextIndex), p.State, p.SinceContact})
	}
	return s
}

func entryID(id raft.EntryID) EntryID { return EntryID{uint64(id.Index), uint64(id.Term)} }

func ids(of []raft.ServerID) []string {
	all := []string{}
	for _, id := range of {
		all = append(all, string(id))
	}
	return all
}

// entriesOf returns the entries of a log from lo to hi.
func entriesOf(log []raft.Entry, lo, hi uint64) []Entry {
	all := []Entry{}
	for _, e := range log {
		if i := uint64(e.Index); i >= lo && i <= hi {
			kind, text := commandOf(e)
			all = append(all, Entry{i, uint64(e.Term), kind, text})
		}
	}
	return all
}

// messageOf shows a message with its fields in the paper's words.
func messageOf(number int, m raft.Message) Message {
	out := Message{
		Number: number, From: string(m.From), To: string(m.To), Type: strings.TrimPrefix(fmt.Sprintf("%T", m.Body), "raft."),
		Term: uint64(m.Term), Fields: []Field{}, Text: m.String(),
	}
	add := func(name string, value any) { out.Fields = append(out.Fields, Field{name, fmt.Sprint(value)}) }
	add("term", m.Term)
	switch b := m.Body.(type) {
	case raft.RequestVote:
		add("lastLogIndex", b.LastLogIndex)
		add("lastLogTerm", b.LastLogTerm)
	case raft.RequestVoteResponse:
		add("voteGranted", b.VoteGranted)
	case raft.RequestPreVote:
		add("nextTerm", b.NextTerm)
		add("lastLogIndex", b.LastLogIndex)
		add("lastLogTerm", b.LastLogTerm)
	case raft.RequestPreVoteResponse:
		add("nextTerm", b.NextTerm)
		add("voteGranted", b.VoteGranted)
	case raft.AppendEntries:
		add("prevLogIndex", b.PrevLogIndex)
		add("prevLogTerm", b.PrevLogTerm)
		add("entries", entriesText(b.Entries))
		add("leaderCommit", b.LeaderCommit)
		add("round", b.Round)
	case raft.AppendEntriesResponse:
		add("success", b.Success)
		add("match", b.Match)
		add("prevLogIndex", b.PrevLogIndex)
		add("round", b.Round)
	case raft.InstallSnapshot:
		add("lastIncludedIndex", b.Snapshot.LastIncludedIndex)
		add("lastIncludedTerm", b.Snapshot.LastIncludedTerm)
		add("configuration", b.Snapshot.Config)
		add("round", b.Round)
	case raft.ReadIndexRequest:
		add("id", b.ID)
	case raft.ReadIndexResponse:
		add("id", b.ID)
		add("index", b.Index)
	}
	return out
}

// entriesText writes the entries of a message: none, or each with what it holds.
func entriesText(entries []raft.Entry) string {
	var all []string
	for _, e := range entries {
		_, text := commandOf(e)
		all = append(all, fmt.Sprintf("%v %s", e.EntryID, text))
	}
	if len(all) == 0 {
		return "none: a heartbeat"
	}
	return strings.Join(all, ", ")
}
