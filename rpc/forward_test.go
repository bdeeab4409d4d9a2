package rpc

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

func TestForwardedRequestIsNotForwardedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	follower, leader := c.follower(), c.leader()
	ctx := metadata.AppendToOutgoingContext(t.Context(), forwardedKey, testCluster)
	_, err := follower.client.Set(ctx, &kvorumv1.SetRequest{Key: "k"})
	expectReason(t, err, "NOT_LEADER", "definite")
	if got := infoOf(t, err).GetMetadata(); got["leader_id"] != leader.name || got["leader_addr"] != leader.addr {
		t.Errorf("the hint is %v, want %s at %s", got, leader.name, leader.addr)
	}
}

func TestRequestForwardedFromAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	ctx := metadata.AppendToOutgoingContext(t.Context(), forwardedKey, "another")
	_, err := c.servers[0].client.Set(ctx, &kvorumv1.SetRequest{Key: "k"})
	expectReason(t, err, "WRONG_CLUSTER", "definite")
}

// fakeLeader is a KV service that counts the requests it gets.
type fakeLeader struct {
	kvorumv1.UnimplementedKVServer
	set func(context.Context) (*kvorumv1.SetResponse, error)
	got chan string // keys; more capacity than any test needs
}

func (f *fakeLeader) Set(ctx context.Context, req *kvorumv1.SetRequest) (*kvorumv1.SetResponse, error) {
	f.got <- req.GetKey()
	return f.set(ctx)
}

// startFakeLeader returns a fake leader and its address.
func startFakeLeader(t *testing.T, set func(server *grpc.Server) func(context.Context) (*kvorumv1.SetResponse, error)) (*fakeLeader, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	fake := &fakeLeader{set: set(server), got: make(chan string, 100)}
	kvorumv1.RegisterKVServer(server, fake)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return fake, listener.Addr().String()
}

// forwardTo sends a Set through a forwarder to a fake leader, and returns how
// often that got it.
func forwardTo(t *testing.T, ctx context.Context, set func(server *grpc.Server) func(context.Context) (*kvorumv1.SetResponse, error)) (int, error) {
	t.Helper()
	fake, addr := startFakeLeader(t, set)
	e := newEndpoint(t, "a", testCluster, nil)
	leader := node.NewID("leader", testIncarnate)
	e.SetAddress(leader, addr)
	f := newForwarder(e.Peers)
	defer f.close()
	err := f.call(ctx, leader, kvorumv1.KV_Set_FullMethodName, &kvorumv1.SetRequest{Key: "k"}, new(kvorumv1.SetResponse))
	return len(fake.got), toStatus(err, nil)
}

func TestBrokenForwardIsOfUnknownOutcomeAndNotRepeated(t *testing.T) {
	t.Parallel()
	n, err := forwardTo(t, t.Context(), func(server *grpc.Server) func(context.Context) (*kvorumv1.SetResponse, error) {
		return func(ctx context.Context) (*kvorumv1.SetResponse, error) {
			go server.Stop() // closes the connection, and ctx with it
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	expectReason(t, err, "LEADERSHIP_LOST", "unknown")
	if n != 1 {
		t.Errorf("the leader got the request %d times, want once", n)
	}
}

func TestForwardEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := forwardTo(t, ctx, func(*grpc.Server) func(context.Context) (*kvorumv1.SetResponse, error) {
		return func(ctx context.Context) (*kvorumv1.SetResponse, error) { <-ctx.Done(); return nil, ctx.Err() }
	})
	if status.Code(err) != codes.DeadlineExceeded || infoOf(t, err) != nil {
		t.Errorf("got %v, want the deadline and nothing of the outcome", err)
	}
}

// TestForwardEndsOnceAnotherServerLeads: a leader that is paused takes requests and
// answers none. Here what is at its address does so, and hands leadership over.
func TestForwardEndsOnceAnotherServerLeads(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	follower, leader := c.follower(), c.leader()
	next := slices.IndexFunc(c.servers, func(s *testServer) bool { return s != leader && s != follower })
	fake, addr := startFakeLeader(t, func(*grpc.Server) func(context.Context) (*kvorumv1.SetResponse, error) {
		return func(ctx context.Context) (*kvorumv1.SetResponse, error) {
			if err := leader.node.TransferLeadership(ctx, c.servers[next].id); err != nil {
				return nil, err
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	follower.peers.SetAddress(leader.id, addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := follower.client.Set(ctx, &kvorumv1.SetRequest{Key: "k"})
	expectReason(t, err, "LEADERSHIP_LOST", "unknown")
	if len(fake.got) != 1 {
		t.Errorf("the leader got the request %d times, want once", len(fake.got))
	}
}

func TestErrorOfTheLeaderIsForwardedAsItIs(t *testing.T) {
	t.Parallel()
	_, err := forwardTo(t, t.Context(), func(*grpc.Server) func(context.Context) (*kvorumv1.SetResponse, error) {
		return func(context.Context) (*kvorumv1.SetResponse, error) { return nil, toStatus(raft.ErrBusy, nil) }
	})
	expectReason(t, err, "BUSY", "definite")
}

func TestForwardThatCannotBeSentIsDefinite(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, "a", testCluster, nil)
	f := newForwarder(e.Peers)
	defer f.close()
	gone, unknown := node.NewID("gone", testIncarnate), node.NewID("unknown", testIncarnate)
	e.SetAddress(gone, "127.0.0.1:1")
	for _, leader := range []raft.ServerID{gone, unknown} {
		err := f.call(t.Context(), leader, kvorumv1.KV_Set_FullMethodName, &kvorumv1.SetRequest{Key: "k"}, new(kvorumv1.SetResponse))
		if !errors.Is(err, raft.ErrNotLeader) {
			t.Errorf("%s: got %v, want %v", leader, err, raft.ErrNotLeader)
		}
	}
}
