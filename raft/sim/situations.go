package sim

import (
	"slices"

	"kvorum/raft"
)

// Situation is something that tests show nothing without.
type Situation string

// The situations that a batch of seeds must have been in.
const (
	LeaderChanged       Situation = "leader changed"
	LeaderSteppedDown   Situation = "leader stepped down in its own term"
	StuckDiskDeposed    Situation = "leader with a stuck disk stepped down"
	PauseDeposed        Situation = "leader deposed while it was paused"
	RemovedSteppedDown  Situation = "leader that was removed stepped down"
	Truncated           Situation = "entries replaced"
	Figure8             Situation = "Figure 8: old entry on a majority, not committed"
	SnapshotSent        Situation = "snapshot sent"
	SnapshotInstalled   Situation = "snapshot installed"
	InstallInterrupted  Situation = "install interrupted"
	InstallResumed      Situation = "install resumed in the middle"
	GarbledSentAgain    Situation = "garbled snapshot refused, and sent again"
	SnapshotFailed      Situation = "snapshot not written: disk error"
	ConfigProposed      Situation = "membership change begun"
	ConfigAcrossLeaders Situation = "membership change across a leader change"
	LearnerPromoted     Situation = "learner became a voter"
	CrashBetween        Situation = "crash between two effects"
	AllCrashed          Situation = "all servers crashed at once"
	CrashBeforeDurable  Situation = "crash before durable"
	CrashBeforeSync     Situation = "crash between write and sync"
	CrashInRecovery     Situation = "crash during recovery"
	UnsyncedSurvived    Situation = "what was not synced survived"
	DiskFailed          Situation = "disk error ended a server"
	DamageRefused       Situation = "damaged disk refused"
	Replaced            Situation = "lost server replaced by a new incarnation"
	Readmitted          Situation = "new incarnation became a voter"
	GroupCommit         Situation = "batches shared an fsync"
	Dropped             Situation = "message dropped"
	LinkCut             Situation = "message lost where the link is cut"
	Duplicated          Situation = "message duplicated"
	FromEarlierTerm     Situation = "message of an earlier term arrived"
	ForeignRefused      Situation = "other cluster refused"
	PreVoteRefused      Situation = "pre-vote refused"
	Transferred         Situation = "leadership transferred"
	Acknowledged        Situation = "request answered"
	Busy                Situation = "too many requests"
	SlotLost            Situation = "another entry took the slot"
	FailedDefinitely    Situation = "request failed definitely"
	Retried             Situation = "write retried after an unknown outcome"
	DedupHit            Situation = "retry found its first answer"
	SessionExpired      Situation = "session expired"
	ReadAnswered        Situation = "read answered"
	ReadLost            Situation = "read lost"
	ReadRetried         Situation = "read retried after a deposition"
	CoreWithoutLeader   Situation = "core lost the old leader"
	RightlySuspected    Situation = "leader known to be gone"
	WronglySuspected    Situation = "leader taken for gone, wrongly"
)

// Situations lists them all.
func Situations() []Situation {
	return []Situation{
		LeaderChanged, LeaderSteppedDown, StuckDiskDeposed, PauseDeposed, RemovedSteppedDown, Truncated, Figure8,
		SnapshotSent, SnapshotInstalled, InstallInterrupted, InstallResumed, GarbledSentAgain, SnapshotFailed,
		ConfigProposed, ConfigAcrossLeaders, LearnerPromoted,
		CrashBetween, AllCrashed, CrashBeforeDurable, CrashBeforeSync, CrashInRecovery, UnsyncedSurvived,
		DiskFailed, DamageRefused, Replaced, Readmitted, GroupCommit,
		Dropped, LinkCut, Duplicated, FromEarlierTerm, ForeignRefused, PreVoteRefused, Transferred,
		Acknowledged, Busy, SlotLost, FailedDefinitely, Retried, DedupHit, SessionExpired,
		ReadAnswered, ReadLost, ReadRetried, CoreWithoutLeader, RightlySuspected, WronglySuspected,
	}
}

// countElection counts what is special about the election of s, whose log
// does not have the first entry of its term yet.
func (c *cluster) countElection(s *server, before, after *raft.Status) {
	if last := c.observer.leader; last != nil && last != s {
		c.counts[LeaderChanged]++
	}
	c.observer.leader = s
	c.tracef("%s leads term %d", s, after.Term)
	if s.asked == after.Term-1 {
		c.counts[Transferred]++
	}
	if last := s.log[len(s.log)-1]; last.config.Joint() || last.configAt > c.observer.committed() {
		c.counts[ConfigAcrossLeaders]++
	}
	for i := c.observer.committed() + 1; int(i) < len(s.log); i++ {
		if c.observer.isQuorum(before.Config, c.observer.holders(i, s.log[i].chain)) {
			c.counts[Figure8]++
			return
		}
	}
}

// countSteppedDown counts that a leader steps down without having heard of a
// later term.
func (c *cluster) countSteppedDown(after *raft.Status) {
	c.counts[LeaderSteppedDown]++
	switch {
	case after.DiskStuck:
		c.counts[StuckDiskDeposed]++
	case !after.Config.IsVoter(after.ID):
		c.counts[RemovedSteppedDown]++
	}
}

// countMembers counts the learners, and the later incarnations, that a
// configuration makes voters.
func (c *cluster) countMembers(before, after *raft.Configuration) {
	for _, id := range after.Voters {
		if before.IsVoter(id) {
			continue
		}
		if slices.Contains(before.Learners, id) {
			c.counts[LearnerPromoted]++
		}
		if string(id) != c.server(id).name {
			c.counts[Readmitted]++
		}
	}
}
