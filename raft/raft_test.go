package raft

import (
	"errors"
	"fmt"
	"testing"
)

// settle performs what r asks of its disk and returns the messages it sent.
func settle(r *Raft) (sent []Message) {
	for fx := r.Effects(); !fx.Empty(); fx = r.Effects() {
		sent = append(sent, fx.Messages...)
		sent = append(sent, fx.Persist.Messages...)
		r.Persisted(fx.Persist.Seq)
	}
	return sent
}

// newServer returns server a of a cluster of the given voters.
func newServer(voters string, change func(*Config, *Saved)) *Raft {
	cfg := Config{ID: "a", ElectionTicks: 10, HeartbeatTicks: 2}
	saved := Bootstrap(ids(voters)...)
	if change != nil {
		change(&cfg, &saved)
	}
	return New(cfg, saved)
}

// newLeader returns server a as leader of the next term, elected by all others.
func newLeader(t *testing.T, voters string, change func(*Config, *Saved)) *Raft {
	t.Helper()
	r := newServer(voters, change)
	for range 2 * r.cfg.ElectionTicks {
		if r.Tick(); r.role != Follower {
			break
		}
	}
	for n := 0; r.role != Leader && n < 2; n++ {
		for _, m := range settle(r) {
			switch req := m.Body.(type) {
			case RequestPreVote:
				r.Step(Message{m.To, "a", m.Term, RequestPreVoteResponse{req.NextTerm, true}})
			case RequestVote:
				r.Step(Message{m.To, "a", m.Term, RequestVoteResponse{true}})
			}
		}
	}
	settle(r)
	if r.role != Leader {
		t.Fatalf("a is %v", r.role)
	}
	return r
}

// ack lets another server acknowledge r's log up to match, in the latest round.
func ack(r *Raft, from ServerID, match Index) {
	term, _ := r.log.term(match)
	r.Step(Message{from, "a", r.currentTerm, AppendEntriesResponse{true, EntryID{match, term}, r.leader.round}})
	settle(r)
}

func bodies[T Body](sent []Message) (found []T) {
	for _, m := range sent {
		if b, ok := m.Body.(T); ok {
			found = append(found, b)
		}
	}
	return found
}

// The later term wins, however short the log; in one term the longer log (§5.4.1).
func TestElectionRestriction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ours, candidate EntryID
		want            bool
	}{
		{EntryID{}, EntryID{}, true},
		{EntryID{5, 2}, EntryID{5, 2}, true},
		{EntryID{5, 2}, EntryID{6, 2}, true},
		{EntryID{5, 2}, EntryID{4, 2}, false},
		{EntryID{5, 2}, EntryID{1, 3}, true},
		{EntryID{5, 2}, EntryID{99, 1}, false}, // longer and older
	} {
		r := newServer("abc", func(_ *Config, s *Saved) {
			s.Snapshot.LastIncludedIndex, s.Snapshot.LastIncludedTerm = c.ours.Index, c.ours.Term
		})
		if got := r.isUpToDate(c.candidate); got != c.want {
			t.Errorf("log up to %v, candidate's up to %v: got %v", c.ours, c.candidate, got)
		}
		r.Step(Message{"b", "a", 9, RequestVote{c.candidate.Index, c.candidate.Term}})
		if got := bodies[RequestVoteResponse](settle(r)); len(got) != 1 || got[0].VoteGranted != c.want {
			t.Errorf("log up to %v, candidate's up to %v: got the vote %v", c.ours, c.candidate, got)
		}
	}
}

func TestAServerVotesOnceInATerm(t *testing.T) {
	t.Parallel()
	r := newServer("abc", nil)
	for _, c := range []struct {
		from ServerID
		term Term
		want bool
	}{{"b", 2, true}, {"c", 2, false}, {"b", 2, true}, {"c", 1, false}, {"c", 3, true}, {"b", 3, false}} {
		r.Step(Message{c.from, "a", c.term, RequestVote{}})
		got := bodies[RequestVoteResponse](settle(r))
		if len(got) != 1 || got[0].VoteGranted != c.want {
			t.Errorf("%s in term %d: got %v, want %v", c.from, c.term, got, c.want)
		}
		if restarted := newServer("abc", func(_ *Config, s *Saved) { s.HardState = r.durable }); restarted.votedFor != r.votedFor {
			t.Errorf("after a restart: voted for %q, before for %q", restarted.votedFor, r.votedFor)
		}
	}
}

