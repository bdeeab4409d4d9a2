package kv

import (
	"cmp"
	"slices"
	"time"

	"kvorum/raft"
)

const (
	// SessionTTL is how long a session lives without a command that uses it, by
	// the replicated clock.
	SessionTTL = time.Hour
	// MaxSessions is how many sessions there can be. Opening one more drops the
	// least recently used.
	MaxSessions = 100_000
	// MaxReplies is how many replies a session keeps. One more drops that of the
	// lowest sequence, so a client must not have more writes than this under way.
	MaxReplies = 256
)

// session is a registered client. It is a value, and replies is never modified
// in place: snapshots share it.
type session struct {
	id       uint64     // the index of the entry that opened it
	lastUse  raft.Index // the last entry that used it; no two sessions share one
	lowWater uint64     // replies to sequences below it are forgotten
	replies  []reply    // in ascending order of sequence
}

// reply is the answer to a command that was applied, as its client was told.
type reply struct {
	sequence uint64
	result   []byte
}

func (r reply) compareSequence(sequence uint64) int { return cmp.Compare(r.sequence, sequence) }

func appendSession(b []byte, v session) []byte {
	b = appendUint64(append(b, recordSession), v.id)
	b = appendUint64(b, uint64(v.lastUse))
	return appendUint64(b, v.lowWater)
}

func appendReply(b []byte, session uint64, r reply) []byte {
	b = appendUint64(append(b, recordReply), session)
	b = appendUint64(b, r.sequence)
	return appendBytes(b, r.result)
}

// applyOnce performs c unless its session knows the reply already, and refuses it
// if its session has expired (thesis §6.3). The check is here and not at the
// leader, because only the log says which of two attempts was the first.
func (s *state) applyOnce(at raft.Index, c Command, o Once) []byte {
	v, ok := s.sessions.Get(o.Session)
	if !ok {
		return Result{Status: SessionExpired}.encode()
	}
	lowWater := max(v.lowWater, o.FirstUnacked)
	if o.Sequence < lowWater {
		return Result{Status: SequenceStale}.encode()
	}
	v.lastUse = at
	s.forgetReplies(&v, lowWater)
	i, known := slices.BinarySearchFunc(v.replies, o.Sequence, reply.compareSequence)
	if known {
		s.putSession(v)
		return v.replies[i].result
	}
	r := reply{o.Sequence, s.perform(at, c).encode()}
	s.addReply(&v, i, r)
	if len(v.replies) > MaxReplies {
		s.forgetReplies(&v, v.replies[0].sequence+1)
	}
	s.putSession(v)
	return r.result
}

// forgetReplies raises v's low-water mark: with each request, the client includes the
// lowest sequence number for which it has not yet received a response, and the state
// machine then discards all responses for lower sequence numbers (thesis §6.3).
func (s *state) forgetReplies(v *session, lowWater uint64) {
	v.lowWater = lowWater
	n, _ := slices.BinarySearchFunc(v.replies, lowWater, reply.compareSequence)
	for _, r := range v.replies[:n] {
		s.subtract(appendReply(s.scratch, v.id, r))
	}
	v.replies = v.replies[n:]
}

// addReply inserts r as v's i-th reply.
func (s *state) addReply(v *session, i int, r reply) {
	v.replies = slices.Concat(v.replies[:i], []reply{r}, v.replies[i:])
	s.add(appendReply(s.scratch, v.id, r))
}

// openSession allocates a session for a new client, whose identifier is the log index
// of its registration. There is an upper bound on the sessions, and the least recently
// used gives way: so all servers agree on when to expire which (thesis §6.3).
func (s *state) openSession(at raft.Index) {
	if s.sessions.Len() == MaxSessions {
		_, oldest, _ := s.byUse.Min()
		s.closeSession(oldest)
	}
	s.putSession(session{id: uint64(at), lastUse: at, lowWater: 1})
}

// putSession writes v, whose replies are counted already.
func (s *state) putSession(v session) {
	if old, existed := s.sessions.Set(v.id, v); existed {
		s.subtract(appendSession(s.scratch, old))
		s.byUse.Delete(old.lastUse)
	}
	s.add(appendSession(s.scratch, v))
	s.byUse.Set(v.lastUse, v.id)
}

func (s *state) closeSession(id uint64) (existed bool) {
	v, existed := s.sessions.Delete(id)
	if !existed {
		return false
	}
	for _, r := range v.replies {
		s.subtract(appendReply(s.scratch, id, r))
	}
	s.subtract(appendSession(s.scratch, v))
	s.byUse.Delete(v.lastUse)
	return true
}

// now returns the replicated clock, in ms since 1970; 0 before the first Clock.
func (s *state) now() int64 {
	_, unixMilli, _ := s.clocks.Max()
	return unixMilli
}

// advanceClock moves the replicated clock, never backwards, and drops the
// sessions that are idle for too long by it. A session is idle since the first
// Clock after its last use. The Clock before would not do: none comes while
// there is no leader, and the next may then be hours later. Sessions expire by this
// clock because servers must agree on when to expire one (thesis §6.3).
func (s *state) advanceClock(at raft.Index, now int64) {
	if now <= s.now() {
		return
	}
	s.putClock(at, now)
	for {
		oldest, unixMilli, _ := s.clocks.Min()
		if now-unixMilli <= SessionTTL.Milliseconds() {
			return
		}
		s.deleteClock(oldest)
		s.closeUnusedSince(oldest)
	}
}

// closeUnusedSince closes the sessions that were last used before the entry at
// index.
func (s *state) closeUnusedSince(index raft.Index) {
	for {
		lastUse, id, ok := s.byUse.Min()
		if !ok || lastUse > index {
			return
		}
		s.closeSession(id)
	}
}
