package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

func (s *testServer) status(t *testing.T) *kvorumv1.StatusResponse {
	t.Helper()
	resp, err := s.admin.Status(t.Context(), &kvorumv1.StatusRequest{})
	if err != nil {
		t.Fatalf("status of %s: %v", s.name, err)
	}
	return resp
}

// members describes a configuration: v for voters, l for learners.
func members(servers []*kvorumv1.Server) string {
	out := ""
	for _, s := range servers {
		kind := "v"
		if s.GetMembership() == kvorumv1.Server_MEMBERSHIP_LEARNER {
			kind = "l"
		}
		out += kind + s.GetId() + " "
	}
	return out
}

func TestStatusIsTheSameTruthOnEveryServer(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.servers[0].set(t, "k", "v")
	leader := c.leader()
	eventually(t, "equal states", func() bool {
		first := c.servers[0].status(t)
		for _, s := range c.servers {
			st := s.status(t)
			if st.GetAppliedIndex() != first.GetAppliedIndex() || st.GetStateHash() != first.GetStateHash() ||
				st.GetAppliedIndex() != st.GetCommitIndex() {
				return false
			}
			if st.GetServerId() != s.name || st.GetClusterId() != testCluster || st.GetLeaderId() != leader.name ||
				members(st.GetServers()) != "vn1 vn2 vn3 " {
				return false
			}
			if (s == leader) != (st.GetRole() == "leader") || (s == leader) != (len(st.GetPeers()) == 2) {
				return false
			}
		}
		return true
	})
	for _, server := range leader.status(t).GetServers() {
		if server.GetRpcAddr() == "" || server.GetIsLeader() != (server.GetId() == leader.name) {
			t.Errorf("got %v", server)
		}
	}
}

func TestStatusOfABusyServerHasNothingAppliedThatIsNotCommitted(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).leader()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k"}); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for range 300 {
		if st := s.status(t); st.GetAppliedIndex() > st.GetCommitIndex() || st.GetCommitIndex() > st.GetLastIndex() {
			t.Errorf("applied %d, committed %d, the log ends at %d", st.GetAppliedIndex(), st.GetCommitIndex(), st.GetLastIndex())
			return
		}
	}
}

func TestServersAreAddedPromotedAndRemoved(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	ctx := t.Context()
	n4 := c.join("n4")
	c.servers[0].set(t, "k", "v")
	through := c.follower() // cluster changes are forwarded too
	added, err := through.admin.AddServer(ctx, &kvorumv1.AddServerRequest{Id: "n4", RpcAddr: n4.addr})
	if err != nil {
		t.Fatal(err)
	}
	if got := members(added.GetServers()); got != "vn1 vn2 vn3 ln4 " {
		t.Errorf("after add: %s", got)
	}
	eventually(t, "the promotion", func() bool {
		_, err := through.admin.PromoteServer(ctx, &kvorumv1.PromoteServerRequest{Id: "n4"})
		if err != nil && !reasonIs(err, "NOT_CAUGHT_UP") {
			t.Fatal(err)
		}
		return err == nil
	})
	n4.expectValue(t, "k", "v", nil)
	if got := n4.identity.ClusterID(); got != testCluster {
		t.Errorf("n4 belongs to %q", got)
	}
	removed, err := through.admin.RemoveServer(ctx, &kvorumv1.RemoveServerRequest{Id: "n4"})
	if err != nil {
		t.Fatal(err)
	}
	if got := members(removed.GetServers()); got != "vn1 vn2 vn3 " {
		t.Errorf("after remove: %s", got)
	}
	if !c.leader().store.Directory().Removed[n4.id] {
		t.Error("nothing remembers that n4 was removed")
	}
	_, err = through.admin.RemoveServer(ctx, &kvorumv1.RemoveServerRequest{Id: "n4"})
	expectReason(t, err, "NOT_A_MEMBER", "definite")
}

func TestChangesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	alone := newCluster(t, 1).servers[0]
	stranger := newStranger(t)
	newcomer := (&testNetwork{t: t}).join("n9")
	ctx := t.Context()
	add := func(id, addr string) error {
		_, err := alone.admin.AddServer(ctx, &kvorumv1.AddServerRequest{Id: id, RpcAddr: addr})
		return err
	}
	_, remove := alone.admin.RemoveServer(ctx, &kvorumv1.RemoveServerRequest{Id: "n1"})
	_, promote := alone.admin.PromoteServer(ctx, &kvorumv1.PromoteServerRequest{Id: "nobody"})
	_, transfer := alone.admin.TransferLeadership(ctx, &kvorumv1.TransferLeadershipRequest{To: "nobody"})
	tests := map[string]struct {
		err    error
		reason string
	}{
		"the last voter goes":         {remove, "UNSAFE_CHANGE"},
		"nobody is promoted":          {promote, "NOT_A_MEMBER"},
		"nobody is to lead":           {transfer, "NOT_A_MEMBER"},
		"a server of another cluster": {add("s1", stranger.addr), "WRONG_CLUSTER"},
		"a server with another name":  {add("n2", newcomer.addr), "INVALID_REQUEST"},
		"an address that is none":     {add("n9", "nowhere"), "INVALID_REQUEST"},
		"an address where nobody is":  {add("n9", "127.0.0.1:1"), "INVALID_REQUEST"},
	}
	for name, test := range tests {
		if !reasonIs(test.err, test.reason) {
			t.Errorf("%s: got %v, want %s", name, test.err, test.reason)
		}
		expectReason(t, test.err, test.reason, "definite")
	}
	unreachable := tests["an address where nobody is"].err
	if want := "cannot be reached at 127.0.0.1:1: start it first"; !strings.Contains(unreachable.Error(), want) {
		t.Errorf("got %v, want it to say %q", unreachable, want)
	}
	if got := members(alone.status(t).GetServers()); got != "vn1 " {
		t.Errorf("the configuration became %s", got)
	}
}

