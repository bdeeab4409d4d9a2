package script

import (
	"errors"
	"fmt"
	"strings"

	"kvorum/raft"
)

// elect lets an election timeout pass at all who take part, and delivers what
// follows except the new leader's first requests.
func (s *Stage) elect(id raft.ServerID, r *raft.Raft, args []string) error {
	role, _, _ := r.Leadership()
	if len(args) > 0 && args[0] != "with" || role == raft.Leader {
		return errors.New("a follower is elected with others")
	}
	among := []raft.ServerID{id}
	if len(args) > 0 {
		among = append(among, serverIDs(args[1:])...)
	}
	for _, other := range among {
		if s.servers[other] == nil {
			return fmt.Errorf("%s is not running", other)
		}
		s.loseLeader(other)
	}
	for n, before := 0, attempts(r); attempts(r) == before; n++ {
		if r.Tick(); n > 2*electionTicks {
			return fmt.Errorf("%s does not stand", id)
		}
	}
	s.perform(id)
	s.step()
	kinds := []string{"RequestPreVote", "RequestPreVoteResponse", "RequestVote", "RequestVoteResponse"}
	return s.move("deliver", Filter{among: among, kinds: kinds})
}

// loseLeader lets a server hear no leader any more: what it is told of the one that
// it follows, or of none, stands for an election timeout without a word.
func (s *Stage) loseLeader(id raft.ServerID) {
	r := s.servers[id]
	_, _, leader := r.Leadership()
	r.Suspect(leader)
	if s.disks[id].gathering {
		return
	}
	reasons, said := s.reasons, s.said
	s.reasons = false
	s.perform(id)
	s.reasons, s.said = reasons, said
}

// attempts returns how many elections a server would say that it has begun, were
// it asked now.
func attempts(r *raft.Raft) (n int) {
	for _, line := range r.Clone().Effects().Trace {
		if strings.HasPrefix(line, "election timeout:") {
			n++
		}
	}
	return n
}
