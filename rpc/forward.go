package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kvorum/raft"
	"kvorum/raft/node"
)

// forwardedKey marks a request that a server forwarded. Its value is the id of
// the cluster, so that a stranger at the leader's old address refuses it.
const forwardedKey = "kvorum-forwarded"

// forwarder holds connections to the servers that have led, or were asked for
// their status.
type forwarder struct {
	peers *Peers

	mu    sync.Mutex                  // guards conns, which every forwarded request looks up
	conns map[string]*grpc.ClientConn // nil once closed
}

func newForwarder(peers *Peers) *forwarder {
	return &forwarder{peers: peers, conns: map[string]*grpc.ClientConn{}}
}

// onLeader performs a request here if this server leads, and else forwards it to
// the leader, once: whoever receives a forwarded request does not forward it.
func onLeader[Req, Resp any, Q message[Req], R message[Resp]](ctx context.Context, s *Server, method string, req Q,
	here func(context.Context, Q) (R, error)) (R, error) {
	ctx, cancel := boundedContext(ctx)
	defer cancel()
	forwarded, err := s.isForwarded(ctx)
	if err != nil {
		return nil, err
	}
	leadership := s.node.Leadership()
	if leadership.Role == raft.Leader || forwarded {
		return here(ctx, req)
	}
	if leadership.Leader == raft.None {
		return nil, raft.ErrNoLeader
	}
	resp := R(new(Resp))
	if err := s.forward(ctx, leadership, method, req, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// slowForward is how long a leader may take to answer before it matters whether it
// still leads. If it does not it is given as long once more: one that handed
// leadership over answers what it had accepted.
const slowForward = 150 * time.Millisecond

// forward performs a unary call on the leader of the given term, and gives it up if
// that does not answer, as it cannot while it is paused or cut off, and another
// server leads.
func (s *Server) forward(ctx context.Context, to node.Leadership, method string, req, resp proto.Message) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer time.AfterFunc(slowForward, func() { s.awaitSuccessor(ctx, to, end) }).Stop()
	err := s.forwarder.call(ctx, to.Leader, method, req, resp)
	if err != nil && errors.Is(context.Cause(ctx), errDeposed) {
		return fmt.Errorf("%w: %s", errDeposed, node.Name(to.Leader))
	}
	return err
}

// awaitSuccessor ends a call to a leader, by end, once another server leads.
func (s *Server) awaitSuccessor(ctx context.Context, of node.Leadership, end context.CancelCauseFunc) {
	look := time.NewTicker(slowForward)
	defer look.Stop()
	for deposed := false; ; {
		if deposed {
			end(errDeposed)
			return
		}
		now := s.node.Leadership()
		deposed = now.Term > of.Term && now.Leader != raft.None
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// message is a pointer to a T that is a protobuf message.
type message[T any] interface {
	*T
	proto.Message
}

// IsForwarded reports whether the request that ctx belongs to says that another
// server forwarded it.
func IsForwarded(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, forwardedKey)) > 0
}

// isForwarded reports whether another server of the cluster sent the request.
func (s *Server) isForwarded(ctx context.Context) (bool, error) {
	cluster := metadata.ValueFromIncomingContext(ctx, forwardedKey)
	if len(cluster) == 0 {
		return false, nil
	}
	if own := s.identity.ClusterID(); cluster[0] != own {
		return true, fmt.Errorf("%w: this server belongs to %q, the forwarded request to %q", errWrongCluster, own, cluster[0])
	}
	return true, nil
}

// call performs a unary call on the leader. If the request cannot have left this
// server the error wraps raft.ErrNotLeader, which is definite; an answer of the
// leader is passed on; anything else leaves the outcome unknown. It is never
// tried again.
func (f *forwarder) call(ctx context.Context, leader raft.ServerID, method string, req, resp proto.Message) error {
	ctx = metadata.AppendToOutgoingContext(ctx, forwardedKey, f.peers.cfg.Identity.ClusterID())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream if it has not ended
	stream, err := f.open(ctx, leader, method)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: the leader %s cannot be reached: %v", raft.ErrNotLeader, node.Name(leader), err)
	}
	// The request has a stream now. gRPC itself opens another one only if it
	// knows that the leader has not seen this one.
	if err = stream.SendMsg(req); err == nil || errors.Is(err, io.EOF) {
		err = stream.RecvMsg(resp)
	}
	if err != nil && reasonOf(err) == "" && status.Code(err) == codes.Unavailable {
		return fmt.Errorf("%w: %s: %v", errForwardLost, node.Name(leader), err)
	}
	return err
}

// open begins a call. Until it has returned, nothing of the request was sent.
func (f *forwarder) open(ctx context.Context, leader raft.ServerID, method string) (grpc.ClientStream, error) {
	addr := f.peers.Address(leader)
	if addr == "" {
		return nil, errNoAddress
	}
	conn, err := f.conn(addr)
	if err != nil {
		return nil, err
	}
	return conn.NewStream(ctx, &grpc.StreamDesc{}, method)
}

func (f *forwarder) conn(addr string) (*grpc.ClientConn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conns == nil {
		return nil, errStopping
	}
	if conn, ok := f.conns[addr]; ok {
		return conn, nil
	}
	conn, err := f.peers.dial(addr)
	if err == nil {
		f.conns[addr] = conn
	}
	return conn, err
}

// close ends the connections.
func (f *forwarder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		conn.Close() // its only error is that it is closed already
	}
	f.conns = nil
}