// newStranger returns the only server of another cluster.
func newStranger(t *testing.T) *testServer {
	t.Helper()
	return startServer(t, "s1", wal.NewMemFS(), "127.0.0.1:0", func(s *wal.Store) error {
		return s.Bootstrap("ffffffffffffffffffffffffffffffff", node.NewID("s1", testIncarnate))
	})
}

func TestRemovalThatWouldLeaveNoLiveQuorumIsRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader()
	var down, up *testServer
	for _, s := range c.servers {
		if s != leader {
			down, up = s, down
		}
	}
	down.stop()
	eventually(t, "the leader to notice", func() bool {
		for _, p := range leader.status(t).GetPeers() {
			if p.GetId() == down.name {
				return p.GetSinceLastContact().AsDuration() > testElection*testTick
			}
		}
		return false
	})
	_, err := leader.admin.RemoveServer(t.Context(), &kvorumv1.RemoveServerRequest{Id: up.name})
	expectReason(t, err, "UNSAFE_CHANGE", "definite")
	if _, err := leader.admin.RemoveServer(t.Context(), &kvorumv1.RemoveServerRequest{Id: down.name}); err != nil {
		t.Errorf("the dead server cannot be removed: %v", err)
	}
}

// The new leader has not heard yet that the old one is gone; it must not take
// silence for life.
func TestRemovalRightAfterAnElectionIsRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	old := c.leader()
	old.stop()
	rest := slices.DeleteFunc(slices.Clone(c.servers), func(s *testServer) bool { return s == old })
	var leader *testServer
	eventually(t, "another leader", func() bool {
		i := slices.IndexFunc(rest, func(s *testServer) bool { return s.node.Leadership().Role == raft.Leader })
		if i >= 0 {
			leader = rest[i]
		}
		return i >= 0
	})
	other := rest[0]
	if other == leader {
		other = rest[1]
	}
	eventually(t, "the first entry of the term", func() bool {
		_, err := leader.admin.RemoveServer(t.Context(), &kvorumv1.RemoveServerRequest{Id: other.name})
		if reasonOf(err) == "CHANGE_IN_PROGRESS" {
			return false
		}
		expectReason(t, err, "UNSAFE_CHANGE", "definite")
		return true
	})
}

func TestLeadershipIsHandedOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	to := c.follower()
	if _, err := to.admin.TransferLeadership(t.Context(), &kvorumv1.TransferLeadershipRequest{To: to.name}); err != nil {
		t.Fatal(err)
	}
	if got := c.leader(); got != to {
		t.Errorf("%s leads, want %s", got.name, to.name)
	}
	if _, err := to.admin.TransferLeadership(t.Context(), &kvorumv1.TransferLeadershipRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := c.leader(); got == to {
		t.Errorf("%s still leads", got.name)
	}
}

// TestNewcomerGetsWhatTheLogHasNoMore: the snapshot reaches it over the network,
// in more than one chunk.
func TestNewcomerGetsWhatTheLogHasNoMore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	leader := c.servers[0]
	value := string(make([]byte, testMaxValue))
	for i := range 40 {
		leader.set(t, fmt.Sprint("k", i), value)
	}
	snapshot, err := leader.admin.TakeSnapshot(t.Context(), &kvorumv1.TakeSnapshotRequest{})
	if err != nil || snapshot.GetBytes() < 4*maxChunk {
		t.Fatalf("got %v %v, want a snapshot of several chunks", snapshot, err)
	}
	eventually(t, "the log to be cut", func() bool { return leader.status(t).GetFirstIndex() > 1 })
	n2 := c.join("n2")
	if _, err := leader.admin.AddServer(t.Context(), &kvorumv1.AddServerRequest{Id: "n2", RpcAddr: n2.addr}); err != nil {
		t.Fatal(err)
	}
	n2Status := func() *kvorumv1.StatusResponse { return n2.status(t) }
	eventually(t, "n2 to catch up", func() bool {
		return n2Status().GetStateHash() == leader.status(t).GetStateHash() && n2Status().GetSnapshotsInstalled() == 1
	})
	n2.expectValue(t, "k39", value, nil)
}
