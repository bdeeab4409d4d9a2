package rpc

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
)

var testConfig = raft.Configuration{
	Voters: []raft.ServerID{"a@1", "b@2"}, Old: []raft.ServerID{"a@1"}, Learners: []raft.ServerID{"c@3"},
}

// bodies has one of each type of message, with no field zero.
var bodies = []raft.Body{
	raft.RequestVote{LastLogIndex: 7, LastLogTerm: 3},
	raft.RequestVoteResponse{VoteGranted: true},
	raft.RequestPreVote{NextTerm: 6, LastLogIndex: 7, LastLogTerm: 3},
	raft.RequestPreVoteResponse{NextTerm: 6, VoteGranted: true},
	raft.AppendEntries{PrevLogIndex: 7, PrevLogTerm: 3, LeaderCommit: 6, Round: 9, Entries: []raft.Entry{
		{EntryID: raft.EntryID{Index: 8, Term: 4}, Command: []byte("x")},
		{EntryID: raft.EntryID{Index: 9, Term: 5}},
		{EntryID: raft.EntryID{Index: 10, Term: 5}, Config: &testConfig},
	}},
	raft.AppendEntriesResponse{Success: true, Match: raft.EntryID{Index: 8, Term: 4}, PrevLogIndex: 6, Round: 9},
	raft.InstallSnapshot{Snapshot: raft.SnapshotMeta{LastIncludedIndex: 8, LastIncludedTerm: 4, Config: testConfig}, Round: 9},
	raft.ReadIndexRequest{ID: 11},
	raft.ReadIndexResponse{ID: 11, Index: 12},
	raft.TimeoutNow{},
}

func TestEveryMessageSurvivesTheWire(t *testing.T) {
	t.Parallel()
	for _, body := range bodies {
		want := raft.Message{From: "a@1", To: "b@2", Term: 5, Body: body}
		b, err := proto.Marshal(toProto(want))
		if err != nil {
			t.Fatal(err)
		}
		p := new(peerv1.Message)
		if err := proto.Unmarshal(b, p); err != nil {
			t.Fatal(err)
		}
		got, err := fromProto(p, "a@1", "b@2")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v (%v), want %+v", got, err, want)
		}
		if err := validate(got); err != nil {
			t.Errorf("%T is refused: %v", body, err)
		}
	}
}

// TestEveryFieldIsInTheRoundTrip makes the test above notice a field that is
// added to package raft and forgotten here.
func TestEveryFieldIsInTheRoundTrip(t *testing.T) {
	t.Parallel()
	for _, body := range bodies {
		v := reflect.ValueOf(body)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%T.%s is zero in the example", body, v.Type().Field(i).Name)
			}
		}
	}
}

func TestMessageOfUnknownTypeIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := fromProto(&peerv1.Message{Term: 1}, "a@1", "b@2"); err == nil {
		t.Error("got no error")
	}
}

func TestImpossibleMessagesAreRefused(t *testing.T) {
	t.Parallel()
	entries := func(ids ...raft.EntryID) raft.AppendEntries {
		a := raft.AppendEntries{PrevLogIndex: 7, PrevLogTerm: 3}
		for _, id := range ids {
			a.Entries = append(a.Entries, raft.Entry{EntryID: id})
		}
		return a
	}
	nameless := raft.Configuration{Voters: []raft.ServerID{""}}
	tests := map[string]struct {
		term raft.Term
		body raft.Body
		want string
	}{
		"a term without a successor":  {math.MaxUint64, raft.RequestVote{}, "out of range"},
		"a next term without one":     {5, raft.RequestPreVote{NextTerm: math.MaxUint64}, "not"},
		"a next term that is past":    {5, raft.RequestPreVote{NextTerm: 5}, "not"},
		"a log from the future":       {5, raft.RequestVote{LastLogTerm: 6}, "after term"},
		"prevLogTerm from the future": {5, raft.AppendEntries{PrevLogTerm: 6}, "after term"},
		"prevLogIndex that overflows": {5, raft.AppendEntries{PrevLogIndex: math.MaxUint64}, "out of range"},
		"a hole before the entries":   {5, entries(raft.EntryID{Index: 9, Term: 3}), "follows"},
		"a hole between entries":      {5, entries(raft.EntryID{Index: 8, Term: 3}, raft.EntryID{Index: 10, Term: 3}), "follows"},
		"entries that go backwards":   {5, entries(raft.EntryID{Index: 8, Term: 3}, raft.EntryID{Index: 7, Term: 3}), "follows"},
		"terms that fall":             {5, entries(raft.EntryID{Index: 8, Term: 4}, raft.EntryID{Index: 9, Term: 3}), "follows"},
		"an entry of the future":      {5, entries(raft.EntryID{Index: 8, Term: 6}), "after term"},
		"an entry without a voter":    {5, raft.AppendEntries{Entries: []raft.Entry{{EntryID: raft.EntryID{Index: 1, Term: 1}, Config: &raft.Configuration{}}}}, "without voters"},
		"an entry without a name":     {5, raft.AppendEntries{Entries: []raft.Entry{{EntryID: raft.EntryID{Index: 1, Term: 1}, Config: &nameless}}}, "nameless"},
		"an answer from the future":   {5, raft.AppendEntriesResponse{Match: raft.EntryID{Index: 1, Term: 6}}, "after term"},
		"a snapshot of nothing":       {5, raft.InstallSnapshot{}, "nothing"},
		"a snapshot from the future":  {5, raft.InstallSnapshot{Snapshot: raft.SnapshotMeta{LastIncludedIndex: 1, LastIncludedTerm: 6, Config: testConfig}}, "after term"},
		"a snapshot without a quorum": {5, raft.InstallSnapshot{Snapshot: raft.SnapshotMeta{LastIncludedIndex: 1, LastIncludedTerm: 1}}, "without voters"},
	}
	for name, test := range tests {
		err := validate(raft.Message{Term: test.term, Body: test.body})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, test.want)
		}
	}
}
