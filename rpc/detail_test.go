package rpc

import (
	"errors"
	"testing"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/node"
)

func TestAnyServerTellsAnyOtherItsStatusInDetail(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	for _, asking := range c.servers {
		for _, asked := range c.servers {
			var d *kvorumv1.Detail
			eventually(t, asked.name+" has the first entry on its disk, and says so", func() bool {
				st, err := asking.StatusOf(t.Context(), asked.addr)
				if err != nil {
					t.Fatalf("%s asks %s: %v", asking.name, asked.name, err)
				}
				d = st.GetDetail()
				return d.GetStableIndex() > 0
			})
			if d.GetId() != string(asked.id) || len(d.GetMembers()) != 3 {
				t.Errorf("%s asks %s: got %v", asking.name, asked.name, d)
			}
			for i, m := range d.GetMembers() {
				want := &kvorumv1.Member{Id: string(node.NewID(c.servers[i].name, testIncarnate)), RpcAddr: c.servers[i].addr, Voter: true}
				if m.GetId() != want.GetId() || m.GetRpcAddr() != want.GetRpcAddr() || !m.GetVoter() || m.GetOldVoter() {
					t.Errorf("%s asks %s about member %d: got %v, want %v", asking.name, asked.name, i, m, want)
				}
			}
		}
	}
}

func TestServerThatStopsAsksNobodyAnyMore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	c.servers[0].stop()
	if _, err := c.servers[0].StatusOf(t.Context(), c.servers[1].addr); !errors.Is(err, errStopping) {
		t.Errorf("got %v, want %v", err, errStopping)
	}
}

func TestStatusHoldsNoDetailUnlessAskedFor(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	st, err := c.servers[0].admin.Status(t.Context(), &kvorumv1.StatusRequest{})
	if err != nil || st.GetDetail() != nil {
		t.Errorf("got %v, %v", st, err)
	}
}
