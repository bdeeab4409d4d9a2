package rpc

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/node"
)

// StatusOf asks the server at addr for its status in detail. This server answers
// about itself at once; another is asked over the connection that writes are
// forwarded on. Errors are those of gRPC.
func (s *Server) StatusOf(ctx context.Context, addr string) (*kvorumv1.StatusResponse, error) {
	request := &kvorumv1.StatusRequest{Detail: true}
	if addr == s.identity.addr {
		return (&clusterService{Server: s}).Status(ctx, request)
	}
	conn, err := s.forwarder.conn(addr)
	if err != nil {
		return nil, err
	}
	return kvorumv1.NewClusterClient(conn).Status(ctx, request)
}

// detail is what a status holds only if it is asked for.
func (s *Server) detail(st node.Status) *kvorumv1.Detail {
	d := &kvorumv1.Detail{
		Id:          string(st.ID),
		StableIndex: uint64(st.Stable),
		DiskSilence: durationpb.New(st.DiskSilence),
	}
	if err := s.Ready(); err != nil {
		d.NotReady = err.Error()
	}
	for _, id := range st.Config.Servers() {
		d.Members = append(d.Members, &kvorumv1.Member{
			Id:       string(id),
			RpcAddr:  s.peers.Address(id),
			Voter:    slices.Contains(st.Config.Voters, id),
			OldVoter: slices.Contains(st.Config.Old, id),
		})
	}
	if s.cfg.Describe != nil {
		s.cfg.Describe(d)
	}
	return d
}
