// Package clienttest provides a pretended cluster for tests of clients: real
// gRPC servers on loopback that share one map instead of replicating it. A test
// says who leads, who is down and which calls fail, and asks who was called.
package clienttest

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// NoLeader is the argument of [Cluster.Lead] for a cluster without one.
const NoLeader = -1

// Cluster is a pretended cluster of servers n1, n2, ... at places 0, 1, ...
type Cluster struct {
	t       testing.TB
	servers []*server
	options []grpc.ServerOption

	// The handlers of all servers meet here, as do the test's own calls.
	mu     sync.Mutex
	leader int
	term   uint64
	state  state
	before Hook
	after  Hook
	seen   map[string][]any // requests, by method
	backup func(send func(*kvorumv1.BackupChunk) error) error
	watch  WatchHook
}

// A Hook may fail a call of a method ("Set") that arrived at the server of that place.
type Hook func(server int, method string) error

// A WatchHook serves a watch that arrived at the server of that place.
type WatchHook func(server int, req *kvorumv1.WatchRequest, stream grpc.ServerStreamingServer[kvorumv1.WatchResponse]) error

// Start starts n servers, led by the first, that stop when the test ends.
func Start(t testing.TB, n int, options ...grpc.ServerOption) *Cluster {
	t.Helper()
	c := &Cluster{t: t, options: options, term: 1, state: newState(), seen: make(map[string][]any)}
	for i := range n {
		c.servers = append(c.servers, &server{cluster: c, place: i, calls: make(map[string]int)})
		c.listen(i, "127.0.0.1:0")
	}
	t.Cleanup(func() {
		for i := range n {
			c.Stop(i)
		}
	})
	return c
}

// Name is the name of the server at place i.
func Name(i int) string { return fmt.Sprintf("n%d", i+1) }

// Addr is the address of the server at place i, also while it is stopped.
func (c *Cluster) Addr(i int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[i].addr
}

// Addrs are the addresses of all servers.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for i := range c.servers {
		addrs = append(addrs, c.Addr(i))
	}
	return addrs
}

// Lead makes the server at place i the leader of the next term, or nobody with [NoLeader].
func (c *Cluster) Lead(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = i
	c.term++
}

// Advertise makes the members list show addr for the server at place i.
func (c *Cluster) Advertise(i int, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers[i].addr = addr
}

// Before sets the hook that runs before a call takes effect.
func (c *Cluster) Before(h Hook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = h
}

// After sets the hook that runs after a call took effect, before its answer.
func (c *Cluster) After(h Hook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = h
}

// ServeBackup sets what every server answers to a Backup.
func (c *Cluster) ServeBackup(serve func(send func(*kvorumv1.BackupChunk) error) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.backup = serve
}

// ServeWatch sets how every server serves a Watch.
func (c *Cluster) ServeWatch(serve WatchHook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch = serve
}

// Calls is how often a method was called at the server of place i.
func (c *Cluster) Calls(i int, method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[i].calls[method]
}

// AllCalls is how often a method was called at all servers together.
func (c *Cluster) AllCalls(method string) int {
	sum := 0
	for i := range c.servers {
		sum += c.Calls(i, method)
	}
	return sum
}

// Requests are the requests of a method that arrived, in order, at any server.
func (c *Cluster) Requests(method string) []any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen[method])
}

func (c *Cluster) saw(method string, req any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[method] = append(c.seen[method], req)
}

// Stop breaks the connections of the server at place i and closes its port.
func (c *Cluster) Stop(i int) {
	if g := c.servers[i].grpc; g != nil {
		g.Stop()
		c.servers[i].grpc = nil
	}
}

// Restart starts a stopped server at its old address.
func (c *Cluster) Restart(i int) { c.listen(i, c.Addr(i)) }

// Move starts a stopped server at a new address.
func (c *Cluster) Move(i int) { c.listen(i, "127.0.0.1:0") }

func (c *Cluster) listen(i int, addr string) {
	c.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		c.t.Fatalf("clienttest: %v", err)
	}
	s := c.servers[i]
	s.grpc = grpc.NewServer(append(c.options, grpc.UnaryInterceptor(s.interceptUnary), grpc.StreamInterceptor(s.interceptStream))...)
	kvorumv1.RegisterKVServer(s.grpc, s)
	kvorumv1.RegisterClusterServer(s.grpc, s)
	c.Advertise(i, l.Addr().String())
	go s.grpc.Serve(l) //nolint:errcheck // ends with Stop
}

// Error makes an error as a kvorum server does.
func Error(code codes.Code, reason, outcome, message string) error {
	s, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{
		Domain: "kvorum", Reason: reason, Metadata: map[string]string{"outcome": outcome},
	})
	if err != nil {
		panic(err) // the details are a known message
	}
	return s.Err()
}

// ErrNoLeader is what a server without a leader answers.
func ErrNoLeader() error {
	return Error(codes.Unavailable, "NO_LEADER", "definite", "this server knows no leader")
}

func (s *server) interceptUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
	s.cluster.saw(path.Base(info.FullMethod), req)
	if err := s.arrive(info.FullMethod); err != nil {
		return nil, err
	}
	resp, err := h(ctx, req)
	if err == nil {
		err = s.leave(info.FullMethod)
	}
	return resp, err
}

func (s *server) interceptStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, h grpc.StreamHandler) error {
	if err := s.arrive(info.FullMethod); err != nil {
		return err
	}
	return h(srv, stream)
}
