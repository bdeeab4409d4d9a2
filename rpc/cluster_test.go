package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

const (
	testTick      = 10 * time.Millisecond
	testElection  = 30 // ticks
	testMaxValue  = 64 << 10
	testCluster   = "0123456789abcdef0123456789abcdef"
	testIncarnate = "00000000000000aa"
	patience      = 30 * time.Second // far more than anything takes, unless it is stuck
)

// testServer is a whole server, on a disk in memory and the real network.
type testServer struct {
	*Server
	name   string
	id     raft.ServerID
	addr   string
	disk   *wal.MemFS
	client kvorumv1.KVClient
	admin  kvorumv1.ClusterClient
	stop   func() // once the node and the server have ended
}

// testNetwork is the servers of one test.
type testNetwork struct {
	t       testing.TB
	servers []*testServer
}

// newCluster returns a running cluster of n voters n1, n2, ... each of which
// knows the leader.
func newCluster(t testing.TB, n int) *testNetwork {
	t.Helper()
	c := &testNetwork{t: t}
	var voters []raft.ServerID
	for i := range n {
		voters = append(voters, node.NewID(fmt.Sprintf("n%d", i+1), testIncarnate))
	}
	for _, id := range voters {
		disk := wal.NewMemFS()
		bootstrap := func(s *wal.Store) error { return s.Bootstrap(testCluster, voters...) }
		c.servers = append(c.servers, startServer(t, node.Name(id), disk, "127.0.0.1:0", bootstrap))
	}
	c.introduce()
	eventually(t, "a leader that every server knows", func() bool {
		leader := c.leader().id
		return !slices.ContainsFunc(c.servers, func(s *testServer) bool { return s.node.Leadership().Leader != leader })
	})
	return c
}

// introduce tells every server where the others are.
func (c *testNetwork) introduce() {
	for _, s := range c.servers {
		for _, other := range c.servers {
			s.peers.SetAddress(other.id, other.addr)
		}
	}
}

// join starts a server that belongs to no cluster yet.
func (c *testNetwork) join(name string) *testServer {
	c.t.Helper()
	s := startServer(c.t, name, wal.NewMemFS(), "127.0.0.1:0", nil)
	c.servers = append(c.servers, s)
	return s
}

// leader waits until a majority agrees on one, and returns it.
func (c *testNetwork) leader() (leader *testServer) {
	c.t.Helper()
	eventually(c.t, "a leader", func() bool {
		for _, s := range c.servers {
			followers := 0
			for _, other := range c.servers {
				if other.node.Leadership().Leader == s.id {
					followers++
				}
			}
			if s.node.Leadership().Role == raft.Leader && followers > len(c.servers)/2 {
				leader = s
				return true
			}
		}
		return false
	})
	return leader
}

func (c *testNetwork) follower() *testServer {
	c.t.Helper()
	leader := c.leader()
	i := slices.IndexFunc(c.servers, func(s *testServer) bool { return s != leader })
	eventually(c.t, "a follower that knows the leader", func() bool {
		return c.servers[i].node.Leadership().Leader == leader.id
	})
	return c.servers[i]
}

func startServer(t testing.TB, name string, disk *wal.MemFS, listenAddr string, prepare func(*wal.Store) error) *testServer {
	t.Helper()
	return startServerWith(t, name, disk, listenAddr, prepare, func(s *kv.Store) node.StateMachine { return s })
}

// startServerWith starts a server whose node drives what machine makes of the store.
func startServerWith(t testing.TB, name string, disk *wal.MemFS, listenAddr string, prepare func(*wal.Store) error,
	machine func(*kv.Store) node.StateMachine) *testServer {
	t.Helper()
	storage, err := wal.Open(disk, "data", wal.Options{Name: name, Incarnation: testIncarnate})
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		if err := prepare(storage); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", listenAddr)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{name: name, id: node.NewID(name, testIncarnate), addr: listener.Addr().String(), disk: disk}
	s.Server = assemble(storage, s.id, s.addr, machine)
	s.Begin()
	s.run(t, storage, listener)
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s.client, s.admin = kvorumv1.NewKVClient(conn), kvorumv1.NewClusterClient(conn)
	return s
}

