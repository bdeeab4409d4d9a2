package rpc

import (
	"errors"
	"fmt"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
)

var errUnknownBody = errors.New("a message of an unknown type")

// toProto converts m for the wire. From and To are left out: they are said once,
// in the Hello of the stream.
func toProto(m raft.Message) *peerv1.Message {
	p := &peerv1.Message{Term: uint64(m.Term)}
	switch b := m.Body.(type) {
	case raft.RequestVote:
		p.Body = &peerv1.Message_RequestVote{RequestVote: &peerv1.RequestVote{
			LastLogIndex: uint64(b.LastLogIndex), LastLogTerm: uint64(b.LastLogTerm)}}
	case raft.RequestVoteResponse:
		p.Body = &peerv1.Message_RequestVoteResponse{RequestVoteResponse: &peerv1.RequestVoteResponse{
			VoteGranted: b.VoteGranted}}
	case raft.RequestPreVote:
		p.Body = &peerv1.Message_RequestPreVote{RequestPreVote: &peerv1.RequestPreVote{
			NextTerm: uint64(b.NextTerm), LastLogIndex: uint64(b.LastLogIndex), LastLogTerm: uint64(b.LastLogTerm)}}
	case raft.RequestPreVoteResponse:
		p.Body = &peerv1.Message_RequestPreVoteResponse{RequestPreVoteResponse: &peerv1.RequestPreVoteResponse{
			NextTerm: uint64(b.NextTerm), VoteGranted: b.VoteGranted}}
	case raft.AppendEntries:
		p.Body = &peerv1.Message_AppendEntries{AppendEntries: &peerv1.AppendEntries{
			PrevLogIndex: uint64(b.PrevLogIndex), PrevLogTerm: uint64(b.PrevLogTerm),
			Entries: entriesToProto(b.Entries), LeaderCommit: uint64(b.LeaderCommit), Round: b.Round}}
	case raft.AppendEntriesResponse:
		p.Body = &peerv1.Message_AppendEntriesResponse{AppendEntriesResponse: &peerv1.AppendEntriesResponse{
			Success: b.Success, MatchIndex: uint64(b.Match.Index), MatchTerm: uint64(b.Match.Term),
			PrevLogIndex: uint64(b.PrevLogIndex), Round: b.Round}}
	case raft.InstallSnapshot:
		p.Body = &peerv1.Message_InstallSnapshot{InstallSnapshot: &peerv1.InstallSnapshot{
			Snapshot: snapshotToProto(b.Snapshot), Round: b.Round}}
	case raft.ReadIndexRequest:
		p.Body = &peerv1.Message_ReadIndexRequest{ReadIndexRequest: &peerv1.ReadIndexRequest{Id: b.ID}}
	case raft.ReadIndexResponse:
		p.Body = &peerv1.Message_ReadIndexResponse{ReadIndexResponse: &peerv1.ReadIndexResponse{
			Id: b.ID, Index: uint64(b.Index)}}
	case raft.TimeoutNow:
		p.Body = &peerv1.Message_TimeoutNow{TimeoutNow: &peerv1.TimeoutNow{}}
	default:
		panic(fmt.Sprintf("rpc: no wire form for %T", m.Body))
	}
	return p
}

// fromProto is the inverse of toProto. It checks nothing but that the type of
// the message is known: validate does the rest.
func fromProto(p *peerv1.Message, from, to raft.ServerID) (raft.Message, error) {
	body, err := bodyFromProto(p)
	return raft.Message{From: from, To: to, Term: raft.Term(p.GetTerm()), Body: body}, err
}

