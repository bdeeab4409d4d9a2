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
	elect(t, r)
	return r
}

// elect lets r time out and all others vote for it.
func elect(t *testing.T, r *Raft) {
	t.Helper()
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
}

// ack lets another server acknowledge r's log up to match, in the latest round.
func ack(r *Raft, from ServerID, match Index) {
	term, _ := r.log.term(match)
	r.Step(Message{from, "a", r.currentTerm, AppendEntriesResponse{true, EntryID{match, term}, 0, r.leader.round}})
	settle(r)
}

// After an election the new leader has heard from nobody yet, and says so: an
// operator must not take a dead server for one that can be counted on.
func TestANewLeaderHasHeardFromNobody(t *testing.T) {
	t.Parallel()
	r := newLeader(t, "abc", nil)
	ack(r, "b", 1)
	for _, p := range r.Status().Peers {
		if heard := p.SinceContact < r.cfg.ElectionTicks; heard != (p.ID == "b") {
			t.Errorf("%s was last heard from %d ticks ago", p.ID, p.SinceContact)
		}
	}
}

func bodies[T Body](sent []Message) (found []T) {
	for _, m := range sent {
		if b, ok := m.Body.(T); ok {
			found = append(found, b)
		}
	}
	return found
}

// Persistent state (Figure 2): updated on stable storage before responding to RPCs.
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

// With several batches on their way to the disk, each makes durable what it held, less
// what was replaced since (Figure 2; thesis §10.2.1). Nothing is applied before that.
func TestABatchMakesDurableWhatItHeld(t *testing.T) {
	t.Parallel()
	r := newServer("abc", nil)
	r.Step(Message{"b", "a", 1, AppendEntries{Entries: entriesFrom(1, 1, 1), LeaderCommit: 1}})
	first := r.Effects().Persist.Seq
	r.Step(Message{"c", "a", 2, AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1, Entries: entriesFrom(2, 2), LeaderCommit: 2}})
	second := r.Effects().Persist.Seq
	for _, c := range []struct {
		seq             uint64
		stable, applied Index
		term            Term
	}{{0, 0, 0, 0}, {first, 1, 1, 1}, {second, 2, 2, 2}} {
		r.Persisted(c.seq)
		r.Effects()
		if r.stable != c.stable || r.lastApplied != c.applied || r.durable.CurrentTerm != c.term {
			t.Errorf("batch %d: stable up to %d, applied up to %d, term %d; want %+v", c.seq, r.stable, r.lastApplied, r.durable.CurrentTerm, c)
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
	r = newServer("abcdefg", nil)
	r.startElection()
	for _, from := range ids("bc") {
		r.Step(Message{from, "a", r.currentTerm, RequestVoteResponse{true}})
	}
	c = r.Clone()
	r.Step(Message{"d", "a", r.currentTerm, RequestVoteResponse{true}})
	c.Step(Message{"e", "a", r.currentTerm, RequestVoteResponse{true}})
	if fmt.Sprint(r.votes, c.votes) != "[a b c d] [a b c e]" {
		t.Errorf("got the votes %v, and the clone %v", r.votes, c.votes)
	}
}
