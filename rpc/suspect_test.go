package rpc

import (
	"net"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
)

// looksInto returns whether e takes the process of the server with the given id for
// gone, once it has looked.
func (e *endpoint) looksInto(id raft.ServerID) bool {
	e.suspect(id, nil)
	return len(e.suspects) > 0
}

func TestOnlyALeaderThatRefusesConnectionsIsSuspected(t *testing.T) {
	t.Parallel()
	const leader = "leader@" + testIncarnate
	alive, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	dying, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if conn, err := dying.Accept(); err == nil {
			conn.Close()
		}
		dying.Close()
	}()
	const refusing = "127.0.0.1:1"
	for _, c := range []struct {
		name, addr string
		follows    raft.ServerID
		want       bool
	}{
		{"it is gone", refusing, leader, true},
		{"it is about to be", dying.Addr().String(), leader, true},
		{"it is there", alive.Addr().String(), leader, false},
		{"its address is not known", "", leader, false},
		{"another leads", refusing, "another", false},
		{"nobody leads", refusing, raft.None, false},
	} {
		e := newEndpoint(t, "a", testCluster, nil)
		e.leader = c.follows
		e.SetAddress(leader, c.addr)
		if got := e.looksInto(leader); got != c.want {
			t.Errorf("%s: suspected %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTheEndOfALeadersStreamIsLookedInto: the first sign that a process is gone is
// that its connections are. Then those to the others are opened, for the election.
func TestTheEndOfALeadersStreamIsLookedInto(t *testing.T) {
	t.Parallel()
	const leader = "leader@" + testIncarnate
	e, other := newEndpoint(t, "a", testCluster, nil), newEndpoint(t, "b", testCluster, nil)
	e.leader, e.config = leader, raft.Configuration{Voters: []raft.ServerID{e.id, other.id, leader}}
	e.SetAddress(other.id, other.addr)
	hello := &peerv1.Hello{Version: protocolVersion, ClusterId: testCluster, From: leader, FromAddr: "127.0.0.1:1", To: string(e.id)}
	conn, err := e.dial(e.addr)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := peerv1.NewPeerClient(conn).Exchange(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&peerv1.ExchangeRequest{Hello: hello}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if len(e.suspects) > 0 {
		t.Error("a leader that is there is suspected")
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
	eventually(t, "the leader is suspected", func() bool { return len(e.suspects) == 1 })
	eventually(t, "b has been greeted", func() bool { return other.Address(e.id) == e.addr })
}
