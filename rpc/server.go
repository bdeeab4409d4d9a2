package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"kvorum/kv"
	peerv1 "kvorum/proto/kvorum/peer/v1"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/node"
)

// MaxValueBytes is the most that Config.MaxValueBytes may be.
const MaxValueBytes = 64 << 20

// Config is what a Server serves, and how.
type Config struct {
	Node          *node.Node
	Store         *kv.Store
	Peers         *Peers
	MaxValueBytes int                              // of what clients write; others may accept more
	TickInterval  time.Duration                    // of the node
	ElectionTicks int                              // of the node
	Version       string                           // of this program
	Describe      func(*kvorumv1.Detail)           // adds to a detailed status what this package does not know; may be nil
	Credentials   credentials.TransportCredentials // nil: no TLS
	Options       []grpc.ServerOption              // further ones, such as interceptors that count
	Log           *slog.Logger
}

// Server answers clients and peers over gRPC.
type Server struct {
	cfg       Config
	node      *node.Node
	store     *kv.Store
	identity  *Identity
	peers     *Peers
	forwarder *forwarder
	fresh     freshness
	grpc      *grpc.Server
	health    *health.Server
	readiness readiness
	begun     chan struct{} // closed by Begin
	stop      chan struct{} // closed when peers' streams must end
	stopping  chan struct{} // closed when requests are refused, and watches end

	// mu guards the closing of stopping: every request looks, and none may be
	// counted in calls once Run has begun to wait for them.
	mu    sync.Mutex
	calls sync.WaitGroup // requests of clients that are being served
}

const (
	// handshakeTimeout bounds how long a connection may take to say something.
	handshakeTimeout = 5 * time.Second
	// minPing is how often a client may probe its connection; peers do every pingInterval.
	minPing = 5 * time.Second
	// maxStreams is how many requests one connection may have under way.
	maxStreams     = 4096
	maxHeaderBytes = 16 << 10
	// streamWorkers is how many goroutines wait for requests. A new goroutine's stack
	// has to grow several times on its way through gRPC, which costs a tenth of the
	// processor time of a request; a worker's has grown. Past that many requests under way
	// the others get a goroutine each.
	streamWorkers = 256
	// maxRequest is how large a request may be: two values, as a compare-and-set
	// and its entry hold, and what is around them. It is the same on all servers,
	// whatever their own limits: else a value that one accepts could never reach
	// another, and nothing would be committed after it. Below it, a value that is
	// too large gets the contract's error; past it gRPC itself answers
	// RESOURCE_EXHAUSTED, unread and without an ErrorInfo.
	maxRequest = 2*MaxValueBytes + 8<<20
	// stopTimeout bounds each of the two parts of a graceful stop.
	stopTimeout = 1500 * time.Millisecond
)

// NewServer returns a server that does nothing until Run. It must be called
// before cfg.Node runs.
func NewServer(cfg Config) *Server {
	s := &Server{
		cfg: cfg, node: cfg.Node, store: cfg.Store,
		identity: cfg.Peers.cfg.Identity, peers: cfg.Peers,
		forwarder: newForwarder(cfg.Peers),
		health:    health.NewServer(),
		begun:     make(chan struct{}),
		stop:      make(chan struct{}),
		stopping:  make(chan struct{}),
	}
	s.peers.node = cfg.Node
	s.grpc = grpc.NewServer(s.options()...)
	kvorumv1.RegisterKVServer(s.grpc, &kvService{Server: s})
	kvorumv1.RegisterClusterServer(s.grpc, &clusterService{Server: s})
	peerv1.RegisterPeerServer(s.grpc, &peerService{peers: s.peers, stop: s.stop})
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.setReady(errForming)
	return s
}

// Begin says that cfg.Node runs now. Until then only what needs no node is
// answered: Status, GetServers, Identify, health and reflection. A server that
// waits to form a cluster can thus be asked, and no peer can make it a member of
// another cluster meanwhile. It is called once.
func (s *Server) Begin() {
	s.setReady(errStarting)
	close(s.begun)
}

func (s *Server) hasBegun() bool {
	select {
	case <-s.begun:
		return true
	default:
		return false
	}
}

// FastOptions are those of a Server's options that are there for speed. A server that
// is measured beside it needs them, too.
func FastOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.NumStreamWorkers(streamWorkers),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
	}
}

func (s *Server) options() []grpc.ServerOption {
	// The caller's interceptors come first, so that they see the final errors; its
	// other options do too, so that they cannot lift the limits.
	options := append(slices.Clone(s.cfg.Options), FastOptions()...)
	options = append(options,
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
		grpc.WaitForHandlers(true),
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.streaming),
	)
	if s.cfg.Credentials != nil {
		options = append(options, grpc.Creds(s.cfg.Credentials))
	}
	return options
}

// Run serves on listener, and carries the node's messages to its peers, until
// ctx ends; then it finishes what is in flight within about three seconds. The
// node should run for longer than that. Every goroutine of its own has then ended or
// is about to: one that receives from a peer is not awaited, as its stream ends only
// after the handler, and may still hand a message to the node.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer end()
	group.Go(func() { s.peers.run(background) })
	group.Go(func() { s.watchReadiness(background) })
	group.Go(func() { s.proposeClock(background) })
	defer s.forwarder.close()
	defer s.grpc.Stop()
	served := make(chan error, 1) // capacity 1: on the way out nobody listens
	group.Go(func() { served <- s.grpc.Serve(listener) })
	select {
	case err := <-served:
		return fmt.Errorf("rpc: serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
		s.shutDown()
		return nil
	}
}

// shutDown refuses new requests, finishes those in flight while Raft still
// works, then ends the peers' streams and all connections.
func (s *Server) shutDown() {
	s.health.Shutdown()
	s.mu.Lock()
	close(s.stopping)
	s.mu.Unlock()
	within(stopTimeout, s.calls.Wait)
	close(s.stop)
	within(stopTimeout, s.grpc.GracefulStop)
}

// within waits for f to return, but no longer than d.
func within(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// needNoNode are the methods that are answered before Begin.
var needNoNode = []string{
	kvorumv1.Cluster_Status_FullMethodName, kvorumv1.KV_GetServers_FullMethodName, peerv1.Peer_Identify_FullMethodName,
}

// enter counts a client's request, or refuses it. Peers and health checks are
// served to the end.
func (s *Server) enter(method string) (leave func(), err error) {
	if strings.HasPrefix(method, "/kvorum.") && !s.hasBegun() && !slices.Contains(needNoNode, method) {
		return nil, errForming
	}
	if !strings.HasPrefix(method, "/kvorum.v1.") {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		return nil, errStopping
	default:
		s.calls.Add(1)
		return s.calls.Done, nil
	}
}

// unary counts a request, and gives its error the form of the contract.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	leave, err := s.enter(info.FullMethod)
	if err != nil {
		return nil, s.status(err)
	}
	defer leave()
	resp, err := handle(ctx, req)
	return resp, s.status(err)
}

// streaming is unary for streams.
func (s *Server) streaming(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	leave, err := s.enter(info.FullMethod)
	if err != nil {
		return s.status(err)
	}
	defer leave()
	return s.status(handle(srv, stream))
}

// status turns err into what the client gets.
func (s *Server) status(err error) error {
	if err == nil {
		return nil
	}
	var hint map[string]string
	if leader := s.node.Leadership().Leader; leader != "" {
		hint = map[string]string{"leader_id": node.Name(leader), "leader_addr": s.peers.Address(leader)}
	}
	return toStatus(err, hint)
}