// A vote given in an earlier term, or twice, is worth nothing more.
func TestVotesAreCountedOnceAndInTheirTerm(t *testing.T) {
	t.Parallel()
	r := newServer("abcde", func(_ *Config, s *Saved) { s.HardState.CurrentTerm = 4 })
	r.startElection()
	settle(r)
	r.Step(Message{"b", "a", 4, RequestVoteResponse{true}})
	r.Step(Message{"c", "a", 4, RequestVoteResponse{true}})
	if settle(r); r.role != Candidate {
		t.Fatalf("votes of term 4 in term 5: %v", r.role)
	}
	r.Step(Message{"b", "a", 5, RequestVoteResponse{true}})
	r.Step(Message{"b", "a", 5, RequestVoteResponse{true}})
	r.Step(Message{"z", "a", 5, RequestVoteResponse{true}}) // no member
	r.Step(Message{"c", "a", 5, RequestPreVoteResponse{6, true}})
	if settle(r); r.role != Candidate {
		t.Fatalf("one vote and its own of five: %v", r.role)
	}
	r.Step(Message{"c", "a", 5, RequestVoteResponse{true}})
	if settle(r); r.role != Leader {
		t.Fatalf("three votes of five: %v", r.role)
	}
}

func TestWhatWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	success := func(i Index) Body { return AppendEntriesResponse{Success: true, Match: EntryID{Index: i}} }
	for _, c := range []struct {
		name           string
		termIsDurable  bool
		body           Body
		mayLeaveAtOnce bool
	}{
		{"a vote in a new term", false, RequestVoteResponse{true}, false},
		{"a request for votes in a new term", false, RequestVote{}, false},
		{"even a refusal shows the new term", false, AppendEntriesResponse{}, false},
		{"a leader's entries", true, AppendEntries{Entries: entriesFrom(4, 1)}, true},
		{"a heartbeat in a new term", false, AppendEntries{}, false},
		{"an acknowledgement of what is stable", true, success(3), true},
		{"an acknowledgement of more", true, success(4), false},
		{"a refusal that guesses at more", true, AppendEntriesResponse{Match: EntryID{Index: 4}}, true},
	} {
		r := newServer("abc", nil)
		r.currentTerm, r.stable = 1, 3
		if c.termIsDurable {
			r.durable = r.hardState()
		}
		if got := r.promiseIsDurable(c.body); got != c.mayLeaveAtOnce {
			t.Errorf("%s: got %v, want %v", c.name, got, c.mayLeaveAtOnce)
		}
	}
}

func TestProposeIsBoundedUntilEntriesCommit(t *testing.T) {
	t.Parallel()
	const size = 100
	for _, c := range []struct {
		name  string
		limit Limit
		fit   int // besides the no-op that begins the term
	}{
		{"entries", Limit{Entries: 4}, 3},
		{"bytes", Limit{Bytes: entryOverhead + 2*(size+entryOverhead)}, 2},
		{"one more byte", Limit{Bytes: entryOverhead + 2*(size+entryOverhead) + 1}, 3},
	} {
		r := newLeader(t, "abc", func(cfg *Config, _ *Saved) { cfg.MaxUncommitted = c.limit })
		for n := range c.fit {
			if _, err := r.Propose(make([]byte, size)); err != nil {
				t.Errorf("%s: proposal %d: %v", c.name, n, err)
			}
		}
		if _, err := r.Propose(make([]byte, size)); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: one too many: got %v", c.name, err)
		}
		settle(r)
		ack(r, "b", r.log.lastIndex())
		if _, err := r.Propose(make([]byte, size)); err != nil {
			t.Errorf("%s: all committed: %v", c.name, err)
		}
	}
}

