package discovery

import (
	"slices"
	"testing"

	"kvorum/raft"
)

func TestClusterFormsOnceAllHaveMet(t *testing.T) {
	t.Parallel()
	waiting := func(id raft.ServerID) Member { return Member{ID: id, Expect: 3, Status: Alive} }
	failed := Member{ID: "n9@1", Expect: 3, Status: Failed}
	plain := Member{ID: "n8@1", Status: Alive}
	founded := Member{ID: "n7@1", ClusterID: "ours", Expect: 3, Status: Alive}
	goneFounder := Member{ID: "n7@1", ClusterID: "ours", Expect: 3, Status: Failed}
	tests := []struct {
		name    string
		members []Member
		want    Formation
		err     bool
	}{
		{"alone", []Member{waiting("n1@1")}, Formation{Met: 1}, false},
		{"all three, in any order", []Member{waiting("n3@1"), waiting("n1@1"), waiting("n2@1")},
			Formation{Met: 3, Voters: ids("n1@1", "n2@1", "n3@1"), Founder: "n1@1"}, false},
		{"one has failed", []Member{waiting("n1@1"), waiting("n2@1"), failed}, Formation{Met: 2}, false},
		{"one does not wait", []Member{waiting("n1@1"), waiting("n2@1"), plain}, Formation{Met: 2}, false},
		{"one founded it meanwhile", []Member{waiting("n1@1"), waiting("n2@1"), founded},
			Formation{Met: 2, Exists: true}, false},
		{"the founder is down again", []Member{waiting("n1@1"), waiting("n2@1"), waiting("n3@1"), goneFounder},
			Formation{Met: 3, Exists: true}, false},
		{"more than expected", []Member{waiting("n1@1"), waiting("n2@1"), waiting("n3@1"), waiting("n4@1")},
			Formation{Met: 4}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Form(tt.members, 3)
			if (err != nil) != tt.err {
				t.Errorf("got error %v, want one: %v", err, tt.err)
			}
			if got.Met != tt.want.Met || got.Exists != tt.want.Exists || got.Founder != tt.want.Founder ||
				!slices.Equal(got.Voters, tt.want.Voters) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
