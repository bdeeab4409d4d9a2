package raft

import (
	"fmt"
	"testing"
)

// Whatever the limits, and they are kept, a follower gets every entry, in order and
// without holes.
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
			var inflight Limit // all is acknowledged, or this would have holes
			for _, req := range bodies[AppendEntries](settle(r)) {
				if n := len(req.Entries); n > 1 && limit.Entries > 0 && n > limit.Entries {
					t.Errorf("%+v: %d entries in one request", limit, n)
				}
				full := limit.Entries > 0 && inflight.Entries >= limit.Entries || limit.Bytes > 0 && inflight.Bytes >= limit.Bytes
				if full && len(req.Entries) > 0 {
					t.Errorf("%+v: more is sent while %+v is in flight", limit, inflight)
				}
				for _, e := range req.Entries {
					inflight.Entries++
					inflight.Bytes += e.size()
					if e.Index != next {
						t.Fatalf("%+v: got entry %d, want %d", limit, e.Index, next)
					}
					next++
				}
			}
			term, _ := r.log.term(next - 1)
			r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{true, EntryID{next - 1, term}, 0, r.leader.round}})
		}
		if next != r.log.lastIndex()+1 {
			t.Errorf("%+v: the follower got entries up to %d of %d", limit, next-1, r.log.lastIndex())
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
	r.Step(Message{"c", "a", r.currentTerm, AppendEntriesResponse{true, EntryID{2, 1}, 0, old}})
	if p := r.leader.progress["c"]; p.matchIndex != 0 || p.ackedRound != 0 {
		t.Errorf("an old answer counts: %+v", *p)
	}
	ack(r, "c", 2)
	if p := r.leader.progress["c"]; p.matchIndex != 2 {
		t.Errorf("a new answer does not count: %+v", *p)
	}
}

// What a follower has acknowledged it has; a late or repeated answer says less, and
// changes nothing (Figure 2, matchIndex; §5.3).
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
	for _, late := range []AppendEntriesResponse{{true, EntryID{2, 1}, 0, r.leader.round}, {false, EntryID{1, 1}, 4, r.leader.round}} {
		r.Step(Message{"b", "a", r.currentTerm, late})
		if p := r.leader.progress["b"]; p.matchIndex != 5 || p.nextIndex <= 5 {
			t.Errorf("after %+v: matchIndex %d, nextIndex %d", late, p.matchIndex, p.nextIndex)
		}
		settle(r)
	}
}

// A follower's log may differ from the leader's after the entries that a message
// covers; what the leader has committed there is not what the follower has. What
// is committed is applied (Figure 2: AppendEntries rule 5; All Servers, §5.3).
func TestAFollowerCommitsOnlyWhatTheMessageCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		req  AppendEntries
		want Index
	}{
		{"a heartbeat at 2", AppendEntries{PrevLogIndex: 2, PrevLogTerm: 1, LeaderCommit: 4}, 2},
		{"the same entry 3", AppendEntries{PrevLogIndex: 2, PrevLogTerm: 1, Entries: entriesFrom(3, 1), LeaderCommit: 4}, 3},
		{"other entries", AppendEntries{PrevLogIndex: 2, PrevLogTerm: 1, Entries: entriesFrom(3, 2, 2), LeaderCommit: 4}, 4},
		{"the leader has committed less", AppendEntries{PrevLogIndex: 4, PrevLogTerm: 1, LeaderCommit: 1}, 1},
		{"logs that do not agree", AppendEntries{PrevLogIndex: 4, PrevLogTerm: 2, LeaderCommit: 4}, 0},
		{"all logs agree before the first entry", AppendEntries{LeaderCommit: 4}, 0},
	} {
		r := newServer("abc", func(_ *Config, s *Saved) {
			s.HardState.CurrentTerm, s.Entries = 2, entriesFrom(1, 1, 1, 1, 1)
		})
		r.Step(Message{"b", "a", 2, c.req})
		if settle(r); r.commitIndex != c.want || r.lastApplied != c.want {
			t.Errorf("%s: commitIndex %d, lastApplied %d, want %d", c.name, r.commitIndex, r.lastApplied, c.want)
		}
	}
}