// Whatever the limits, a follower gets every entry, in order and without holes.
func TestTheWindowLeavesNoHole(t *testing.T) {
	t.Parallel()
	for _, limit := range []Limit{{Entries: 1}, {Entries: 2}, {Bytes: 50}, {Bytes: 700}} {
		r := newLeader(t, "ab", func(cfg *Config, _ *Saved) { cfg.MaxAppend, cfg.MaxInflight = limit, limit })
		ack(r, "b", 1)
		for i := range 20 {
			if _, err := r.Propose(make([]byte, i*37%600)); err != nil {
				t.Fatal(err)
			}
		}
		next := Index(2)
		for range 30 {
			for _, req := range bodies[AppendEntries](settle(r)) {
				if n := len(req.Entries); n > 1 && limit.Entries > 0 && n > limit.Entries {
					t.Errorf("%+v: %d entries in one request", limit, n)
				}
				for _, e := range req.Entries {
					if e.Index != next {
						t.Fatalf("%+v: got entry %d, want %d", limit, e.Index, next)
					}
					next++
				}
			}
			term, _ := r.log.term(next - 1)
			r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{true, EntryID{next - 1, term}, r.leader.round}})
		}
		if next != r.log.lastIndex()+1 {
			t.Errorf("%+v: the follower got entries up to %d of %d", limit, next-1, r.log.lastIndex())
		}
	}
}

// CheckQuorum (thesis §6.2): the leader stays as long as a quorum answers, and
// not two election timeouts longer.
func TestCheckQuorum(t *testing.T) {
	t.Parallel()
	for _, answering := range []bool{true, false} {
		r := newLeader(t, "abc", nil)
		ticks := 0
		for ; r.role == Leader && ticks < 5*r.cfg.ElectionTicks; ticks++ {
			r.Tick()
			if settle(r); answering && r.role == Leader {
				ack(r, "b", r.log.lastIndex())
			}
		}
		if stayed := r.role == Leader; stayed != answering || !answering && ticks > 2*r.cfg.ElectionTicks {
			t.Errorf("answering %v: %v after %d ticks", answering, r.role, ticks)
		}
	}
}

// A leader whose disk does not answer steps down, and does not stand again.
func TestAStuckDiskDoesNotLead(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", nil)
	if _, err := r.Propose(nil); err != nil {
		t.Fatal(err)
	}
	held := r.Effects().Persist.Seq
	for range 4 * r.cfg.ElectionTicks {
		r.Tick()
		r.Effects()
		if r.role == Leader {
			r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{true, r.log.last(), r.leader.round}})
		}
	}
	if r.role != Follower || !r.Status().DiskStuck {
		t.Errorf("disk silent for four election timeouts: %v", r.role)
	}
	r.Persisted(held)
	for range 2 * r.cfg.ElectionTicks {
		r.Tick()
		settle(r)
	}
	if r.role != PreCandidate {
		t.Errorf("disk back: %v", r.role)
	}
}

func TestPreVoteChangesNothingWhereItIsAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		unheard int
		next    Term
		last    EntryID
		want    bool
	}{
		{"nobody leads", 10, 4, EntryID{1, 3}, true},
		{"we hear a leader", 9, 4, EntryID{1, 3}, false},
		{"its log is behind", 10, 4, EntryID{9, 2}, false},
		{"the term is over", 10, 3, EntryID{1, 3}, false},
	} {
		r := newServer("abc", func(_ *Config, s *Saved) {
			s.HardState = HardState{3, "c"}
			s.Entries = entriesFrom(1, 3)
		})
		r.unheard = c.unheard
		elapsed := r.elapsed
		r.Step(Message{"b", "a", 3, RequestPreVote{c.next, c.last.Index, c.last.Term}})
		got := bodies[RequestPreVoteResponse](settle(r))
		if len(got) != 1 || got[0] != (RequestPreVoteResponse{c.next, c.want}) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		if r.hardState() != (HardState{3, "c"}) || r.elapsed != elapsed || r.role != Follower {
			t.Errorf("%s: the server changed", c.name)
		}
	}
}

