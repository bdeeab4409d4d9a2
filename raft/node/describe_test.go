package node

import (
	"testing"

	"kvorum/raft"
)

func TestLogTellsWhatBecameOfTheServer(t *testing.T) {
	t.Parallel()
	follower := Leadership{raft.Follower, 3, "n1"}
	tests := []struct {
		before, now Leadership
		want        string
	}{
		{follower, Leadership{raft.PreCandidate, 3, raft.None}, "hears no leader: asks whether the others would elect this server"},
		{Leadership{raft.PreCandidate, 3, raft.None}, Leadership{raft.Candidate, 4, raft.None}, "stands for election"},
		{follower, Leadership{raft.Candidate, 4, raft.None}, "stands for election, since the leader hands over"},
		{Leadership{raft.Candidate, 4, raft.None}, Leadership{raft.Leader, 4, "n2"}, "leads"},
		{Leadership{raft.Leader, 4, "n2"}, Leadership{raft.Follower, 5, raft.None}, "steps down: there is a later term"},
		{Leadership{raft.Leader, 4, "n2"}, Leadership{raft.Follower, 4, raft.None}, "steps down: it is no voter any more, hears from no majority, or its disk is stuck"},
		{follower, Leadership{raft.Follower, 4, raft.None}, "knows no leader"},
		{Leadership{raft.Follower, 4, raft.None}, Leadership{raft.Follower, 4, "n3"}, "follows"},
		{Leadership{raft.PreCandidate, 3, raft.None}, Leadership{raft.Follower, 4, raft.None}, ""},
		{Leadership{}, Leadership{raft.Follower, 0, raft.None}, ""},
	}
	for _, tt := range tests {
		if got := describe(tt.before, tt.now); got != tt.want {
			t.Errorf("from %v to %v: got %q, want %q", tt.before, tt.now, got, tt.want)
		}
	}
}
