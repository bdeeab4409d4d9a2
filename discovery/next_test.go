package discovery

import (
	"reflect"
	"slices"
	"testing"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

// In these tables a server's incarnation is one digit, and n1@1 leads.
const leader = raft.ServerID("n1@1")

func ids(names ...raft.ServerID) []raft.ServerID { return names }

func addrOf(id raft.ServerID) string { return node.Name(id) + ":8400" }

func alive(id raft.ServerID) Member {
	return Member{ID: id, Addr: addrOf(id), ClusterID: "ours", Status: Alive}
}

// healthy is a leader's view of three voters that are up, known and content.
func healthy() view {
	v := view{
		self:      leader,
		clusterID: "ours",
		index:     1,
		config:    raft.Configuration{Voters: ids("n1@1", "n2@1", "n3@1")},
		directory: kv.Directory{Servers: map[raft.ServerID]kv.Server{}, Removed: map[raft.ServerID]bool{}},
		last:      1000,
		silence:   10,
	}
	for _, id := range v.config.Voters {
		v.meet(id)
		v.note(id)
		v.contact(id, v.last, 0)
	}
	return v
}

func (v *view) meet(id raft.ServerID) { v.members = append(v.members, alive(id)) }

func (v *view) note(id raft.ServerID) {
	v.directory.Servers[id] = kv.Server{Addr: addrOf(id)}
}

// contact says how far id's log agrees and how long it has been silent.
func (v *view) contact(id raft.ServerID, match raft.Index, silent int) {
	v.peers = slices.DeleteFunc(v.peers, func(p raft.PeerStatus) bool { return p.ID == id })
	if id != v.self {
		v.peers = append(v.peers, raft.PeerStatus{ID: id, MatchIndex: match, SinceContact: silent})
	}
}

// status overwrites what Serf says about id.
func (v *view) status(id raft.ServerID, s Status) {
	for i := range v.members {
		if v.members[i].ID == id {
			v.members[i].Status = s
		}
	}
}

// wipe replaces the member id, which is down, by a new incarnation.
func (v *view) wipe(id, newer raft.ServerID) {
	v.members = slices.DeleteFunc(v.members, func(m Member) bool { return m.ID == id })
	v.contact(id, v.last, v.silence)
	v.meet(newer)
}

// learner adds id to the configuration, fully known and caught up.
func (v *view) learner(id raft.ServerID) {
	v.config.Learners = append(v.config.Learners, id)
	v.note(id)
	v.contact(id, v.last, 0)
}

func put(id raft.ServerID, addr string) change {
	return change{command: kv.PutServer{ID: id, Addr: addr}}
}

func forget(id raft.ServerID) change { return change{command: kv.RemoveServer{ID: id}} }

func TestNextStep(t *testing.T) {
	t.Parallel()
	none := change{}
	tests := []struct {
		name string
		view func(*view)
		want change
	}{
		{"all is well: nothing", func(*view) {}, none},

		{"the first configuration is written into the log", func(v *view) {
			v.index = 0
			v.meet("n4@1")
		}, change{voters: ids("n1@1", "n2@1", "n3@1"), learners: ids()}},

		{"removed voter leaves", func(v *view) {
			v.directory.Removed["n3@1"] = true
		}, change{voters: ids("n1@1", "n2@1"), learners: ids()}},
		{"removed voter that is down leaves", func(v *view) {
			v.directory.Removed["n3@1"] = true
			v.contact("n3@1", 1, 10)
		}, change{voters: ids("n1@1", "n2@1"), learners: ids()}},
		{"removed voter stays while the rest has no live majority", func(v *view) {
			v.directory.Removed["n3@1"] = true
			v.contact("n2@1", 1, 10)
		}, none},
		{"removed leader leaves", func(v *view) {
			v.directory.Removed[leader] = true
		}, change{voters: ids("n2@1", "n3@1"), learners: ids()}},
		{"the last voter stays, removed or not", func(v *view) {
			v.config.Voters = ids(leader)
			v.directory.Removed[leader] = true
			v.directory.Removed["n2@1"] = true
			v.directory.Removed["n3@1"] = true
		}, none},
		{"removed learner leaves", func(v *view) {
			v.learner("n4@1")
			v.directory.Removed["n4@1"] = true
		}, change{voters: ids("n1@1", "n2@1", "n3@1"), learners: ids()}},
		{"one at a time", func(v *view) {
			v.directory.Removed["n2@1"] = true
			v.directory.Removed["n3@1"] = true
		}, change{voters: ids("n1@1", "n3@1"), learners: ids()}},

		{"a new address is noted", func(v *view) {
			v.members[1].Addr = "elsewhere:9000"
		}, put("n2@1", "elsewhere:9000")},
		{"an unknown address of a voter is noted", func(v *view) {
			delete(v.directory.Servers, leader)
		}, put(leader, "n1:8400")},
		{"a new address keeps a learner a learner", func(v *view) {
			v.learner("n4@1")
			v.meet("n4@1")
			v.directory.Servers["n4@1"] = kv.Server{Addr: "old:1", StayLearner: true}
		}, change{command: kv.PutServer{ID: "n4@1", Addr: "n4:8400", StayLearner: true}}},
		{"the address of a member that failed says nothing", func(v *view) {
			v.members[1].Addr = "elsewhere:9000"
			v.status("n2@1", Failed)
		}, none},

		{"a newcomer is noted first", func(v *view) {
			v.meet("n4@1")
		}, put("n4@1", "n4:8400")},
		{"then added as a learner", func(v *view) {
			v.meet("n4@1")
			v.note("n4@1")
		}, change{voters: ids("n1@1", "n2@1", "n3@1"), learners: ids("n4@1")}},
		{"a newcomer of no cluster is added", func(v *view) {
			v.meet("n4@1")
			v.members[3].ClusterID = ""
		}, put("n4@1", "n4:8400")},
		{"a member of another cluster is not", func(v *view) {
			v.meet("n4@1")
			v.members[3].ClusterID = "theirs"
		}, none},
		{"a removed server is not added again", func(v *view) {
			v.meet("n4@1")
			v.directory.Removed["n4@1"] = true
		}, none},
		{"a failed stranger is not added", func(v *view) {
			v.meet("n4@1")
			v.status("n4@1", Failed)
		}, none},
		{"a second machine of a name in use is not added", func(v *view) {
			v.meet("n2@2")
		}, none},
		{"a second machine of the leader's name is not added", func(v *view) {
			v.meet("n1@2")
		}, none},
		{"a wiped server comes as a newcomer", func(v *view) {
			v.wipe("n2@1", "n2@2")
		}, put("n2@2", "n2:8400")},

		{"a learner that caught up is promoted", func(v *view) {
			v.meet("n4@1")
			v.learner("n4@1")
		}, change{voters: ids("n1@1", "n2@1", "n3@1", "n4@1"), learners: ids()}},
		{"also one that gossip does not reach", func(v *view) {
			v.learner("n4@1")
		}, change{voters: ids("n1@1", "n2@1", "n3@1", "n4@1"), learners: ids()}},
		{"just near enough", func(v *view) {
			v.learner("n4@1")
			v.contact("n4@1", v.last-caughtUp, 9)
		}, change{voters: ids("n1@1", "n2@1", "n3@1", "n4@1"), learners: ids()}},
		{"not near enough", func(v *view) {
			v.learner("n4@1")
			v.contact("n4@1", v.last-caughtUp-1, 0)
		}, none},
		{"a learner never heard of is not promoted in a short log", func(v *view) {
			v.last = 5
			v.learner("n4@1")
			v.contact("n4@1", 0, 0)
		}, none},
		{"a silent learner is not promoted", func(v *view) {
			v.learner("n4@1")
			v.contact("n4@1", v.last, 10)
		}, none},
		{"a learner that is to stay one is not promoted", func(v *view) {
			v.learner("n4@1")
			v.directory.Servers["n4@1"] = kv.Server{Addr: "n4:8400", StayLearner: true}
		}, none},
		{"one learner at a time", func(v *view) {
			v.learner("n4@1")
			v.learner("n5@1")
		}, change{voters: ids("n1@1", "n2@1", "n3@1", "n4@1"), learners: ids("n5@1")}},
		{"a promotion replaces the dead incarnation", func(v *view) {
			v.wipe("n2@1", "n2@2")
			v.learner("n2@2")
		}, change{voters: ids("n1@1", "n2@2", "n3@1"), learners: ids()}},
		{"a promotion needs a live majority afterwards", func(v *view) {
			v.config.Voters = ids("n1@1", "n2@1", "n3@1", "n5@1")
			v.contact("n2@1", 1, 10)
			v.contact("n3@1", 1, 10)
			v.learner("n4@1")
			v.contact("n5@1", 1, 10)
		}, none},

		{"a replaced voter is forgotten", func(v *view) {
			v.wipe("n2@1", "n2@2")
			v.config.Voters = ids("n1@1", "n2@2", "n3@1")
			v.note("n2@2")
			v.contact("n2@2", v.last, 0)
		}, forget("n2@1")},
		{"a dead incarnation that is still a voter is forgotten", func(v *view) {
			v.wipe("n2@1", "n2@2")
			v.config.Voters = ids("n1@1", "n2@1", "n2@2", "n3@1")
			v.note("n2@2")
			v.contact("n2@2", v.last, 0)
		}, forget("n2@1")},
		{"a wiped learner's older incarnation is forgotten", func(v *view) {
			v.learner("n4@1")
			v.learner("n4@2")
			v.directory.Servers["n4@2"] = kv.Server{Addr: "n4:8400", StayLearner: true}
			v.wipe("n4@1", "n4@2")
		}, forget("n4@1")},
		{"a dead voter is not forgotten for a learner that lags", func(v *view) {
			v.wipe("n2@1", "n2@2")
			v.learner("n2@2")
			v.contact("n2@2", 1, 0)
		}, none},
		{"a forgotten incarnation leaves the configuration", func(v *view) {
			v.wipe("n4@1", "n4@2")
			v.learner("n4@1")
			v.learner("n4@2")
			v.contact("n4@1", 1, 10)
			v.directory.Removed["n4@1"] = true
		}, change{voters: ids("n1@1", "n2@1", "n3@1"), learners: ids("n4@2")}},

		{"failed: nothing", func(v *view) {
			v.status("n3@1", Failed)
			v.contact("n3@1", 1, 10)
		}, none},
		{"a majority failed: nothing", func(v *view) {
			v.status("n2@1", Failed)
			v.status("n3@1", Failed)
		}, none},
		{"left, as Serf understands it: nothing", func(v *view) {
			v.status("n3@1", Left)
		}, none},
		{"nobody seen, not even this server: nothing", func(v *view) {
			v.members = nil
		}, none},

		{"removal goes before a newcomer", func(v *view) {
			v.meet("n4@1")
			v.directory.Removed["n3@1"] = true
		}, change{voters: ids("n1@1", "n2@1"), learners: ids()}},
		{"a removal that must wait does not hold up a newcomer", func(v *view) {
			v.meet("n4@1")
			v.directory.Removed["n3@1"] = true
			v.contact("n2@1", 1, 10)
		}, put("n4@1", "n4:8400")},
		{"a newcomer goes before a promotion", func(v *view) {
			v.learner("n4@1")
			v.meet("n5@1")
		}, put("n5@1", "n5:8400")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := healthy()
			tt.view(&v)
			got, ok := next(v)
			if got.what == "" && ok {
				t.Error("a step that does not say what it does")
			}
			got.what = ""
			if want := !reflect.DeepEqual(tt.want, none); ok != want || !same(got, tt.want) {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, tt.want, want)
			}
		})
	}
}

