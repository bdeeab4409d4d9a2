package raft

import "testing"

// Reads that come while a round is under way share the next one, which begins when
// that one is over: however many come, there is one message to a follower at a time.
func TestReadsShareTheNextRound(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "abc", nil)
	ack(r, "b", 1)
	ack(r, "c", 1)
	before, messages := r.leader.round, 0
	for id := range uint64(10) {
		if err := r.ReadIndex(id); err != nil {
			t.Fatal(err)
		}
		messages += len(bodies[AppendEntries](settle(r)))
	}
	if r.leader.round != before+1 || messages != 2 {
		t.Errorf("ten reads began %d rounds with %d messages, want one round, with a message to each follower", r.leader.round-before, messages)
	}
	answered := func(from ServerID) (n int) {
		r.Step(Message{from, "a", r.currentTerm, AppendEntriesResponse{true, EntryID{1, 1}, 0, r.leader.round}})
		for fx := r.Effects(); !fx.Empty(); fx = r.Effects() {
			n += len(fx.Reads)
			r.Persisted(fx.Persist.Seq)
		}
		return n
	}
	if first, rest := answered("b"), answered("c"); first != 1 || rest != 9 {
		t.Errorf("the first round answered %d reads and the second %d, want 1 and 9", first, rest)
	}
}

// A lazy leader includes its commitIndex in what it sends anyway, and else at the
// next tick (§5.3); another sends it at once.
func TestALazyCommitWaitsForATick(t *testing.T) {
	t.Parallel()
	for _, lazy := range []bool{false, true} {
		r := newLeader(t, "ab", func(cfg *Config, _ *Saved) { cfg.LazyCommit = lazy })
		ack(r, "b", 1)
		settle(r)
		if _, err := r.Propose([]byte("x")); err != nil {
			t.Fatal(err)
		}
		settle(r)
		r.Step(Message{"b", "a", r.currentTerm, AppendEntriesResponse{true, EntryID{2, 1}, 1, r.leader.round}})
		told := func() bool {
			for _, m := range bodies[AppendEntries](settle(r)) {
				if m.LeaderCommit == 2 {
					return true
				}
			}
			return false
		}
		if atOnce := told(); r.commitIndex != 2 || atOnce == lazy {
			t.Errorf("lazy %v: committed up to %d, told at once %v", lazy, r.commitIndex, atOnce)
		}
		if r.Tick(); lazy && !told() {
			t.Error("a tick later the follower has not been told")
		}
	}
}
