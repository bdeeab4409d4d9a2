package kv

import (
	"bytes"
	"reflect"
	"testing"
)

// once applies a compare-and-set that succeeds on a fresh key and fails when
// it is executed again, so that its result tells which of the two happened.
func (m *machine) once(session, sequence, firstUnacked uint64) Result {
	m.t.Helper()
	return m.apply(CompareAndSet{
		Key:      string(rune('a' + sequence)),
		Expected: Absent{},
		Once:     &Once{session, sequence, firstUnacked},
	})
}

// Each command takes effect once, at its first appearance in the log (thesis §6.3).
func TestARetryIsAnsweredTheSameAndChangesNoKey(t *testing.T) {
	t.Parallel()
	for _, c := range []func(*Once) Command{
		func(o *Once) Command { return Set{"k", []byte("v"), o} },
		func(o *Once) Command { return Delete{"k", o} },
		func(o *Once) Command { return CompareAndSet{"k", HasValue("old"), []byte("v"), o} },
		func(o *Once) Command { return CompareAndSet{"k", HasValue("wrong"), []byte("v"), o} },
	} {
		m := newMachine(t)
		m.apply(Set{Key: "k", Value: []byte("old")})
		session := uint64(m.apply(OpenSession{}).Revision)
		command := c(&Once{Session: session, Sequence: 1, FirstUnacked: 1})
		first := m.applyRaw(command)
		m.apply(Set{Key: "k", Value: []byte("other")})
		if retry := m.applyRaw(command); !bytes.Equal(retry, first) {
			t.Errorf("%T: the retry got %x, want %x", command, retry, first)
		}
		if got, want := m.contents(), "k=other@4"; got != want {
			t.Errorf("%T: the retry made it %q, want %q", command, got, want)
		}
	}
}

func TestRefusedCommandsChangeNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		once Once
		want Status
	}{
		{"a session that never was", Once{Session: 99, Sequence: 1}, SessionExpired},
		{"session 0", Once{}, SessionExpired},
		{"sequence 0", Once{Session: 1, Sequence: 0}, SequenceStale},
		{"an acknowledged sequence", Once{Session: 1, Sequence: 2}, SequenceStale},
		{"a skipped sequence", Once{Session: 1, Sequence: 3, FirstUnacked: 3}, SequenceStale},
		{"a sequence that its own command acknowledges", Once{Session: 1, Sequence: 7, FirstUnacked: 8}, SequenceStale},
	} {
		m := newMachine(t)
		m.apply(OpenSession{})
		m.once(1, 2, 1)
		m.once(1, 5, 5)
		before, _ := m.Hash()
		for _, c := range []Command{
			Set{"k", []byte("v"), &tt.once},
			Delete{"f", &tt.once},
			CompareAndSet{"k", Absent{}, nil, &tt.once},
		} {
			if got := m.apply(c); !reflect.DeepEqual(got, Result{Status: tt.want}) {
				t.Errorf("%s, %T: got %+v, want %v", tt.name, c, got, tt.want)
			}
			if hash, _ := m.Hash(); hash != before {
				t.Errorf("%s, %T: the state changed", tt.name, c)
			}
		}
	}
}

func TestSequencesMayArriveInAnyOrder(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.apply(OpenSession{})
	var first [6]Result
	for _, sequence := range []uint64{3, 1, 5, 2, 4} {
		first[sequence] = m.once(1, sequence, 1)
	}
	for sequence := range uint64(5) {
		if got := m.once(1, sequence+1, 1); !got.Swapped || !reflect.DeepEqual(got, first[sequence+1]) {
			t.Errorf("sequence %d: got %+v, want %+v", sequence+1, got, first[sequence+1])
		}
	}
}

// A client says which replies it still waits for (thesis §6.3).
func TestAcknowledgedRepliesAreForgotten(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.apply(OpenSession{})
	m.once(1, 1, 1)
	m.once(1, 2, 1)
	m.once(1, 3, 3)
	v, _ := m.state.sessions.Get(1)
	if len(v.replies) != 1 || v.replies[0].sequence != 3 {
		t.Errorf("kept %+v, want the reply to 3 alone", v.replies)
	}
	if got := m.once(1, 2, 0); got.Status != SequenceStale {
		t.Errorf("an acknowledged sequence, by a late duplicate: %+v", got)
	}
	if got := m.once(1, 3, 1); !got.Swapped { // the low-water mark does not fall
		t.Errorf("an unacknowledged sequence: %+v", got)
	}
}

