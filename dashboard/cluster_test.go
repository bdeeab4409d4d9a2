package dashboard

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// cluster is servers n1, n2, ... that answer as a test says, without a network. It
// is to be used in a bubble of testing/synctest.
type cluster struct {
	mu      sync.Mutex                          // guards the rest: servers are asked at once
	servers map[string]*kvorumv1.StatusResponse // by address, which is the name
	silent  map[string]bool                     // do not answer, as one that is paused
	gone    map[string]bool                     // refuse connections, as one that was killed
	started time.Time
	asked   int
}

// newCluster returns n voters in term 1, which n1 leads.
func newCluster(n int) *cluster {
	c := &cluster{servers: map[string]*kvorumv1.StatusResponse{}, silent: map[string]bool{}, gone: map[string]bool{}, started: time.Now()}
	var members []*kvorumv1.Member
	for i := range n {
		name := fmt.Sprintf("n%d", i+1)
		members = append(members, &kvorumv1.Member{Id: name + "@1", RpcAddr: name, Voter: true})
	}
	for _, m := range members {
		c.servers[m.GetRpcAddr()] = &kvorumv1.StatusResponse{
			ClusterId: "c", ServerId: m.GetRpcAddr(), Role: "follower", Term: 1, LeaderId: "n1", AppliedIndex: 10, StateHash: 7,
			Detail: &kvorumv1.Detail{Id: m.GetId(), Members: members, LeadershipAge: durationpb.New(time.Minute)},
		}
	}
	c.elect("n1", 1)
	return c
}

// elect makes a server the leader, as all that answer know.
func (c *cluster) elect(leader string, term uint64) {
	c.change(func() {
		for name, st := range c.servers {
			if c.gone[name] || c.silent[name] {
				continue
			}
			st.Role, st.Term, st.LeaderId, st.Peers = "follower", term, leader, nil
			if name != leader {
				continue
			}
			st.Role = "leader"
			for _, m := range st.GetDetail().GetMembers() {
				if m.GetRpcAddr() != leader {
					st.Peers = append(st.Peers, &kvorumv1.Peer{Id: m.GetRpcAddr(), MatchIndex: 10, NextIndex: 11, State: "replicate"})
				}
			}
		}
	})
}

// change changes what servers answer.
func (c *cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// ask implements Ask. An answer takes a millisecond.
func (c *cluster) ask(ctx context.Context, addr string) (*kvorumv1.StatusResponse, error) {
	time.Sleep(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	switch {
	case c.silent[addr]:
		c.mu.Unlock()
		<-ctx.Done()
		c.mu.Lock()
		return nil, status.FromContextError(ctx.Err()).Err()
	case c.gone[addr]:
		return nil, status.Error(codes.Unavailable, "dial tcp: connect: connection refused")
	}
	st := proto.CloneOf(c.servers[addr])
	st.Detail.Uptime = durationpb.New(time.Since(c.started))
	return st, nil
}