func bodyFromProto(p *peerv1.Message) (raft.Body, error) {
	switch b := p.GetBody().(type) {
	case *peerv1.Message_RequestVote:
		v := b.RequestVote
		return raft.RequestVote{LastLogIndex: raft.Index(v.GetLastLogIndex()), LastLogTerm: raft.Term(v.GetLastLogTerm())}, nil
	case *peerv1.Message_RequestVoteResponse:
		return raft.RequestVoteResponse{VoteGranted: b.RequestVoteResponse.GetVoteGranted()}, nil
	case *peerv1.Message_RequestPreVote:
		v := b.RequestPreVote
		return raft.RequestPreVote{NextTerm: raft.Term(v.GetNextTerm()),
			LastLogIndex: raft.Index(v.GetLastLogIndex()), LastLogTerm: raft.Term(v.GetLastLogTerm())}, nil
	case *peerv1.Message_RequestPreVoteResponse:
		v := b.RequestPreVoteResponse
		return raft.RequestPreVoteResponse{NextTerm: raft.Term(v.GetNextTerm()), VoteGranted: v.GetVoteGranted()}, nil
	case *peerv1.Message_AppendEntries:
		v := b.AppendEntries
		return raft.AppendEntries{
			PrevLogIndex: raft.Index(v.GetPrevLogIndex()), PrevLogTerm: raft.Term(v.GetPrevLogTerm()),
			Entries: entriesFromProto(v.GetEntries()), LeaderCommit: raft.Index(v.GetLeaderCommit()), Round: v.GetRound()}, nil
	case *peerv1.Message_AppendEntriesResponse:
		v := b.AppendEntriesResponse
		match := raft.EntryID{Index: raft.Index(v.GetMatchIndex()), Term: raft.Term(v.GetMatchTerm())}
		return raft.AppendEntriesResponse{Success: v.GetSuccess(), Match: match,
			PrevLogIndex: raft.Index(v.GetPrevLogIndex()), Round: v.GetRound()}, nil
	case *peerv1.Message_InstallSnapshot:
		v := b.InstallSnapshot
		return raft.InstallSnapshot{Snapshot: snapshotFromProto(v.GetSnapshot()), Round: v.GetRound()}, nil
	case *peerv1.Message_ReadIndexRequest:
		return raft.ReadIndexRequest{ID: b.ReadIndexRequest.GetId()}, nil
	case *peerv1.Message_ReadIndexResponse:
		v := b.ReadIndexResponse
		return raft.ReadIndexResponse{ID: v.GetId(), Index: raft.Index(v.GetIndex())}, nil
	case *peerv1.Message_TimeoutNow:
		return raft.TimeoutNow{}, nil
	}
	return nil, errUnknownBody
}

func entriesToProto(entries []raft.Entry) []*peerv1.Entry {
	out := make([]*peerv1.Entry, len(entries))
	for i, e := range entries {
		out[i] = &peerv1.Entry{Index: uint64(e.Index), Term: uint64(e.Term), Command: e.Command}
		if e.Config != nil {
			out[i].Config = configToProto(*e.Config)
		}
	}
	return out
}

func entriesFromProto(entries []*peerv1.Entry) []raft.Entry {
	if len(entries) == 0 {
		return nil
	}
	out := make([]raft.Entry, len(entries))
	for i, e := range entries {
		out[i].EntryID = raft.EntryID{Index: raft.Index(e.GetIndex()), Term: raft.Term(e.GetTerm())}
		out[i].Command = e.GetCommand()
		if e.GetConfig() != nil {
			c := configFromProto(e.GetConfig())
			out[i].Config = &c
		}
	}
	return out
}

func snapshotToProto(s raft.SnapshotMeta) *peerv1.SnapshotMeta {
	return &peerv1.SnapshotMeta{LastIncludedIndex: uint64(s.LastIncludedIndex),
		LastIncludedTerm: uint64(s.LastIncludedTerm), Config: configToProto(s.Config)}
}

func snapshotFromProto(s *peerv1.SnapshotMeta) raft.SnapshotMeta {
	return raft.SnapshotMeta{LastIncludedIndex: raft.Index(s.GetLastIncludedIndex()),
		LastIncludedTerm: raft.Term(s.GetLastIncludedTerm()), Config: configFromProto(s.GetConfig())}
}

func configToProto(c raft.Configuration) *peerv1.Configuration {
	return &peerv1.Configuration{Voters: convert[string](c.Voters), Old: convert[string](c.Old), Learners: convert[string](c.Learners)}
}

func configFromProto(c *peerv1.Configuration) raft.Configuration {
	return raft.Configuration{Voters: convert[raft.ServerID](c.GetVoters()),
		Old: convert[raft.ServerID](c.GetOld()), Learners: convert[raft.ServerID](c.GetLearners())}
}

// convert changes names from one string type to another. No names stay nil.
func convert[To, From ~string](ids []From) []To {
	var out []To
	for _, id := range ids {
		out = append(out, To(id))
	}
	return out
}
