package kv

import (
	"bytes"
	"fmt"

	"kvorum/raft"
)

// apply performs one command, which the entry at index at holds, and returns
// the encoded result.
func (s *state) apply(at raft.Index, c Command) []byte {
	if o := onceOf(c); o != nil {
		return s.applyOnce(at, c, *o)
	}
	return s.perform(at, c).encode()
}

func onceOf(c Command) *Once {
	switch c := c.(type) {
	case Set:
		return c.Once
	case Delete:
		return c.Once
	case CompareAndSet:
		return c.Once
	}
	return nil
}

// perform does what c says, whether or not it was done before.
func (s *state) perform(at raft.Index, c Command) Result {
	done := Result{Revision: at}
	switch c := c.(type) {
	case Set:
		s.setItem(c.Key, item{c.Value, at})
	case Delete:
		if done.Existed = s.deleteItem(c.Key); done.Existed {
			s.changes = append(s.changes, Change{Kind: KeyDeleted, Key: c.Key, Revision: at})
		}
	case CompareAndSet:
		return s.compareAndSet(at, c)
	case OpenSession:
		s.openSession(at)
	case CloseSession:
		done.Existed = s.closeSession(c.Session)
	case PutServer:
		if _, removed := s.removed.Get(c.ID); removed && !c.Readmit {
			return done
		}
		s.deleteRemoved(c.ID)
		s.putServer(c.ID, Server{c.Addr, c.StayLearner})
	case RemoveServer:
		done.Existed = s.deleteServer(c.ID)
		s.putRemoved(c.ID)
	case Clock:
		s.advanceClock(at, c.UnixMilli)
	default:
		panic(fmt.Sprintf("kv: apply a command of type %T", c))
	}
	return done
}

func (s *state) compareAndSet(at raft.Index, c CompareAndSet) Result {
	present, existed := s.items.Get(c.Key)
	if !present.matches(existed, c.Expected) {
		return Result{Existed: existed, Value: present.value, Revision: present.revision}
	}
	s.setItem(c.Key, item{c.Value, at})
	return Result{Swapped: true, Revision: at}
}

// setItem is putItem for a command, of which watchers learn.
func (s *state) setItem(key string, i item) {
	s.putItem(key, i)
	s.changes = append(s.changes, Change{KeySet, key, i.value, i.revision})
}

// matches reports whether a key that holds i, if it exists, is as expected.
func (i item) matches(exists bool, e Expected) bool {
	switch e := e.(type) {
	case Absent:
		return !exists
	case HasValue:
		return exists && bytes.Equal(i.value, e)
	case AtRevision:
		return exists && i.revision == raft.Index(e)
	}
	panic(fmt.Sprintf("kv: compare with an expected state of type %T", e))
}
