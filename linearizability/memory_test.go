package linearizability

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// memory is a linearizable service: a map behind a lock.
type memory struct {
	mu   sync.Mutex // guards keys and past: the clients of a test share them
	keys map[string]State
	past map[string]State // before the last write
}

func newMemory() *memory { return &memory{keys: map[string]State{}, past: map[string]State{}} }

func (m *memory) read(key string) (now, before State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[key], m.past[key]
}

// update writes what next makes of the key's state, and returns that state.
func (m *memory) update(key string, next func(State) State) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.keys[key]
	m.keys[key], m.past[key] = next(old), old
	return old
}

// bug is a way for a session to break the promise.
type bug string

const (
	noBug           bug = "none"
	staleRead       bug = "stale read"
	lostUpdate      bug = "lost update"
	doubleApply     bug = "double apply"
	resurrectedKey  bug = "resurrected delete"
	earlyComparison bug = "comparison made before the write"
	falseFailure    bug = "failure called definite that took effect"
	unknownOutcomes bug = "outcomes that are not told" // no bug: a promise not given cannot be broken
)

// session is one client's view of the memory, each operation at some distance
// in time. In one of twenty operations it has its bug.
type session struct {
	*memory
	rng *rand.Rand
	bug bug
}

var errLost = errors.New("the answer was lost")

func (s *session) travel()            { time.Sleep(time.Duration(s.rng.IntN(5000)) * time.Microsecond) }
func (s *session) strikes(b bug) bool { return s.bug == b && s.rng.IntN(20) == 0 }

func (s *session) Get(_ context.Context, key string) (State, error) {
	s.travel()
	defer s.travel()
	now, before := s.read(key)
	if s.strikes(staleRead) {
		return before, nil
	}
	return now, nil
}

func (s *session) Set(_ context.Context, key, value string) error {
	s.travel()
	defer s.travel()
	write := func() { s.update(key, func(State) State { return Present(value) }) }
	switch {
	case s.strikes(lostUpdate):
		return nil
	case s.strikes(falseFailure):
		write()
		return ErrDefinite
	case s.strikes(doubleApply):
		time.AfterFunc(100*time.Millisecond, write)
	case s.strikes(unknownOutcomes):
		if s.rng.IntN(3) > 0 { // otherwise it was lost on the way there
			time.AfterFunc(time.Duration(s.rng.IntN(500))*time.Millisecond, write)
		}
		return errLost
	}
	write()
	return nil
}

func (s *session) Delete(_ context.Context, key string) (bool, error) {
	s.travel()
	defer s.travel()
	old := s.update(key, func(State) State { return Absent })
	if s.strikes(resurrectedKey) {
		time.AfterFunc(100*time.Millisecond, func() { s.update(key, func(State) State { return old }) })
	}
	return old.Exists, nil
}

func (s *session) CompareAndSet(_ context.Context, key string, expected State, value string) (bool, State, error) {
	s.travel()
	defer s.travel()
	if s.bug == earlyComparison {
		now, _ := s.read(key)
		s.travel()
		if now == expected {
			s.update(key, func(State) State { return Present(value) })
		}
		return now == expected, now, nil
	}
	old := s.update(key, func(now State) State {
		if now == expected {
			return Present(value)
		}
		return now
	})
	return old == expected, old, nil
}
