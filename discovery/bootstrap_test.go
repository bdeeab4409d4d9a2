package discovery

import (
	"reflect"
	"testing"

	"kvorum/raft"
)

func TestClusterFormsOnceAllHaveMet(t *testing.T) {
	t.Parallel()
	waiting := func(id raft.ServerID) Member { return Member{ID: id, Expect: 3, Status: Alive} }
	of := func(m Member, cluster string) Member { m.ClusterID = cluster; return m }
	down := func(m Member) Member { m.Status = Failed; return m }
	n1, n2, n3, n4 := waiting("n1@1"), waiting("n2@1"), waiting("n3@1"), waiting("n4@1")
	plain := Member{ID: "n8@1", Status: Alive}
	voters := ids("n1@1", "n2@1", "n3@1")
	ours := ClusterID(voters)
	tests := []struct {
		name    string
		members []Member
		want    Formation
	}{
		{"alone", []Member{n1}, Formation{Met: 1}},
		{"all three, in any order", []Member{n3, n1, n2}, Formation{Met: 3, Voters: voters}},
		{"one has failed", []Member{n1, n2, down(n3)}, Formation{Met: 2}},
		{"one does not expect any", []Member{n1, n2, plain}, Formation{Met: 2}},
		{"the others were quicker", []Member{n1, of(n2, ours), of(n3, ours)}, Formation{Met: 3, Voters: voters}},
		{"another cluster is there", []Member{n1, n2, of(n3, clusterA)}, Formation{Met: 3, Exists: true}},
		{"another cluster is there, and down", []Member{n1, n2, n3, down(of(n4, clusterA))}, Formation{Met: 3, Exists: true}},
		{"a member of the formed cluster was wiped", []Member{of(n1, ours), of(n2, ours), waiting("n3@2")},
			Formation{Met: 3, Exists: true}},
		{"more than expected", []Member{n1, n2, n3, n4}, Formation{Met: 4, Surplus: true}},
		{"a fourth, once the cluster is formed", []Member{of(n1, ours), of(n2, ours), of(n3, ours), n4},
			Formation{Met: 4, Exists: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Form(tt.members, 3); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestClusterIDIsThatOfItsServers(t *testing.T) {
	t.Parallel()
	id := ClusterID(ids("n1@1", "n2@1"))
	if !isHex(id, 32) {
		t.Errorf("got %q, want 32 hex digits", id)
	}
	if other := ClusterID(ids("n2@1", "n1@1")); other != id {
		t.Errorf("the order matters: %s and %s", id, other)
	}
	for _, others := range [][]raft.ServerID{ids("n1@1"), ids("n1@1", "n2@2"), ids("n1@1", "n2@1", "n3@1"), ids("n1@1n2@1")} {
		if ClusterID(others) == id {
			t.Errorf("%v have the same cluster id", others)
		}
	}
}
