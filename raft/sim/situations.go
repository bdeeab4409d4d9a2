package sim

import "kvorum/raft"

// Situation is something that tests show nothing without.
type Situation string

// The situations that a batch of seeds must have been in.
const (
	LeaderChanged       Situation = "leader changed"
	Truncated           Situation = "entries replaced"
	SnapshotSent        Situation = "snapshot sent"
	SnapshotInstalled   Situation = "snapshot installed"
	InstallInterrupted  Situation = "install interrupted"
	ConfigProposed      Situation = "membership change begun"
	ConfigAcrossLeaders Situation = "membership change across a leader change"
	CrashBeforeDurable  Situation = "crash before durable"
	GroupCommit         Situation = "batches shared an fsync"
	PreVoteRefused      Situation = "pre-vote refused"
	ReadAnswered        Situation = "read answered"
	ReadLost            Situation = "read lost"
	Transferred         Situation = "leadership transferred"
	Figure8             Situation = "Figure 8: old entry on a majority, not committed"
	Acknowledged        Situation = "command acknowledged"
)

// Situations lists them all.
func Situations() []Situation {
	return []Situation{
		LeaderChanged, Truncated, SnapshotSent, SnapshotInstalled, InstallInterrupted, ConfigProposed, ConfigAcrossLeaders,
		CrashBeforeDurable, GroupCommit, PreVoteRefused, ReadAnswered, ReadLost, Transferred, Figure8, Acknowledged,
	}
}

// countElection counts what is special about the election of s, whose log
// does not have the first entry of its term yet.
func (c *cluster) countElection(s *server, before, after raft.Status) {
	c.counts[LeaderChanged]++
	c.tracef("%s leads term %d", s.id, after.Term)
	if s.asked == after.Term-1 {
		c.counts[Transferred]++
	}
	if last := s.log[len(s.log)-1]; last.config.Joint() || int(last.configAt) >= len(c.observer.history) {
		c.counts[ConfigAcrossLeaders]++
	}
	for i := len(c.observer.history); i < len(s.log); i++ {
		if c.isOnQuorum(before.Config, raft.Index(i), s.log[i].chain) {
			c.counts[Figure8]++
			return
		}
	}
}