// What the follower's log holds beyond the request may be another leader's.
func TestAFollowerAcknowledgesOnlyWhatTheMessageCovers(t *testing.T) {
	t.Parallel()
	r := newServer("abc", func(_ *Config, s *Saved) {
		s.HardState.CurrentTerm, s.Entries = 2, entriesFrom(1, 1, 1, 1, 1)
	})
	for _, c := range []struct {
		req  AppendEntries
		want EntryID
	}{
		{AppendEntries{PrevLogIndex: 2, PrevLogTerm: 1}, EntryID{2, 1}},
		{AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1, Entries: entriesFrom(2, 1, 1)}, EntryID{3, 1}},
		{AppendEntries{}, EntryID{}},
	} {
		r.Step(Message{"b", "a", 2, c.req})
		acks := bodies[AppendEntriesResponse](settle(r))
		if len(acks) != 1 || !acks[0].Success || acks[0].Match != c.want {
			t.Errorf("%+v: got %+v, want success up to %v", c.req, acks, c.want)
		}
	}
}

// commitIndex increases monotonically (Figure 2), whatever order messages come in.
func TestCommitIndexNeverFalls(t *testing.T) {
	t.Parallel()
	r := newServer("abc", func(_ *Config, s *Saved) {
		s.HardState.CurrentTerm, s.Entries = 2, entriesFrom(1, 1, 1, 1, 1)
	})
	for _, late := range []AppendEntries{
		{PrevLogIndex: 4, PrevLogTerm: 1, LeaderCommit: 3},
		{PrevLogIndex: 4, PrevLogTerm: 1, LeaderCommit: 2},
		{PrevLogIndex: 1, PrevLogTerm: 1, LeaderCommit: 3},
		{LeaderCommit: 3},
	} {
		r.Step(Message{"b", "a", 2, late})
		if settle(r); r.commitIndex != 3 {
			t.Fatalf("after %+v: commitIndex %d, want 3", late, r.commitIndex)
		}
	}
}

// A snapshot's configuration is that of its last entry, though a later one may
// be in force already (§7).
func TestASnapshotHoldsTheConfigurationOfItsIndex(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", nil)
	ack(r, "b", 1)
	before := r.Status().Config
	if _, err := r.ProposeConfig(ids("ab"), ids("c")); err != nil {
		t.Fatal(err)
	}
	settle(r)
	r.Compact(SnapshotMeta{1, 1, before}, 0, 0)
	r.Step(Message{"c", "a", r.currentTerm, AppendEntriesResponse{PrevLogIndex: 2, Round: r.leader.round}}) // c has nothing
	sent := bodies[InstallSnapshot](settle(r))
	if len(sent) != 1 || sent[0].Snapshot.Config.String() != before.String() {
		t.Errorf("sent %+v, want the snapshot with %v", sent, before)
	}
}

// A refused probe is repeated at once, not with the next heartbeat.
func TestARefusedProbeIsRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", func(_ *Config, s *Saved) { s.Entries = entriesFrom(1, 1, 1, 1) })
	r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{false, EntryID{1, 1}, 3, r.leader.round}})
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
		if last := acks[len(acks)-1]; last != (AppendEntriesResponse{true, c.last, 0, 2}) {
			t.Errorf("%s: got the answer %+v", c.name, last)
		}
		if installed := r.config.String() == config.String(); installed != (c.terms == "[]") {
			t.Errorf("%s: the configuration is %v", c.name, r.config)
		}
	}
}

