package sim

import (
	"fmt"
	"slices"

	"kvorum/raft"
)

// observer knows everything that ever happened in the cluster, and checks after
// every event what must hold. Its word for committed is the paper's: a leader
// said so, and a quorum's disks agree.
type observer struct {
	c           *cluster
	leaders     map[raft.Term]raft.ServerID
	leader      *server // the last that was elected
	votes       map[vote]raft.ServerID
	chains      map[raft.EntryID]uint64 // of every entry that was ever in a log
	history     []slot                  // history[i] is the committed entry i
	committedIn []raft.Term             // the leader's term when it was, and
	committedBy raft.Configuration      // whose quorum has the last of them
	applies     []apply                 // applies[i] is what applying entry i did, where anybody did
	once        map[once]raft.Index     // where a session's write happened
	attempts    map[raft.EntryID]*attempt
	transfers   map[transferKey]int // of snapshots, since all was well, while
	calm        bool
	digest      uint64
	err         error
}

type vote struct {
	voter raft.ServerID
	term  raft.Term
}

// apply is what the first server that applied an entry made of it.
type apply struct {
	known    bool
	state    uint64 // hash of the state after it
	answered bool
	result   uint64 // hash of the answer
}

func newObserver(c *cluster) *observer {
	return &observer{
		c: c, leaders: map[raft.Term]raft.ServerID{}, votes: map[vote]raft.ServerID{}, chains: map[raft.EntryID]uint64{},
		once: map[once]raft.Index{}, attempts: map[raft.EntryID]*attempt{}, transfers: map[transferKey]int{},
	}
}

func (o *observer) bootstrap(config raft.Configuration) {
	o.history, o.committedIn = []slot{{config: &config}}, []raft.Term{0}
	o.applies = []apply{{}}
}

// committed returns the last entry that is committed.
func (o *observer) committed() raft.Index { return raft.Index(len(o.history) - 1) }

// prefix returns the committed log up to last.
func (o *observer) prefix(last raft.Index) []slot {
	if last > o.committed() {
		o.fail("I8", "a snapshot ends at %d, but only %d is committed", last, o.committed())
		last = o.committed()
	}
	return slices.Clone(o.history[:last+1])
}

// fail notes the first invariant that breaks. Callers test before they call, so
// that nothing is formatted when all is well.
func (o *observer) fail(invariant, format string, args ...any) {
	if o.err == nil {
		o.err = &Violation{invariant, o.c.now, fmt.Sprintf(format, args...)}
		o.c.tracef("%v", o.err)
	}
}

// stop ends the run without a violation.
func (o *observer) stop() {
	if o.err == nil {
		o.err = errStop
	}
}

// observe looks at a server after it was asked for its effects.
func (c *cluster) observe(s *server, fx *raft.Effects) {
	o, before := c.observer, &s.seen
	if fx.Empty() {
		// Nothing but time may have passed: the commonest event of all.
		if role, term, leader := s.raft.Leadership(); role == raft.Follower && before.Role == role && before.Term == term && before.Leader == leader {
			return
		}
	}
	after := s.raft.Status()
	o.digest = fold(o.digest, uint64(s.number), uint64(c.now), uint64(after.Role), uint64(after.Term),
		uint64(after.CommitIndex), uint64(after.LastApplied), uint64(after.Stable), uint64(after.Last.Index))
	if after.Role == raft.Leader && (before.Role != raft.Leader || before.Term != after.Term) {
		o.elected(s, &after) // before its first entry is looked at
		c.countElection(s, before, &after)
	}
	if before.Role == raft.Leader && after.Role != raft.Leader && after.Term == before.Term {
		c.countSteppedDown(&after)
	}
	o.observeLog(s, &fx.Persist, before, &after)
	if o.err == nil {
		o.checkMonotone(s, before, &after)
		o.checkCommitted(s, before, &after)
		o.checkProgress(s, before, &after)
	}
	if len(fx.Persist.Entries) > 0 || fx.Persist.Snapshot != nil {
		o.checkQuorums()
	}
	s.seen = after
}

func sameConfig(a, b raft.Configuration) bool {
	return slices.Equal(a.Voters, b.Voters) && slices.Equal(a.Old, b.Old) && slices.Equal(a.Learners, b.Learners)
}
