package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

// peerService receives what other servers send.
type peerService struct {
	peerv1.UnimplementedPeerServer
	peers *Peers
	stop  <-chan struct{} // closed when the server stops: streams end
}

// Exchange receives messages until the sender or this server ends the stream.
func (s *peerService) Exchange(stream peerv1.Peer_ExchangeServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	from, err := s.peers.accept(first.GetHello())
	if err != nil {
		return err
	}
	if err := stream.Send(&peerv1.ExchangeResponse{}); err != nil {
		return err
	}
	// Recv ends no sooner than the stream does, which ends when this function
	// returns: so it is called from a goroutine that this function does not await.
	ended := make(chan error, 1) // capacity 1: nobody may be listening any more
	go func() { ended <- s.receive(stream, from) }()
	select {
	case err := <-ended:
		s.peers.suspect(from, s.stop)
		return err
	case <-s.stop:
		return status.Error(codes.Unavailable, "the server is stopping")
	}
}

// receive hands the messages of a stream to the node.
func (s *peerService) receive(stream peerv1.Peer_ExchangeServer, from raft.ServerID) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range req.GetMessages() {
			m, err := s.peers.message(p, from)
			if err != nil {
				return err
			}
			if _, ok := m.Body.(raft.InstallSnapshot); ok {
				// The core would ask the storage for a file that is not there.
				return status.Errorf(codes.InvalidArgument, "a snapshot from %s without its bytes", from)
			}
			s.peers.node.Receive(m)
		}
	}
}

// message reads one message of a stream from the given server.
func (t *Peers) message(p *peerv1.Message, from raft.ServerID) (raft.Message, error) {
	m, err := fromProto(p, from, t.cfg.Identity.id)
	if err == nil {
		err = validate(m)
	}
	if err != nil {
		return m, status.Errorf(codes.InvalidArgument, "bad message from %s: %v", from, err)
	}
	return m, nil
}

// accept checks a Hello, and returns who speaks. Nothing that follows a Hello
// which is refused gets near the core, so it cannot change a term.
func (t *Peers) accept(h *peerv1.Hello) (from raft.ServerID, err error) {
	from = raft.ServerID(h.GetFrom())
	switch self := t.cfg.Identity; {
	case h == nil:
		return "", status.Error(codes.InvalidArgument, "the stream does not begin with a Hello")
	case h.GetVersion() != protocolVersion:
		return "", status.Errorf(codes.FailedPrecondition, "protocol version %d, this server speaks %d: upgrade the older one", h.GetVersion(), protocolVersion)
	case h.GetTo() != string(self.id):
		return "", status.Errorf(codes.FailedPrecondition, "this server is %s, not %s", self.id, h.GetTo())
	case !isServerID(h.GetFrom()) || from == self.id:
		return "", status.Errorf(codes.InvalidArgument, "%q cannot be a peer of %s", h.GetFrom(), self.id)
	case h.GetClusterId() == "":
		return "", status.Errorf(codes.InvalidArgument, "%s belongs to no cluster", from)
	}
	if _, _, err := net.SplitHostPort(h.GetFromAddr()); err != nil {
		return "", status.Errorf(codes.InvalidArgument, "address of %s: %v", from, err)
	}
	if err := t.cfg.Identity.Join(h.GetClusterId()); err != nil {
		return "", toStatus(err, nil)
	}
	t.SetAddress(from, h.GetFromAddr())
	return from, nil
}

// isServerID reports whether id has the form name@incarnation.
func isServerID(id string) bool {
	name, incarnation, _ := strings.Cut(id, "@")
	_, err := hex.DecodeString(incarnation)
	return node.ValidateName(name) == nil && len(incarnation) == 16 && err == nil
}

// Identify tells who answers at this address.
func (s *peerService) Identify(context.Context, *peerv1.IdentifyRequest) (*peerv1.IdentifyResponse, error) {
	self := s.peers.cfg.Identity
	name := node.Name(self.id)
	incarnation := strings.TrimPrefix(string(self.id), name+"@")
	return &peerv1.IdentifyResponse{ClusterId: self.ClusterID(), Name: name, Incarnation: incarnation}, nil
}

// identify asks who answers at addr.
func (t *Peers) identify(ctx context.Context, addr string) (*peerv1.IdentifyResponse, error) {
	conn, err := t.dial(addr)
	if err != nil {
		return nil, err
	}
	resp, err := peerv1.NewPeerClient(conn).Identify(ctx, &peerv1.IdentifyRequest{})
	_ = conn.Close() // its only error is that it is closed already
	switch code := status.Code(err); {
	case code == codes.Unavailable || code == codes.DeadlineExceeded:
		return nil, fmt.Errorf("the server cannot be reached at %s: start it first (%s)", addr, status.Convert(err).Message())
	case err != nil:
		return nil, fmt.Errorf("ask %s who it is: %w", addr, err)
	}
	return resp, nil
}
