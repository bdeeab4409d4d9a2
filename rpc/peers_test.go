package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

// endpoint is a transport with a recorder in the place of a node.
type endpoint struct {
	*Peers
	id       raft.ServerID
	addr     string
	messages chan raft.Message
	done     chan raft.ServerID // who SnapshotDone was called for
	suspects chan raft.ServerID // who Suspect was called for
	leader   raft.ServerID
	config   raft.Configuration
	file     *memorySnapshot // what it has received
	stop     func()          // receiving

	mu      sync.Mutex // guards adopted
	adopted []string
}

func (e *endpoint) Receive(m raft.Message)        { e.messages <- m }
func (e *endpoint) SnapshotDone(to raft.ServerID) { e.done <- to }
func (e *endpoint) Suspect(id raft.ServerID)      { e.suspects <- id }
func (e *endpoint) Status(context.Context) (node.Status, error) {
	return node.Status{Status: raft.Status{Config: e.config}}, nil
}
func (e *endpoint) Leadership() node.Leadership { return node.Leadership{Leader: e.leader} }

// newEndpoint returns a running transport of a server of the given cluster,
// which sends the given snapshot whenever it sends one.
func newEndpoint(t testing.TB, name, cluster string, snapshot []byte) *endpoint {
	t.Helper()
	return newSecureEndpoint(t, name, cluster, snapshot, insecure.NewCredentials())
}

func newSecureEndpoint(t testing.TB, name, cluster string, snapshot []byte, creds credentials.TransportCredentials) *endpoint {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{
		id: node.NewID(name, testIncarnate), addr: listener.Addr().String(), file: &memorySnapshot{},
		messages: make(chan raft.Message, 10000), done: make(chan raft.ServerID, 100), suspects: make(chan raft.ServerID, 100), // more than any test sends
	}
	e.Peers = NewPeers(PeersConfig{
		Identity:  NewIdentity(e.id, e.addr, cluster, e.adopt),
		Directory: func(raft.ServerID) (string, bool) { return "", false },
		Snapshots: NewSnapshots(
			func(raft.SnapshotMeta) (*memorySnapshot, int64, error) {
				return &memorySnapshot{content: snapshot}, int64(len(snapshot)), nil
			},
			func(raft.SnapshotMeta, int64) (*memorySnapshot, error) { return e.file, nil }),
		Heartbeat:   50 * time.Millisecond,
		Local:       "127.0.0.1",
		Credentials: creds,
		Log:         slog.New(slog.DiscardHandler),
	})
	e.node = e
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { e.run(ctx) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	e.serve(t, listener)
	return e
}

// serve receives on listener until the test ends, or stop is called.
func (e *endpoint) serve(t testing.TB, listener net.Listener) {
	server, stop := grpc.NewServer(grpc.Creds(e.cfg.Credentials)), make(chan struct{})
	peerv1.RegisterPeerServer(server, &peerService{peers: e.Peers, stop: stop})
	var group sync.WaitGroup
	group.Go(func() { _ = server.Serve(listener) })
	e.stop = sync.OnceFunc(func() {
		server.Stop() // as if it was killed: it does not end its streams first
		close(stop)
		group.Wait()
	})
	t.Cleanup(e.stop)
}

func (e *endpoint) adopt(cluster string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.adopted = append(e.adopted, cluster)
	return nil
}

// receive returns the next message that arrives.
func (e *endpoint) receive(t *testing.T) raft.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case m := <-e.messages:
		return m
	case <-ctx.Done():
		t.Fatal("no message arrived")
		panic("unreachable")
	}
}