// A server that was removed and added again starts from nothing: what it says
// to requests from before is not counted.
func TestAnswersFromAnEarlierMembershipAreIgnored(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", nil)
	ack(r, "b", 1)
	old := r.leader.round
	for _, learners := range []string{"c", "", "c"} {
		if _, err := r.ProposeConfig(ids("ab"), ids(learners)); err != nil {
			t.Fatal(err)
		}
		settle(r)
		ack(r, "b", r.log.lastIndex())
	}
	r.Step(Message{"c", "a", r.currentTerm, AppendEntriesResponse{true, EntryID{2, 1}, old}})
	if p := r.leader.progress["c"]; p.matchIndex != 0 || p.ackedRound != 0 {
		t.Errorf("an old answer counts: %+v", *p)
	}
	ack(r, "c", 2)
	if p := r.leader.progress["c"]; p.matchIndex != 2 {
		t.Errorf("a new answer does not count: %+v", *p)
	}
}

func TestAFalseAnswerNeverLowersWhatIsKnown(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "abc", nil)
	for range 5 {
		if _, err := r.Propose(nil); err != nil {
			t.Fatal(err)
		}
	}
	settle(r)
	ack(r, "b", 5)
	for _, late := range []AppendEntriesResponse{{true, EntryID{2, 1}, r.leader.round}, {false, EntryID{1, 1}, r.leader.round}} {
		r.Step(Message{"b", "a", r.currentTerm, late})
		if p := r.leader.progress["b"]; p.matchIndex != 5 || p.nextIndex <= 5 {
			t.Errorf("after %+v: matchIndex %d, nextIndex %d", late, p.matchIndex, p.nextIndex)
		}
		settle(r)
	}
}

// A refused probe is repeated at once, not with the next heartbeat.
func TestARefusedProbeIsRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", func(_ *Config, s *Saved) { s.Entries = entriesFrom(1, 1, 1, 1) })
	r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{false, EntryID{1, 1}, r.leader.round}})
	got := bodies[AppendEntries](settle(r))
	if len(got) != 1 || got[0].PrevLogIndex != 1 || len(got[0].Entries) != 3 {
		t.Errorf("got %+v", got)
	}
}

// InstallSnapshot (Figure 13): what becomes of a log 1.1 2.1 3.2 4.2 of which the
// first entry is known to be committed.
func TestInstallSnapshotKeepsWhatMayBeNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		last   EntryID
		terms  string
		commit Index
	}{
		{"older than what is committed: ignored", EntryID{1, 1}, "[1 1 2 2]", 1},
		{"in the log: the entries that follow may be acknowledged, and stay", EntryID{3, 2}, "[1 1 2 2]", 3},
		{"it conflicts with the log: all of that goes", EntryID{3, 3}, "[]", 3},
		{"beyond the log", EntryID{9, 3}, "[]", 9},
	} {
		r := newServer("abc", func(_ *Config, s *Saved) {
			s.HardState.CurrentTerm, s.Entries = 4, entriesFrom(1, 1, 1, 2, 2)
		})
		r.Step(Message{"b", "a", 4, AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1, LeaderCommit: 1, Round: 1}})
		settle(r)
		config := Configuration{Voters: ids("ab")}
		r.Step(Message{"b", "a", 4, InstallSnapshot{SnapshotMeta{c.last.Index, c.last.Term, config}, 2}})
		acks := bodies[AppendEntriesResponse](settle(r))
		if got := fmt.Sprint(termsOf(&r.log)); got != c.terms || r.commitIndex != c.commit || r.lastApplied != c.commit {
			t.Errorf("%s: log %v, commitIndex %d, lastApplied %d; want %v, %d", c.name, got, r.commitIndex, r.lastApplied, c.terms, c.commit)
		}
		if last := acks[len(acks)-1]; last != (AppendEntriesResponse{true, c.last, 2}) {
			t.Errorf("%s: got the answer %+v", c.name, last)
		}
	}
}

// A clone and its original go their own ways.
func TestACloneSharesNothing(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "abc", nil)
	before := fmt.Sprintf("%+v", r.Status())
	c := r.Clone()
	for range 3 {
		if _, err := c.Propose([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ReadIndex(1); err != nil {
		t.Fatal(err)
	}
	settle(c)
	ack(c, "b", c.log.lastIndex())
	if after := fmt.Sprintf("%+v", r.Status()); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
	if c.commitIndex != c.log.lastIndex() || len(r.leader.reads) != 0 {
		t.Errorf("the clone did not go on, or the original did: %+v", c.Status())
	}
}
