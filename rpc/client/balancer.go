package client

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/endpointsharding"
	"google.golang.org/grpc/balancer/pickfirst"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

const balancerName = "kvorum"

// gRPC finds a balancer by its name only. The builder has no state: everything
// that belongs to one client lives in the balancer it builds.
func init() { balancer.Register(builder{}) }

type builder struct{}

func (builder) Name() string { return balancerName }

// Build keeps one connection to each server, and puts a picker on top that
// knows the leader from the followers.
func (builder) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	b := &router{ClientConn: cc}
	b.Balancer = endpointsharding.NewBalancer(b, opts, balancer.Get(pickfirst.Name).Build, endpointsharding.Options{})
	return b
}

// router stands between gRPC and the connections: it is their ClientConn, so
// that it sees every change of their states, and gRPC's Balancer.
type router struct {
	balancer.ClientConn
	balancer.Balancer
}

// UpdateState replaces the plain round-robin picker by ours.
func (r *router) UpdateState(s balancer.State) {
	s.Picker = newPicker(endpointsharding.ChildStatesFromPicker(s.Picker), s.Picker)
	r.ClientConn.UpdateState(s)
}

// picker chooses a connection for each call from the states of one moment.
type picker struct {
	connections []connection
	ready       [leader + 1][]balancer.Picker // by rank
	members     []balancer.Picker             // ready ones of any rank but seed
	idle        balancer.Picker               // for when none is ready: it waits, or fails
	known       bool                          // the members are known
	leader      string                        // the id of the server that leads; empty: none is known
	next        atomic.Uint32                 // round robin
}

type connection struct {
	server
	picker balancer.Picker // picks, waits or fails as the state of the connection demands
}

func newPicker(states []endpointsharding.ChildState, idle balancer.Picker) *picker {
	p := &picker{idle: idle}
	for _, s := range states {
		srv, _ := s.Endpoint.Attributes.Value(serverKey{}).(server)
		p.connections = append(p.connections, connection{srv, s.State.Picker})
		p.known = p.known || srv.membersKnown
		if srv.rank == leader {
			p.leader = srv.id
		}
		if s.State.ConnectivityState != connectivity.Ready {
			continue
		}
		p.ready[srv.rank] = append(p.ready[srv.rank], s.State.Picker)
		if srv.rank != seed {
			p.members = append(p.members, s.State.Picker)
		}
	}
	// A new picker comes with each change; starting anywhere keeps them fair together.
	p.next.Store(rand.Uint32())
	return p
}

// Pick implements [balancer.Picker].
func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	t, ok := info.Ctx.Value(tripKey{}).(*trip)
	if !ok {
		t = &trip{}
	}
	chosen, err := p.choose(t)
	if err != nil {
		return balancer.PickResult{}, err
	}
	result, err := chosen.Pick(info)
	if err == nil {
		t.sent.Store(true)
	}
	return result, err
}

func (p *picker) choose(t *trip) (balancer.Picker, error) {
	if t.server != "" {
		return p.named(t)
	}
	preferred := p.members
	if t.prefer != anyServer && len(p.ready[t.prefer]) > 0 {
		preferred = p.ready[t.prefer]
		if t.prefer == leader {
			t.leader.Store(p.leader)
		}
	}
	if len(preferred) == 0 {
		preferred = p.ready[seed]
	}
	if len(preferred) == 0 {
		return p.idle, nil
	}
	return preferred[p.next.Add(1)%uint32(len(preferred))], nil
}

// named finds the one server that the caller asked for, by name or by address.
func (p *picker) named(t *trip) (balancer.Picker, error) {
	for _, c := range p.connections {
		if c.id == t.server || c.addr == t.server {
			return c.picker, nil
		}
	}
	switch {
	case p.known:
		t.stranger.Store(true)
		return nil, status.Error(codes.Unavailable, "no such server") // gRPC lets a picker say little else
	case len(p.ready[seed]) > 0:
		return nil, balancer.ErrNoSubConnAvailable // until it has told us the members
	}
	return p.idle, nil
}

// trip is what one attempt of a call tells the picker, and learns from it. gRPC
// may ask the picker on another goroutine than the caller's.
type trip struct {
	prefer   rank         // anyServer, follower or leader
	server   string       // the only one to ask, by name or address; empty: any
	sent     atomic.Bool  // a connection was found: from here on the request may have left
	stranger atomic.Bool  // the server is not in this cluster
	leader   atomic.Value // a string: it went to this server, because that led
}

// anyServer is the preference of calls that every server answers alike.
const anyServer = seed

type tripKey struct{}

func withTrip(ctx context.Context, t *trip) context.Context {
	return context.WithValue(ctx, tripKey{}, t)
}
