package raft

import "testing"

// RequestVote rule 2 (Figure 2): the later term wins, however short the log; in one
// term the longer log (§5.4.1).
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

// One vote in a term, first come, first served (§5.2), and none for a term that is
// over (§5.1). Only granting one resets the election timer (Figure 2, Followers).
func TestAServerVotesOnceInATerm(t *testing.T) {
	t.Parallel()
	r := newServer("abc", nil)
	for _, c := range []struct {
		from ServerID
		term Term
		want bool
	}{{"b", 2, true}, {"c", 2, false}, {"b", 2, true}, {"b", 1, false}, {"c", 3, true}, {"b", 3, false}} {
		r.elapsed = 7
		r.Step(Message{c.from, "a", c.term, RequestVote{}})
		got := bodies[RequestVoteResponse](settle(r))
		if reset := r.elapsed == 0; len(got) != 1 || got[0].VoteGranted != c.want || reset != c.want {
			t.Errorf("%s in term %d: got %v, election timer reset %v, want %v", c.from, c.term, got, reset, c.want)
		}
		if restarted := newServer("abc", func(_ *Config, s *Saved) { s.HardState = r.durable }); restarted.votedFor != r.votedFor {
			t.Errorf("after a restart: voted for %q, before for %q", restarted.votedFor, r.votedFor)
		}
	}
}

// A candidate whose election goes nowhere starts a new one, and leaves this one a
// whole election timeout, however late it began (Figure 2, Candidates; §5.2).
func TestACandidateStandsAgainAfterAWholeElectionTimeout(t *testing.T) {
	t.Parallel()
	r := newServer("abc", nil)
	r.elapsed = r.timeout - 1
	r.Step(Message{"b", "a", 0, TimeoutNow{}})
	ticks := 0
	for ; r.role == Candidate && ticks < 2*r.cfg.ElectionTicks; ticks++ {
		r.Tick()
	}
	if r.role != PreCandidate || ticks < r.cfg.ElectionTicks {
		t.Errorf("%v after %d ticks, want a new election after %d or more", r.role, ticks, r.cfg.ElectionTicks)
	}
}

// A candidate's own vote is a promise like any other: even where it decides alone,
// it waits for the disk (Figure 2; thesis §10.2.1).
func TestACandidatesOwnVoteCountsOnceItIsDurable(t *testing.T) {
	t.Parallel()
	r := newServer("a", nil)
	r.startElection()
	vote := r.Effects().Persist.Seq
	if r.role != Candidate {
		t.Errorf("before its vote is durable: %v", r.role)
	}
	r.Persisted(vote)
	if r.Effects(); r.role != Leader {
		t.Errorf("after its vote is durable: %v", r.role)
	}
}

// A vote given in an earlier term, or twice, is worth nothing more (§5.2).
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

// A leader whose disk takes a few election timeouts keeps its office. Where it
// does not answer at all the leader steps down, and does not stand again.
func TestAStuckDiskDoesNotLead(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", nil)
	if _, err := r.Propose(nil); err != nil {
		t.Fatal(err)
	}
	held := r.Effects().Persist.Seq
	wait := func(timeouts int) {
		for range timeouts * r.cfg.ElectionTicks {
			r.Tick()
			r.Effects()
			if r.role == Leader {
				r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{true, r.log.last(), 0, r.leader.round}})
			}
		}
	}
	if wait(5); r.role != Leader || r.Status().DiskStuck {
		t.Errorf("disk silent for five election timeouts: %v", r.role)
	}
	if wait(4); r.role != Follower || !r.Status().DiskStuck || r.Status().DiskWait != 9*r.cfg.ElectionTicks {
		t.Errorf("disk silent for nine election timeouts: %v", r.role)
	}
	if r.Step(Message{"b", "a", r.currentTerm, TimeoutNow{}}); r.role != Follower {
		t.Errorf("told to stand for election with a stuck disk: %v", r.role)
	}
	r.Persisted(held)
	for range 2 * r.cfg.ElectionTicks {
		r.Tick()
		settle(r)
	}
	if r.role != PreCandidate || r.Status().DiskWait != 0 {
		t.Errorf("disk back: %v", r.role)
	}
}

// A pre-vote is granted by the rules of thesis §9.6.
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
		r.elapsed = 7
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

// Timeouts are spread over [n, 2n), from one to the next and from one server to
// another, so that servers that lost their leader together do not all stand
// together (§5.2).
func TestElectionTimeoutsDiffer(t *testing.T) {
	t.Parallel()
	first, later := map[int]bool{}, map[int]bool{}
	for seed := range uint64(100) {
		r := newServer("abc", func(c *Config, _ *Saved) { c.Seed = seed })
		first[r.timeout] = true
		for range 3 {
			r.resetElectionTimer()
			later[r.timeout] = true
			if r.timeout < r.cfg.ElectionTicks || r.timeout >= 2*r.cfg.ElectionTicks {
				t.Fatalf("seed %d: a timeout of %d ticks, want from %d up to %d", seed, r.timeout, r.cfg.ElectionTicks, 2*r.cfg.ElectionTicks)
			}
		}
	}
	if len(first) < 10 || len(later) < 10 {
		t.Errorf("100 servers drew %d different first timeouts and %d later ones, want all 10", len(first), len(later))
	}
}