func TestMessagesArriveInOrder(t *testing.T) {
	t.Parallel()
	a, b := newEndpoint(t, "a", testCluster, nil), newEndpoint(t, "b", testCluster, nil)
	a.SetAddress(b.id, b.addr)
	for i := range uint64(500) {
		a.Send(raft.Message{From: a.id, To: b.id, Term: 1, Body: raft.ReadIndexRequest{ID: i}})
	}
	for i := range uint64(500) {
		want := raft.Message{From: a.id, To: b.id, Term: 1, Body: raft.ReadIndexRequest{ID: i}}
		if got := b.receive(t); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	// The handshake told b where a is: an answer needs nothing else.
	b.Send(raft.Message{From: b.id, To: a.id, Term: 1, Body: raft.TimeoutNow{}})
	if got := a.receive(t); got.From != b.id {
		t.Errorf("got %+v", got)
	}
}

// TestBrokenStreamCostsNoMessage: what is sent after the sender could know that
// the peer restarted arrives, the first message included.
func TestBrokenStreamCostsNoMessage(t *testing.T) {
	t.Parallel()
	a, b := newEndpoint(t, "a", testCluster, nil), newEndpoint(t, "b", testCluster, nil)
	a.SetAddress(b.id, b.addr)
	p := newPeer(a.Peers, b.id)
	defer p.disconnect()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range uint64(3) {
		m := raft.Message{From: a.id, To: b.id, Term: 1, Body: raft.ReadIndexRequest{ID: i}}
		if err := p.send(ctx, []raft.Message{m}); err != nil {
			t.Fatal(err)
		}
		if got := b.receive(t); got != m {
			t.Fatalf("got %+v, want %+v", got, m)
		}
		b.stop()
		if _, err := p.stream.Recv(); err == nil {
			t.Fatal("the stream did not end")
		}
		listener, err := net.Listen("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		b.serve(t, listener)
	}
}

// TestRefusedMessageIsReported: the stream that comes after it hides nothing.
func TestRefusedMessageIsReported(t *testing.T) {
	t.Parallel()
	a, b := newEndpoint(t, "a", testCluster, nil), newEndpoint(t, "b", testCluster, nil)
	a.SetAddress(b.id, b.addr)
	p := newPeer(a.Peers, b.id)
	defer p.disconnect()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	good := raft.Message{From: a.id, To: b.id, Term: 1, Body: raft.TimeoutNow{}}
	bad := raft.Message{From: a.id, To: b.id, Term: ^raft.Term(0), Body: raft.TimeoutNow{}}
	if err := p.send(ctx, []raft.Message{good, bad}); err != nil {
		t.Fatal(err) // it left, and b has not answered yet
	}
	if _, err := p.stream.Recv(); err == nil {
		t.Fatal("the stream did not end")
	}
	if err := p.send(ctx, []raft.Message{good}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v, want %v", err, codes.InvalidArgument)
	}
	if err := p.send(ctx, []raft.Message{good}); err != nil {
		t.Errorf("after the report: %v", err)
	}
	for range 3 {
		if got := b.receive(t); got != good {
			t.Errorf("got %+v, want %+v", got, good)
		}
	}
}

func TestQueueDropsTheOldest(t *testing.T) {
	t.Parallel()
	p := newPeer(nil, "b")
	for i := range uint64(maxQueue + 10) {
		p.queueMessage(raft.Message{Body: raft.ReadIndexRequest{ID: i}})
	}
	queue := p.takeQueue()
	if len(queue) != maxQueue || queue[0].Body != (raft.ReadIndexRequest{ID: 10}) {
		t.Errorf("got %d messages from %+v on, want %d from 10 on", len(queue), queue[0].Body, maxQueue)
	}
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	of := func(n int) raft.Message {
		return raft.Message{Body: raft.AppendEntries{Entries: []raft.Entry{{Command: make([]byte, n)}}}}
	}
	tests := []struct {
		messages []raft.Message
		want     int
	}{
		{[]raft.Message{of(10), of(10)}, 2},
		{[]raft.Message{of(maxBatchBytes), of(1), of(1)}, 1},
		{[]raft.Message{of(maxBatchBytes + 1), of(1)}, 1},
		{[]raft.Message{of(maxBatchBytes / 2), of(maxBatchBytes / 2), of(1)}, 2},
	}
	for i, test := range tests {
		if got := batchLength(test.messages); got != test.want {
			t.Errorf("%d: got %d, want %d", i, got, test.want)
		}
	}
}

// hail opens a stream to e with the given Hello, sends message, and returns how
// the stream ends, or nil once message has arrived.
func hail(t *testing.T, e *endpoint, hello *peerv1.Hello, message *peerv1.Message) error {
	t.Helper()
	conn, err := e.dial(e.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := peerv1.NewPeerClient(conn).Exchange(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&peerv1.ExchangeRequest{Hello: hello}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if err := stream.Send(&peerv1.ExchangeRequest{Messages: []*peerv1.Message{message}}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func TestStrangersAreRefusedUnheard(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, "a", testCluster, nil)
	good := func() *peerv1.Hello {
		return &peerv1.Hello{Version: protocolVersion, ClusterId: testCluster, From: "b@" + testIncarnate, FromAddr: "127.0.0.1:1", To: string(e.id)}
	}
	vote := toProto(raft.Message{Term: 1000, Body: raft.RequestVote{LastLogIndex: 1000, LastLogTerm: 999}})
	tests := map[string]struct {
		change  func(*peerv1.Hello)
		message *peerv1.Message
		want    codes.Code
	}{
		"another cluster":          {func(h *peerv1.Hello) { h.ClusterId = "f" }, vote, codes.FailedPrecondition},
		"no cluster":               {func(h *peerv1.Hello) { h.ClusterId = "" }, vote, codes.InvalidArgument},
		"another version":          {func(h *peerv1.Hello) { h.Version = 2 }, vote, codes.FailedPrecondition},
		"another incarnation of a": {func(h *peerv1.Hello) { h.To = "a@00000000000000bb" }, vote, codes.FailedPrecondition},
		"itself":                   {func(h *peerv1.Hello) { h.From = string(e.id) }, vote, codes.InvalidArgument},
		"nobody":                   {func(h *peerv1.Hello) { h.From = "b" }, vote, codes.InvalidArgument},
		"a hidden name":            {func(h *peerv1.Hello) { h.From = "b\u200b@" + testIncarnate }, vote, codes.InvalidArgument},
		"nowhere":                  {func(h *peerv1.Hello) { h.FromAddr = "evil" }, vote, codes.InvalidArgument},
		"no Hello":                 {func(h *peerv1.Hello) { h.Reset() }, vote, codes.FailedPrecondition},
		"the last term":            {func(*peerv1.Hello) {}, &peerv1.Message{Term: ^uint64(0), Body: vote.Body}, codes.InvalidArgument},
		"a snapshot without bytes": {func(*peerv1.Hello) {}, toProto(snapshotMessage("b@"+testIncarnate, e.id)), codes.InvalidArgument},
		"no type":                  {func(*peerv1.Hello) {}, &peerv1.Message{Term: 1}, codes.InvalidArgument},
	}
	for name, test := range tests {
		hello := good()
		test.change(hello)
		if err := hail(t, e, hello, test.message); status.Code(err) != test.want {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	if len(e.messages) > 0 {
		t.Errorf("the node heard %+v", <-e.messages)
	}
	if err := hail(t, e, good(), vote); err != nil || e.receive(t).Term != 1000 {
		t.Errorf("a good message is refused: %v", err)
	}
	refused := hail(t, e, func() *peerv1.Hello { h := good(); h.ClusterId = "f"; return h }(), vote)
	expectReason(t, refused, "WRONG_CLUSTER", "definite")
}

func TestNewcomerJoinsTheClusterThatCallsItByItsFullName(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, "a", "", nil)
	hello := &peerv1.Hello{Version: protocolVersion, ClusterId: testCluster, From: "b@" + testIncarnate, FromAddr: "127.0.0.1:1"}
	message := toProto(raft.Message{Term: 1, Body: raft.TimeoutNow{}})
	hello.To = "a@00000000000000bb"
	if err := hail(t, e, hello, message); status.Code(err) != codes.FailedPrecondition || e.cfg.Identity.ClusterID() != "" {
		t.Errorf("got %v, and cluster %q, for a Hello to an earlier incarnation", err, e.cfg.Identity.ClusterID())
	}
	hello.To = string(e.id)
	for range 2 {
		if err := hail(t, e, hello, message); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(e.adopted, []string{testCluster}) || e.cfg.Identity.ClusterID() != testCluster {
		t.Errorf("adopted %v, want %s once", e.adopted, testCluster)
	}
	hello.ClusterId = "another"
	expectReason(t, hail(t, e, hello, message), "WRONG_CLUSTER", "definite")
}