// same compares changes; no learners and none listed are the same.
func same(a, b change) bool {
	return reflect.DeepEqual(a.command, b.command) &&
		slices.Equal(a.voters, b.voters) && slices.Equal(a.learners, b.learners)
}

// TestStepsSettle performs next's steps until there is none left, from views
// that need several, and checks where they end.
func TestStepsSettle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		view      func(*view)
		want      raft.Configuration
		forgotten []raft.ServerID
	}{
		{"two newcomers", func(v *view) {
			v.meet("n4@1")
			v.meet("n5@1")
		}, raft.Configuration{Voters: ids("n1@1", "n2@1", "n3@1", "n4@1", "n5@1")}, nil},
		{"a wiped voter", func(v *view) {
			v.wipe("n2@1", "n2@2")
		}, raft.Configuration{Voters: ids("n1@1", "n2@2", "n3@1")}, ids("n2@1")},
		{"a wiped learner", func(v *view) {
			v.learner("n4@1")
			v.wipe("n4@1", "n4@2")
		}, raft.Configuration{Voters: ids("n1@1", "n2@1", "n3@1", "n4@2")}, ids("n4@1")},
		{"a removed voter and a newcomer", func(v *view) {
			v.directory.Removed["n3@1"] = true
			v.meet("n4@1")
		}, raft.Configuration{Voters: ids("n1@1", "n2@1", "n4@1")}, ids("n3@1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := healthy()
			tt.view(&v)
			settle(t, &v)
			if !slices.Equal(v.config.Servers(), tt.want.Servers()) || len(v.config.Learners) > 0 {
				t.Errorf("got %+v, want %+v", v.config, tt.want)
			}
			for _, id := range tt.forgotten {
				if !v.directory.Removed[id] {
					t.Errorf("%s is not marked as removed", id)
				}
			}
		})
	}
}

// settle takes steps until there is none. Servers that are alive catch up at once.
func settle(t *testing.T, v *view) {
	t.Helper()
	for range 30 {
		c, ok := next(*v)
		if !ok {
			return
		}
		switch command := c.command.(type) {
		case kv.PutServer:
			v.directory.Servers[command.ID] = kv.Server{Addr: command.Addr, StayLearner: command.StayLearner}
		case kv.RemoveServer:
			delete(v.directory.Servers, command.ID)
			v.directory.Removed[command.ID] = true
		default:
			v.config = raft.Configuration{Voters: c.voters, Learners: c.learners}
		}
		for _, m := range v.members {
			if m.Status == Alive && slices.Contains(v.config.Servers(), m.ID) {
				v.contact(m.ID, v.last, 0)
			}
		}
	}
	t.Fatal("the steps do not come to an end")
}