// A server may have been made a voter without having heard of it. Its vote may be
// the one that is missing (thesis §4.1).
func TestALearnerVotesWhenAsked(t *testing.T) {
	t.Parallel()
	for _, config := range []Configuration{{Voters: ids("bcd"), Learners: ids("a")}, {Voters: ids("bcd")}, {}} {
		r := newServer("", func(_ *Config, s *Saved) { s.Snapshot.Config = config })
		r.Step(Message{"b", "a", 5, RequestPreVote{NextTerm: 6}})
		r.Step(Message{"b", "a", 6, RequestVote{}})
		sent := settle(r)
		pre, vote := bodies[RequestPreVoteResponse](sent), bodies[RequestVoteResponse](sent)
		if len(pre) != 1 || !pre[0].VoteGranted || len(vote) != 1 || !vote[0].VoteGranted {
			t.Errorf("%v: got %v and %v", config, pre, vote)
		}
	}
}

// A leader that steps down gives the others a whole election timeout. A candidate
// that hears of a later term does not: only the leader, and a vote that is granted,
// reset the election timer (Figure 2, Followers; §5.2).
func TestSteppingDownResetsALeadersTimerAlone(t *testing.T) {
	t.Parallel()
	for role, want := range map[Role]int{Follower: 7, PreCandidate: 7, Candidate: 7, Leader: 0} {
		r := newServer("abc", nil)
		r.role, r.elapsed = role, 7
		if r.becomeFollower(r.currentTerm+1, None); r.elapsed != want {
			t.Errorf("a %v has waited for 7 ticks, and is a follower for %d", role, r.elapsed)
		}
	}
}

// TimeoutNow (thesis §3.10) is for voters, and comes from the leader of their term.
func TestOnlyItsLeaderTellsAVoterToStand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		voters string
		role   Role
		term   Term
		want   Role
	}{
		{"a voter, by its leader", "abc", Follower, 3, Candidate},
		{"by the leader of an earlier term", "abc", Follower, 2, Follower},
		{"one that is not a voter", "bc", Follower, 3, Follower},
		{"one that asks for pre-votes", "abc", PreCandidate, 3, Candidate},
	} {
		r := newServer(c.voters, func(_ *Config, s *Saved) { s.HardState.CurrentTerm = 3 })
		r.role = c.role
		if r.Step(Message{"b", "a", c.term, TimeoutNow{}}); r.role != c.want {
			t.Errorf("%s: got %v, want %v", c.what, r.role, c.want)
		}
	}
}

// A leader's state is reinitialized after election (Figure 2): a transfer that was
// under way when it was deposed is not when it leads again (thesis §3.10).
func TestATransferEndsWithLeadership(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "abc", nil)
	if err := r.TransferLeadership("b"); err != nil {
		t.Fatal(err)
	}
	r.Step(Message{"c", "a", r.currentTerm + 1, AppendEntriesResponse{}})
	if settle(r); r.role != Follower || r.Status().Transferee != None {
		t.Errorf("deposed: %v, transfer to %q", r.role, r.Status().Transferee)
	}
	elect(t, r)
	if _, err := r.Propose(nil); err != nil || r.Status().Transferee != None {
		t.Errorf("leader again: %v, transfer to %q", err, r.Status().Transferee)
	}
}

// A leader that is said to be gone is not waited for (§5.2), and a pre-vote against
// it is granted at once. Those who are told together do not all stand together.
func TestASuspectedLeaderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	after := map[int]bool{}
	for seed := range uint64(100) {
		r := newServer("abc", func(c *Config, _ *Saved) { c.Seed, c.ElectionTicks = seed, 40 })
		r.Step(Message{"b", "a", 1, AppendEntries{}})
		settle(r)
		r.Suspect("b")
		r.Step(Message{"c", "a", 1, RequestPreVote{NextTerm: 2}})
		if got := bodies[RequestPreVoteResponse](settle(r)); len(got) != 1 || !got[0].VoteGranted {
			t.Fatalf("seed %d: c asks for a pre-vote: got %v", seed, got)
		}
		ticks := 0
		for ; r.role == Follower; ticks++ {
			r.Suspect("b") // said again: it delays nothing
			r.Tick()
		}
		after[ticks] = true
		if ticks < 1 || ticks > 20 || r.currentTerm != 1 {
			t.Errorf("seed %d: it stands after %d ticks, in term %d", seed, ticks, r.currentTerm)
		}
	}
	if len(after) < 8 {
		t.Errorf("a hundred servers stand after %v", after)
	}
}

// A suspicion concerns the leader that one follows, and ends with its next sign of life.
func TestASuspicionIsOfThePresentLeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Raft)
		hears  bool
	}{
		{"of the leader", func(r *Raft) { r.Suspect("b") }, false},
		{"of another", func(r *Raft) { r.Suspect("c") }, true},
		{"of the leader before", func(r *Raft) { r.Step(Message{"c", "a", 2, AppendEntries{}}); r.Suspect("b") }, true},
		{"before it is heard again", func(r *Raft) { r.Suspect("b"); r.Step(Message{"b", "a", 1, AppendEntries{}}) }, true},
	} {
		r := newServer("abc", nil)
		r.Step(Message{"b", "a", 1, AppendEntries{}})
		c.change(r)
		soon := r.timeout-r.elapsed <= 5
		if hears := r.unheard < r.cfg.ElectionTicks; hears != c.hears || soon == c.hears {
			t.Errorf("a suspicion %s: hears a leader: %v, stands soon: %v; want %v, %v", c.name, hears, soon, c.hears, !c.hears)
		}
	}
}