func assemble(storage *wal.Store, id raft.ServerID, addr string, machine func(*kv.Store) node.StateMachine) *Server {
	log := slog.New(slog.DiscardHandler)
	store := kv.New()
	peers := NewPeers(PeersConfig{
		Identity: NewIdentity(id, addr, storage.Identity().ClusterID, storage.SetClusterID),
		Directory: func(id raft.ServerID) (string, bool) {
			server, ok := store.Directory().Servers[id]
			return server.Addr, ok
		},
		Snapshots: NewSnapshots(storage.OpenSnapshotFile, storage.ReceiveSnapshot),
		Heartbeat: 3 * testTick,
		Local:     "127.0.0.1",
		Log:       log,
	})
	n := node.New(node.Config{
		Raft: raft.Config{
			ID: id, ElectionTicks: testElection, HeartbeatTicks: 3, Seed: uint64(len(addr)) + uint64(id[1]),
			MaxAppend: raft.Limit{Entries: 100, Bytes: 1 << 20}, MaxInflight: raft.Limit{Entries: 1000, Bytes: 4 << 20},
			MaxUncommitted: raft.Limit{Entries: 10000, Bytes: 64 << 20},
		},
		TickInterval: testTick, SnapshotTail: 10,
		Storage: storage, Transport: peers, StateMachine: machine(store), Logger: log,
	})
	return NewServer(Config{Node: n, Store: store, Peers: peers, MaxValueBytes: testMaxValue,
		TickInterval: testTick, ElectionTicks: testElection, Version: "test", Log: log})
}

// run runs the server until the test ends, or stop is called.
func (s *testServer) run(t testing.TB, storage *wal.Store, listener net.Listener) {
	serving, stopServing := context.WithCancel(context.Background())
	running, stopNode := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.node.Run(running); err != nil {
			t.Errorf("node %s: %v", s.name, err)
		}
	})
	served := make(chan error, 1)
	go func() { served <- s.Server.Run(serving, listener) }()
	s.stop = sync.OnceFunc(func() {
		stopServing()
		if err := <-served; err != nil {
			t.Errorf("server %s: %v", s.name, err)
		}
		stopNode()
		group.Wait()
		if err := storage.Close(); err != nil {
			t.Errorf("storage of %s: %v", s.name, err)
		}
	})
	t.Cleanup(s.stop)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-ticker.C:
		}
	}
}

// expectReason fails unless err has the reason and the outcome.
func expectReason(t *testing.T, err error, reason, outcome string) {
	t.Helper()
	info := infoOf(t, err)
	if info.GetReason() != reason || info.GetMetadata()["outcome"] != outcome {
		t.Errorf("got %v (%v), want %s, %s", err, info, reason, outcome)
	}
}

func (s *testServer) set(t *testing.T, key, value string) *kvorumv1.SetResponse {
	t.Helper()
	resp, err := s.client.Set(t.Context(), &kvorumv1.SetRequest{Key: key, Value: []byte(value)})
	if err != nil {
		t.Fatalf("set on %s: %v", s.name, err)
	}
	return resp
}

func (s *testServer) expectValue(t *testing.T, key, want string, opts *kvorumv1.ReadOptions) {
	t.Helper()
	resp, err := s.client.Get(t.Context(), &kvorumv1.GetRequest{Key: key, Read: opts})
	if err != nil {
		t.Fatalf("get %s on %s: %v", key, s.name, err)
	}
	if got := string(resp.GetValue()); got != want {
		t.Errorf("%s: %s = %q, want %q", s.name, key, got, want)
	}
	if resp.GetHeader().GetServerId() != s.name || resp.GetHeader().GetClusterId() != testCluster {
		t.Errorf("header of %s: %v", s.name, resp.GetHeader())
	}
}

func reasonIs(err error, reason string) bool { return status.Code(err) != 0 && reasonOf(err) == reason }