// A snapshot arrives together with the news that entries before it are committed. It
// takes the place of these: the state machine gets the snapshot, once it is durable.
func TestASnapshotTakesThePlaceOfEntriesNotYetApplied(t *testing.T) {
	t.Parallel()
	r := newServer("abc", func(_ *Config, s *Saved) {
		s.HardState.CurrentTerm, s.Entries = 4, entriesFrom(1, 1, 1, 2, 2)
	})
	r.Step(Message{"b", "a", 4, AppendEntries{PrevLogIndex: 4, PrevLogTerm: 2, LeaderCommit: 4, Round: 1}})
	r.Step(Message{"b", "a", 4, InstallSnapshot{SnapshotMeta{9, 3, Configuration{Voters: ids("ab")}}, 2}})
	fx := r.Effects()
	if fx.Restore != nil || len(fx.Committed) > 0 {
		t.Errorf("before the snapshot is durable: restore %v, apply %v", fx.Restore, fx.Committed)
	}
	r.Persisted(fx.Persist.Seq)
	if fx = r.Effects(); fx.Restore == nil || fx.Restore.LastIncludedIndex != 9 || len(fx.Committed) > 0 || r.lastApplied != 9 {
		t.Errorf("after: restore %v, apply %v, lastApplied %d", fx.Restore, fx.Committed, r.lastApplied)
	}
}

// One lost AppendEntries makes the follower refuse all that were streamed after
// it (thesis §10.2.2). The first refusal says where to go on; the others must not
// each start over.
func TestOneLossIsRepairedOnce(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "ab", func(c *Config, _ *Saved) { c.MaxAppend.Entries = 1 })
	ack(r, "b", 1)
	for range 10 {
		if _, err := r.Propose(nil); err != nil {
			t.Fatal(err)
		}
	}
	streamed := bodies[AppendEntries](settle(r))
	repeated := 0
	for _, req := range streamed[1:] {
		r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{false, EntryID{1, 1}, req.PrevLogIndex, req.Round}})
		repeated += len(bodies[AppendEntries](settle(r)))
	}
	if len(streamed) != 10 || repeated != 1 {
		t.Errorf("%d refusals of what was streamed caused %d requests, want 9 and 1 probe", len(streamed)-1, repeated)
	}
}

// If successful: update nextIndex (Figure 2, Leaders). The answer to a snapshot may
// overtake the transport's word that it has arrived.
func TestAnAcknowledgedSnapshotIsNotSentAgain(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "abc", nil)
	ack(r, "b", 1)
	r.Compact(SnapshotMeta{1, 1, r.config}, 0, 0)
	for range r.cfg.HeartbeatTicks {
		r.Tick()
	}
	first := bodies[InstallSnapshot](settle(r))
	r.Step(Message{"c", "a", r.currentTerm, AppendEntriesResponse{true, EntryID{1, 1}, 0, r.leader.round}})
	if _, err := r.Propose(nil); err != nil {
		t.Fatal(err)
	}
	if again := bodies[InstallSnapshot](settle(r)); len(first) != 1 || len(again) != 0 || r.leader.progress["c"].matchIndex != 1 {
		t.Errorf("sent %d times before it was acknowledged and %d after; %+v", len(first), len(again), r.leader.progress["c"])
	}
}

// A message of an earlier term is from a leader that was deposed: the answer tells
// it so, and nothing else happens (§5.1; Figure 13, rule 1).
func TestADeposedLeaderIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []Body{
		AppendEntries{Entries: entriesFrom(1, 4), LeaderCommit: 1, Round: 7},
		InstallSnapshot{SnapshotMeta{9, 4, Configuration{Voters: ids("abc")}}, 7},
	} {
		r := newServer("abc", func(_ *Config, s *Saved) { s.HardState.CurrentTerm = 5 })
		r.elapsed = 3
		before := fmt.Sprintf("%+v %d", r.Status(), r.elapsed)
		r.Step(Message{"b", "a", 4, body})
		sent := settle(r)
		if len(sent) != 1 || sent[0] != (Message{"a", "b", 5, AppendEntriesResponse{}}) {
			t.Errorf("%T: got the answers %+v", body, sent)
		}
		if after := fmt.Sprintf("%+v %d", r.Status(), r.elapsed); after != before {
			t.Errorf("%T: got %s, want %s", body, after, before)
		}
	}
}
