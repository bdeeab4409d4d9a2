package clienttest

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// GetServers lists the members; every server of this cluster knows the same.
func (s *server) GetServers(context.Context, *kvorumv1.GetServersRequest) (*kvorumv1.GetServersResponse, error) {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	return &kvorumv1.GetServersResponse{Servers: c.members(), Term: c.term, Header: s.header()}, nil
}

// members lists the configuration; the caller holds the mutex.
func (c *Cluster) members() []*kvorumv1.Server {
	var servers []*kvorumv1.Server
	for i, s := range c.servers {
		servers = append(servers, &kvorumv1.Server{
			Id: Name(i), RpcAddr: s.addr, IsLeader: i == c.leader, Membership: kvorumv1.Server_MEMBERSHIP_VOTER,
		})
	}
	return servers
}

// Status answers from the server's own knowledge, with or without a leader.
func (s *server) Status(context.Context, *kvorumv1.StatusRequest) (*kvorumv1.StatusResponse, error) {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := &kvorumv1.StatusResponse{
		ClusterId: clusterID, ServerId: Name(s.place), Role: "follower", Term: c.term, FirstIndex: 1,
		LastIndex: c.state.revision, CommitIndex: c.state.revision, AppliedIndex: c.state.revision,
		StateHash: 0xfeed, Servers: c.members(), Version: "test",
	}
	if c.leader != NoLeader {
		resp.LeaderId = Name(c.leader)
	}
	if c.leader == s.place {
		resp.Role = "leader"
	}
	return resp, nil
}

// change answers a change of the configuration that changes nothing, if the
// server that it is about is a member.
func (s *server) change(id string) (*kvorumv1.ChangeResponse, error) {
	resp, err := apply(s, nil, func(st *state) *kvorumv1.ChangeResponse {
		return &kvorumv1.ChangeResponse{Revision: st.revision, Servers: s.cluster.members(), Header: s.header()}
	})
	if err != nil {
		return nil, err
	}
	for _, m := range resp.GetServers() {
		if id == "" || m.GetId() == id {
			return resp, nil
		}
	}
	return nil, Error(codes.FailedPrecondition, "NOT_A_MEMBER", "definite", "no such server in the configuration")
}

// AddServer accepts any server.
func (s *server) AddServer(context.Context, *kvorumv1.AddServerRequest) (*kvorumv1.ChangeResponse, error) {
	return s.change("")
}

// PromoteServer accepts members.
func (s *server) PromoteServer(_ context.Context, req *kvorumv1.PromoteServerRequest) (*kvorumv1.ChangeResponse, error) {
	return s.change(req.GetId())
}

// RemoveServer accepts members.
func (s *server) RemoveServer(_ context.Context, req *kvorumv1.RemoveServerRequest) (*kvorumv1.ChangeResponse, error) {
	return s.change(req.GetId())
}

// TransferLeadership makes a member the leader.
func (s *server) TransferLeadership(_ context.Context, req *kvorumv1.TransferLeadershipRequest) (*kvorumv1.ChangeResponse, error) {
	resp, err := s.change(req.GetTo())
	for i := range s.cluster.servers {
		if err == nil && Name(i) == req.GetTo() {
			s.cluster.Lead(i)
		}
	}
	return resp, err
}

// TakeSnapshot pretends to have written one.
func (s *server) TakeSnapshot(context.Context, *kvorumv1.TakeSnapshotRequest) (*kvorumv1.TakeSnapshotResponse, error) {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	return &kvorumv1.TakeSnapshotResponse{Index: c.state.revision, Bytes: 42, Header: s.header()}, nil
}

// Backup answers what the test has set, after a first chunk without data.
func (s *server) Backup(_ *kvorumv1.BackupRequest, stream grpc.ServerStreamingServer[kvorumv1.BackupChunk]) error {
	c := s.cluster
	c.mu.Lock()
	serve, first := c.backup, &kvorumv1.BackupChunk{Header: s.header()}
	c.mu.Unlock()
	if err := stream.Send(first); err != nil {
		return err
	}
	return serve(stream.Send)
}
