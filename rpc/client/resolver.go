package client

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/resolver"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

const (
	scheme       = "kvorum"
	pollInterval = 3 * time.Second
	pollFloor    = 50 * time.Millisecond // between two polls, however many calls fail
	pollTimeout  = time.Second           // for one answer
)

// members resolves a cluster to its servers. It asks the servers themselves,
// over the same connection that the client's calls take: every few seconds,
// and at once when a call finds the cluster unavailable. Each client has its
// own; gRPC builds one memberWatch from it.
type members struct {
	seeds    []string
	interval time.Duration     // between two polls, if nothing fails
	kv       kvorumv1.KVClient // set before the first call, which is what makes gRPC call Build
	wake     chan struct{}     // capacity one: a refresh that is due is due once
	leader   atomic.Value      // a string: the id of the server that leads, as last heard
}

func newMembers(seeds []string) *members {
	return &members{seeds: seeds, interval: pollInterval, wake: make(chan struct{}, 1)}
}

// refreshSoon asks for fresh knowledge of the members without waiting for it.
func (m *members) refreshSoon() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Scheme implements [resolver.Builder].
func (m *members) Scheme() string { return scheme }

// Build implements [resolver.Builder].
func (m *members) Build(_ resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	ctx, cancel := context.WithCancel(context.Background())
	w := &memberWatch{members: m, cc: cc, cancel: cancel, done: make(chan struct{})}
	w.publish()
	go w.run(ctx)
	return w, nil
}

// memberWatch keeps one gRPC connection's list of servers up to date.
type memberWatch struct {
	*members
	cc     resolver.ClientConn
	known  view // owned by run, once Build has returned
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
}

// ResolveNow implements [resolver.Resolver]: gRPC calls it when a connection fails.
func (w *memberWatch) ResolveNow(resolver.ResolveNowOptions) { w.refreshSoon() }

// Close implements [resolver.Resolver].
func (w *memberWatch) Close() {
	w.cancel()
	<-w.done
}

func (w *memberWatch) run(ctx context.Context) {
	defer close(w.done)
	prefer := anyServer
	for ctx.Err() == nil {
		w.refresh(ctx, prefer)
		pause(ctx, pollFloor, nil)
		prefer = anyServer
		if pause(ctx, w.interval, w.wake) {
			prefer = follower // it may be the leader that does not answer
		}
	}
}

// pause waits for d, or less if the context ends or a wake arrives, which it reports.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
		return true
	case <-ctx.Done():
	}
	return false
}

// refresh asks servers in turn until one of them knows of a leader, and not an
// older one than we do, or each could have been asked once. A deposed leader or a partitioned server
// may well answer first. prefer is where the first question goes, if it can.
func (w *memberWatch) refresh(ctx context.Context, prefer rank) {
	for range len(w.seeds) + len(w.known.servers) {
		v, err := w.ask(ctx, prefer)
		prefer = anyServer
		if ctx.Err() != nil {
			return
		}
		if err != nil || !v.supersedes(w.known) {
			continue
		}
		w.known = v
		w.leader.Store(v.leader())
		w.publish()
		if v.hasLeader() {
			return
		}
	}
}

// ask takes one server's view, whichever the picker chooses.
func (w *memberWatch) ask(ctx context.Context, prefer rank) (view, error) {
	ctx, cancel := context.WithTimeout(withTrip(ctx, &trip{prefer: prefer}), pollTimeout)
	defer cancel()
	resp, err := w.kv.GetServers(ctx, &kvorumv1.GetServersRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return view{}, err
	}
	return view{cluster: resp.GetHeader().GetClusterId(), term: resp.GetTerm(), servers: resp.GetServers()}, nil
}

// view is one server's word on the membership.
type view struct {
	cluster string
	term    uint64
	servers []*kvorumv1.Server
}

// supersedes tells whether v replaces what is known. A view without a leader,
// or with the leader of an earlier term, teaches nothing once there is one;
// nor does another cluster's, ever: a wrong address must not carry this client's
// writes elsewhere.
func (v view) supersedes(known view) bool {
	switch {
	case len(v.servers) == 0:
		return false
	case len(known.servers) == 0:
		return true
	case v.cluster != known.cluster:
		return false
	case !known.hasLeader():
		return true
	}
	return v.hasLeader() && v.term >= known.term
}

func (v view) hasLeader() bool { return v.leader() != "" }

// leader is the id of the server that leads, or empty.
func (v view) leader() string {
	for _, s := range v.servers {
		if s.GetIsLeader() {
			return s.GetId()
		}
	}
	return ""
}

// publish tells gRPC the servers to connect to: the members, then the seeds
// that are not among them.
func (w *memberWatch) publish() {
	known := len(w.known.servers) > 0
	var endpoints []resolver.Endpoint
	seen := make(map[string]bool)
	add := func(s server) {
		if !seen[s.addr] {
			seen[s.addr] = true
			endpoints = append(endpoints, s.endpoint())
		}
	}
	for _, m := range w.known.servers {
		if dialable(m.GetRpcAddr()) {
			add(server{id: m.GetId(), addr: m.GetRpcAddr(), rank: rankOf(m), membersKnown: true})
		}
	}
	for _, addr := range w.seeds {
		add(server{addr: addr, rank: seed, membersKnown: known})
	}
	// An error means that the balancer wants fresh addresses; they come anyway.
	_ = w.cc.UpdateState(resolver.State{Endpoints: endpoints})
}

// dialable refuses what must not be advertised but may be: an address without a
// port or a wildcard, which would lead to whatever runs on this machine.
func dialable(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsUnspecified()
}

// rank is what a server is good for, by the latest view.
type rank int

const (
	seed     rank = iota // given by the user, and not known as a member
	learner              // a member that has no vote, and may be far behind
	follower             // a voter
	leader
)

func rankOf(s *kvorumv1.Server) rank {
	switch {
	case s.GetIsLeader():
		return leader
	case s.GetMembership() == kvorumv1.Server_MEMBERSHIP_LEARNER:
		return learner
	}
	return follower
}

// server is what the picker knows of one endpoint.
type server struct {
	id           string // empty for a seed
	addr         string
	rank         rank
	membersKnown bool // the members are known: a name that is not among them is wrong
}

// serverKey is the attribute of an endpoint that holds its server.
type serverKey struct{}

// endpoint carries the server through gRPC. TLS verifies the certificate against
// the host that is dialled, for there is no name of the cluster as a whole.
func (s server) endpoint() resolver.Endpoint {
	return resolver.Endpoint{
		Addresses:  []resolver.Address{{Addr: s.addr, ServerName: s.addr}},
		Attributes: attributes.New(serverKey{}, s),
	}
}