func TestRepliesAreBounded(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.apply(OpenSession{})
	for sequence := range uint64(MaxReplies + 1) {
		m.once(1, sequence+1, 1)
	}
	if got := m.once(1, 1, 1); got.Status != SequenceStale {
		t.Errorf("the lowest sequence: got %+v", got)
	}
	if got := m.once(1, 2, 1); !got.Swapped {
		t.Errorf("the next one: got %+v", got)
	}
}

// All servers expire a session at the same entry (thesis §6.3).
func TestIdleSessionsExpireByTheReplicatedClock(t *testing.T) {
	t.Parallel()
	const start, ttl = int64(1_700_000_000_000), int64(3_600_000)
	m := newMachine(t)
	idle := uint64(m.apply(OpenSession{}).Revision)
	busy := uint64(m.apply(OpenSession{}).Revision)
	m.apply(Clock{start})
	late := uint64(m.apply(OpenSession{}).Revision)
	m.apply(Clock{start + ttl})
	if got := m.Sessions(); got != 3 {
		t.Fatalf("after exactly the TTL: %d sessions, want 3", got)
	}
	m.once(busy, 1, 1)
	m.apply(Clock{start + ttl + 1})
	for session, want := range map[uint64]Status{idle: SessionExpired, busy: OK, late: OK} {
		if got := m.once(session, 2, 1).Status; got != want {
			t.Errorf("session %d: got %v, want %v", session, got, want)
		}
	}
	m.apply(Clock{start + 3*ttl}) // they are idle since then
	m.apply(Clock{start + 4*ttl + 1})
	if got := m.Sessions(); got != 0 {
		t.Errorf("%d sessions at the end, want 0", got)
	}
}

func TestTimeWithoutAClockIsNobodysIdleness(t *testing.T) {
	t.Parallel()
	const ttl = int64(3_600_000)
	m := newMachine(t)
	m.apply(Clock{1})
	session := uint64(m.apply(OpenSession{}).Revision)
	m.apply(Clock{10 * ttl}) // the first for hours: it may be that the session was opened just now
	if got := m.once(session, 1, 1); got.Status != OK {
		t.Errorf("got %+v", got)
	}
}

func TestOldClocksAreForgotten(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for i := range 1000 {
		m.apply(Clock{int64(i+1) * 10_000})
	}
	if got, want := m.state.clocks.Len(), 361; got != want { // an hour of 10 s, both ends
		t.Errorf("%d clocks are kept, want %d", got, want)
	}
}

func TestARetryKeepsItsSessionAlive(t *testing.T) {
	t.Parallel()
	const ttl = int64(3_600_000)
	m := newMachine(t)
	m.apply(Clock{1})
	session := uint64(m.apply(OpenSession{}).Revision)
	first := m.once(session, 1, 1)
	m.apply(Clock{2})
	m.once(session, 1, 1)
	m.apply(Clock{3 + ttl})
	if got := m.once(session, 1, 1); !reflect.DeepEqual(got, first) {
		t.Errorf("got %+v, want %+v", got, first)
	}
}

// The number of sessions is bounded, for all servers alike (thesis §6.3).
func TestTheLeastRecentlyUsedSessionGoesFirst(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for range MaxSessions {
		m.apply(OpenSession{})
	}
	m.once(1, 1, 1)
	m.apply(OpenSession{})
	if got := m.Sessions(); got != MaxSessions {
		t.Errorf("%d sessions, want %d", got, MaxSessions)
	}
	for session, want := range map[uint64]Status{1: OK, 2: SessionExpired, 3: OK} {
		if got := m.once(session, 1, 1).Status; got != want {
			t.Errorf("session %d: got %v, want %v", session, got, want)
		}
	}
}
