package dashboard

import (
	"fmt"
	"strings"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

// snapshot puts together what the servers said.
func (c *collector) snapshot() Snapshot {
	s := Snapshot{
		Time:      time.Now().UnixMilli(),
		ClusterID: c.own.GetClusterId(),
		ServerID:  c.own.GetServerId(),
		Version:   c.own.GetVersion(),
		Events:    c.events(),
	}
	leader := c.leader()
	if leader != nil {
		id := leader.GetDetail().GetId()
		s.Leader = &Leader{ID: id, Name: node.Name(raft.ServerID(id)), Term: leader.GetTerm(),
			Seconds: leader.GetDetail().GetLeadershipAge().AsDuration().Seconds()}
	}
	progress := progressOf(leader)
	total, counted := period{}, false
	for _, m := range c.members {
		sighting := c.seen[m.GetId()]
		server := sighting.describe(m, c.isJoint())
		server.Progress = progress[m.GetId()]
		if p := sighting.period(); p != nil {
			server.Load = p.load()
			total.add(p)
			counted = true
		}
		s.Servers = append(s.Servers, server)
	}
	if counted {
		s.Load = total.load()
	}
	s.Quorums = c.quorums()
	s.Health = judge(s, c.own.GetDetail().GetNotReady())
	return s
}

// describe tells what is known of a server.
func (s *sighting) describe(m *kvorumv1.Member, joint bool) Server {
	server := Server{
		ID:         m.GetId(),
		Name:       name(m),
		RPCAddr:    m.GetRpcAddr(),
		Membership: membership(m, joint),
		Up:         s.problem == "",
		Problem:    s.problem,
	}
	if s.last.status == nil {
		return server
	}
	if server.Up {
		server.Problem = strings.TrimPrefix(s.last.status.GetDetail().GetNotReady(), "raft: ")
	} else {
		server.Silence = time.Since(s.last.at).Seconds()
	}
	server.State = stateOf(s.last.status)
	return server
}

func membership(m *kvorumv1.Member, joint bool) string {
	switch {
	case !m.GetVoter() && !m.GetOldVoter():
		return "learner"
	case joint && !m.GetOldVoter():
		return "joining"
	case !m.GetVoter():
		return "leaving"
	default:
		return "voter"
	}
}

func stateOf(st *kvorumv1.StatusResponse) *State {
	d := st.GetDetail()
	return &State{
		Role:               st.GetRole(),
		Term:               st.GetTerm(),
		LeaderID:           st.GetLeaderId(),
		FirstIndex:         st.GetFirstIndex(),
		LastIndex:          st.GetLastIndex(),
		StableIndex:        d.GetStableIndex(),
		CommitIndex:        st.GetCommitIndex(),
		AppliedIndex:       st.GetAppliedIndex(),
		SnapshotIndex:      st.GetSnapshotIndex(),
		SnapshotsInstalled: st.GetSnapshotsInstalled(),
		StateHash:          fmt.Sprintf("%016x", st.GetStateHash()),
		DiskSilence:        d.GetDiskSilence().AsDuration().Seconds(),
		Uptime:             d.GetUptime().AsDuration().Seconds(),
		HTTPAddr:           d.GetHttpAddr(),
		Version:            st.GetVersion(),
	}
}

// period returns what happened since the collector's mark; nil if that is unknown.
func (s *sighting) period() period {
	if s.problem != "" || !s.last.follows(s.base) {
		return nil
	}
	return between(s.base, s.last)
}

// progressOf returns the leader's progress by Member.Id. Status names its peers as
// people do, in the order of the configuration, which leaves the leader out.
func progressOf(leader *kvorumv1.StatusResponse) map[string]*Progress {
	peers, all := leader.GetPeers(), map[string]*Progress{}
	for _, m := range leader.GetDetail().GetMembers() {
		if m.GetId() == leader.GetDetail().GetId() || len(peers) == 0 {
			continue
		}
		p := peers[0]
		peers = peers[1:]
		all[m.GetId()] = &Progress{MatchIndex: p.GetMatchIndex(), NextIndex: p.GetNextIndex(), State: p.GetState(),
			Silence: p.GetSinceLastContact().AsDuration().Seconds()}
	}
	return all
}

func (c *collector) isJoint() bool {
	for _, m := range c.members {
		if m.GetOldVoter() {
			return true
		}
	}
	return false
}

// quorums counts who answers, of the voters and if there are any of the old voters.
func (c *collector) quorums() []Quorum {
	var voters, old Quorum
	for _, m := range c.members {
		up := c.seen[m.GetId()].problem == ""
		if m.GetVoter() {
			voters.count(up)
		}
		if m.GetOldVoter() {
			old.count(up)
		}
	}
	var all []Quorum
	for _, q := range []Quorum{voters, old} {
		if q.Voters > 0 {
			q.Needed = q.Voters/2 + 1
			q.Spare = q.Answering - q.Needed
			all = append(all, q)
		}
	}
	return all
}

func (q *Quorum) count(up bool) {
	q.Voters++
	if up {
		q.Answering++
	}
}
