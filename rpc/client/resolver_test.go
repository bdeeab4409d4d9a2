package client

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client/clienttest"
)

func viewOf(cluster string, term uint64, leader string, ids ...string) view {
	v := view{cluster: cluster, term: term}
	for _, id := range ids {
		v.servers = append(v.servers, &kvorumv1.Server{Id: id, IsLeader: id == leader})
	}
	return v
}

func TestOnlyAViewThatKnowsBetterIsBelieved(t *testing.T) {
	t.Parallel()
	led := viewOf("c", 5, "n1", "n1", "n2")
	for _, tt := range []struct {
		claim    string
		v, known view
		want     bool
	}{
		{"the first one is", viewOf("c", 1, "", "n1"), view{}, true},
		{"an empty one is not", view{cluster: "c", term: 9}, view{}, false},
		{"a later leader is", viewOf("c", 6, "n2", "n1", "n2"), led, true},
		{"the same leader's later word is", viewOf("c", 5, "n1", "n1", "n2", "n3"), led, true},
		{"a deposed leader is not", viewOf("c", 4, "n2", "n1", "n2"), led, false},
		{"a server without a leader is not, whatever its term", viewOf("c", 9, "", "n1", "n2"), led, false},
		{"any leader is, while none is known", viewOf("c", 4, "n1", "n1"), viewOf("c", 9, "", "n1"), true},
		{"another cluster never is", viewOf("d", 9, "n1", "n1"), led, false},
	} {
		if got := tt.v.supersedes(tt.known); got != tt.want {
			t.Errorf("%s: got %v", tt.claim, got)
		}
	}
}

func TestAddressesThatLeadNowhereAreNotDialled(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"10.0.0.1:8400": true, "[::1]:8400": true, "n1.example:8400": true,
		"0.0.0.0:8400": false, "[::]:8400": false, ":8400": false, "10.0.0.1": false, "": false,
	} {
		if got := dialable(addr); got != want {
			t.Errorf("%q: got %v, want %v", addr, got, want)
		}
	}
}

// published is what a memberWatch told gRPC last.
type published struct {
	resolver.ClientConn
	state resolver.State
}

func (p *published) UpdateState(s resolver.State) error {
	p.state = s
	return nil
}

func TestMembersAndSeedsAreConnectedTo(t *testing.T) {
	t.Parallel()
	var p published
	w := &memberWatch{members: newMembers([]string{"s:1", "b:1"}), cc: &p}
	w.known.servers = []*kvorumv1.Server{
		{Id: "a", RpcAddr: "a:1", IsLeader: true},
		{Id: "b", RpcAddr: "b:1"},
		{Id: "c", RpcAddr: "c:1", Membership: kvorumv1.Server_MEMBERSHIP_LEARNER},
		{Id: "d", RpcAddr: "0.0.0.0:1"}, // would be whatever runs on this machine
	}
	w.publish()
	var got []string
	for _, e := range p.state.Endpoints {
		s := e.Attributes.Value(serverKey{}).(server)
		got = append(got, fmt.Sprintf("%s=%s:%d", s.id, e.Addresses[0].Addr, s.rank))
	}
	want := fmt.Sprintf("a=a:1:%d b=b:1:%d c=c:1:%d =s:1:%d", leader, follower, learner, seed)
	if got := strings.Join(got, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFailureIsReasonEnoughToAskForTheMembers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, err := New(c.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	cl.members.interval = time.Hour // no poll but the first helps
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, leader := range []int{1, 2} {
		c.Lead(leader)
		c.Before(func(server int, method string) error {
			if server != leader && method == "Set" {
				return clienttest.Error(codes.Unavailable, "NOT_LEADER", "definite", "not the leader")
			}
			return nil
		})
		for attempts := 0; attempts != 1; {
			before := c.AllCalls("Set")
			if _, err := cl.Set(ctx, "k", nil); err != nil {
				t.Fatal(err)
			}
			attempts = c.AllCalls("Set") - before
		}
	}
}

// A client that asks because something does not answer asks a follower: it may be the
// leader that does not.
func TestAFollowerIsAskedFirstWhoLeads(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, err := New(c.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	cl.members.interval = time.Hour // no poll but those that are asked for
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for i := range 3 { // connected to all, and knows them by name
		for ctx.Err() == nil {
			if _, err := cl.Status(ctx, clienttest.Name(i)); err == nil {
				break
			}
		}
	}
	atLeader, before := c.Calls(0, "GetServers"), c.AllCalls("GetServers")
	for c.AllCalls("GetServers") < before+10 {
		cl.members.refreshSoon()
		if pause(ctx, 5*time.Millisecond, nil); ctx.Err() != nil {
			t.Fatal("nobody is asked")
		}
	}
	if n := c.Calls(0, "GetServers") - atLeader; n != 0 {
		t.Errorf("the leader was asked %d times, in at least 10", n)
	}
}
