package rpc

import (
	"context"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"kvorum/raft"
	"kvorum/raft/node"
)

// PeersConfig is what a Peers needs to know.
type PeersConfig struct {
	Identity *Identity
	// Directory finds the address of a server that has not been heard of otherwise.
	Directory func(raft.ServerID) (addr string, ok bool)
	Snapshots Snapshots
	// Heartbeat is how often a leader is heard from. Sending a snapshot delays other
	// messages on the same link by little more.
	Heartbeat time.Duration
	// Local is the address that connections to peers come from: the host of the
	// server's own listener, so that others see one address per server. Empty or
	// a wildcard: the system chooses.
	Local       string
	Credentials credentials.TransportCredentials // nil: no TLS
	Log         *slog.Logger
}

// receiver is what messages from the network are for.
type receiver interface {
	Receive(raft.Message)
	SnapshotDone(to raft.ServerID)
	Suspect(id raft.ServerID)
	Leadership() node.Leadership
	Status(context.Context) (node.Status, error)
}

// Peers carries Raft messages to the other servers: it is a node.Transport. Each
// peer has a goroutine that owns its stream and a bounded queue that drops
// the oldest message, so one slow peer delays no other.
type Peers struct {
	cfg  PeersConfig
	node receiver // set by NewServer, before Run

	// mu guards the maps. Send (the node), SetAddress (discovery, handshakes) and
	// Run all use them, each for a moment.
	mu        sync.Mutex
	addresses map[raft.ServerID]string
	peers     map[raft.ServerID]*peer
	fresh     []*peer       // not yet started
	wake      chan struct{} // fresh is not empty; capacity 1, as one reminder is enough
}

// NewPeers returns a transport that keeps what it is given to send until Run.
func NewPeers(cfg PeersConfig) *Peers {
	return &Peers{
		cfg:       cfg,
		addresses: map[raft.ServerID]string{},
		peers:     map[raft.ServerID]*peer{},
		wake:      make(chan struct{}, 1),
	}
}

// Send queues m for its receiver, and never blocks. A message is lost if the
// receiver cannot be reached, or has too many waiting: Raft sends what matters
// again.
func (t *Peers) Send(m raft.Message) {
	p := t.peer(m.To)
	if _, ok := m.Body.(raft.InstallSnapshot); ok {
		p.queueSnapshot(m)
		return
	}
	p.queueMessage(m)
}

// SetAddress says where a server's gRPC services are. The latest word wins.
func (t *Peers) SetAddress(id raft.ServerID, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addresses[id] = addr
}

// Address returns where a server's gRPC services are, as SetAddress said, or
// else the directory. It is empty if nobody knows.
func (t *Peers) Address(id raft.ServerID) string {
	if id == t.cfg.Identity.id {
		return t.cfg.Identity.addr
	}
	t.mu.Lock()
	addr := t.addresses[id]
	t.mu.Unlock()
	if addr == "" {
		addr, _ = t.cfg.Directory(id)
	}
	return addr
}

// peer returns the peer with the given id, which it makes if need be.
func (t *Peers) peer(id raft.ServerID) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.peers[id]
	if !ok {
		p = newPeer(t, id)
		t.peers[id] = p
		t.fresh = append(t.fresh, p)
		notify(t.wake)
	}
	return p
}

// run carries messages until ctx ends. No goroutine outlives it. The two goroutines of
// a peer that was removed stay until then, idle: it may be readmitted, and a server
// meets few others in its life.
func (t *Peers) run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		}
		t.mu.Lock()
		fresh := t.fresh
		t.fresh = nil
		t.mu.Unlock()
		for _, p := range fresh {
			group.Go(func() { p.runMessages(ctx) })
			group.Go(func() { p.runSnapshots(ctx) })
		}
	}
}

const (
	// connectTimeout bounds one attempt to connect, maxRedial the pause between
	// two: a server that comes back is reached about a second later at the latest.
	connectTimeout = time.Second
	maxRedial      = time.Second
	// A connection whose other end does not answer is given up. gRPC probes idle
	// ones no more often than every ten seconds, but pingTimeout is also how long
	// sent data may stay unacknowledged (TCP_USER_TIMEOUT): without it a
	// connection that was cut for a minute could take another minute to recover.
	pingInterval = 10 * time.Second
	pingTimeout  = 2 * time.Second
	// window is how many bytes may be under way unread on a connection.
	window = 4 << 20
)

// dial returns a connection to a server, which is established at its first use.
func (t *Peers) dial(addr string) (*grpc.ClientConn, error) {
	creds := t.cfg.Credentials
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	dialer := t.dialer()
	return grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", addr)
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxRedial},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)), // as large as the other's values are
		grpc.WithDisableServiceConfig())
}

// notify leaves a reminder in c, where one is enough.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
