package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

// clusterService is the service Cluster of the contract.
type clusterService struct {
	kvorumv1.UnimplementedClusterServer
	*Server
}

func (s *clusterService) Status(ctx context.Context, req *kvorumv1.StatusRequest) (*kvorumv1.StatusResponse, error) {
	// What is applied is asked first, so that none of it lies beyond what the node then
	// says is committed. Entries without a command do not touch the state machine: between
	// its last command and what the node had applied before, there are none of another kind.
	applied := s.node.Applied()
	hash, revision := s.store.Hash()
	st, err := s.nodeStatus(ctx)
	if err != nil {
		return nil, err
	}
	resp := &kvorumv1.StatusResponse{
		ClusterId:          s.identity.ClusterID(),
		ServerId:           node.Name(st.ID),
		Role:               st.Role.String(),
		Term:               uint64(st.Term),
		LeaderId:           node.Name(st.Leader),
		FirstIndex:         uint64(st.FirstIndex),
		LastIndex:          uint64(st.Last.Index),
		CommitIndex:        uint64(st.CommitIndex),
		AppliedIndex:       uint64(max(applied, revision)),
		SnapshotIndex:      uint64(st.Snapshot.LastIncludedIndex),
		StateHash:          hash,
		Servers:            s.servers(st),
		SnapshotsInstalled: st.SnapshotsInstalled,
		Version:            s.cfg.Version,
	}
	for _, p := range st.Peers {
		resp.Peers = append(resp.Peers, &kvorumv1.Peer{
			Id:               node.Name(p.ID),
			MatchIndex:       uint64(p.MatchIndex),
			NextIndex:        uint64(p.NextIndex),
			State:            p.State,
			SinceLastContact: durationpb.New(time.Duration(p.SinceContact) * s.cfg.TickInterval),
		})
	}
	if req.GetDetail() {
		resp.Detail = s.detail(st)
	}
	return resp, nil
}

// nodeStatus returns the node's, or before Begin that of a node which knows nothing.
func (s *Server) nodeStatus(ctx context.Context) (node.Status, error) {
	if !s.hasBegun() {
		return node.Status{Status: raft.Status{ID: s.identity.id}}, nil
	}
	return s.node.Status(ctx)
}

// servers describes the configuration that st holds.
func (s *Server) servers(st node.Status) []*kvorumv1.Server {
	var out []*kvorumv1.Server
	for _, id := range st.Config.Servers() {
		membership := kvorumv1.Server_MEMBERSHIP_LEARNER
		if st.Config.IsVoter(id) {
			membership = kvorumv1.Server_MEMBERSHIP_VOTER
		}
		out = append(out, &kvorumv1.Server{Id: node.Name(id), RpcAddr: s.peers.Address(id),
			IsLeader: id == st.Leader, Membership: membership})
	}
	return out
}

func (s *clusterService) AddServer(ctx context.Context, req *kvorumv1.AddServerRequest) (*kvorumv1.ChangeResponse, error) {
	return onLeader(ctx, s.Server, kvorumv1.Cluster_AddServer_FullMethodName, req, changed(s.Server, s.addServer))
}

func (s *clusterService) PromoteServer(ctx context.Context, req *kvorumv1.PromoteServerRequest) (*kvorumv1.ChangeResponse, error) {
	return onLeader(ctx, s.Server, kvorumv1.Cluster_PromoteServer_FullMethodName, req, changed(s.Server, s.promoteServer))
}

func (s *clusterService) RemoveServer(ctx context.Context, req *kvorumv1.RemoveServerRequest) (*kvorumv1.ChangeResponse, error) {
	return onLeader(ctx, s.Server, kvorumv1.Cluster_RemoveServer_FullMethodName, req, changed(s.Server, s.removeServer))
}

func (s *clusterService) TransferLeadership(ctx context.Context, req *kvorumv1.TransferLeadershipRequest) (*kvorumv1.ChangeResponse, error) {
	return onLeader(ctx, s.Server, kvorumv1.Cluster_TransferLeadership_FullMethodName, req, changed(s.Server, s.transferLeadership))
}

func (s *clusterService) TakeSnapshot(ctx context.Context, _ *kvorumv1.TakeSnapshotRequest) (*kvorumv1.TakeSnapshotResponse, error) {
	meta, bytes, err := s.node.TakeSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &kvorumv1.TakeSnapshotResponse{Index: uint64(meta.LastIncludedIndex), Bytes: uint64(bytes), Header: s.header()}, nil
}

// changed performs a change and answers with the configuration after it.
func changed[Q any](s *Server, change func(context.Context, Q) error) func(context.Context, Q) (*kvorumv1.ChangeResponse, error) {
	return func(ctx context.Context, req Q) (*kvorumv1.ChangeResponse, error) {
		if err := change(ctx, req); err != nil {
			return nil, err
		}
		st, err := s.node.Status(ctx)
		if err != nil {
			return nil, unknownOutcome{err}
		}
		return &kvorumv1.ChangeResponse{Revision: uint64(st.ConfigIndex), Servers: s.servers(st), Header: s.header()}, nil
	}
}

// findServers returns the members of ids that people call by name; a full
// ServerID names one incarnation.
func findServers(ids []raft.ServerID, name string) []raft.ServerID {
	var found []raft.ServerID
	for _, id := range ids {
		if node.Name(id) == name || string(id) == name {
			found = append(found, id)
		}
	}
	return found
}
