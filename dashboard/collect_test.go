package dashboard

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// inBubble has n1 of n servers look at them.
func inBubble(t *testing.T, n int, f func(t *testing.T, c *cluster, look *collector)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(n)
		f(t, c, newCollector("n1", c.ask))
	})
}

func TestHealthSaysPlainlyWhatIsSo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		servers int
		happens func(*cluster)
		want    Health
	}{
		{"all is well", 3, func(*cluster) {}, Health{levelGood, "n1 leads, and all 3 servers answer.", "1 more may fail."}},
		{"five", 5, func(*cluster) {}, Health{levelGood, "n1 leads, and all 5 servers answer.", "2 more may fail."}},
		{"alone", 1, func(*cluster) {}, Health{levelGood, "n1 leads, and it answers.", "It is alone: none may fail."}},
		{"a follower is gone", 3, func(c *cluster) { c.gone["n3"] = true },
			Health{levelWarn, "n1 leads, but n3 does not answer.", "No other may fail now."}},
		{"a follower lags", 3, func(c *cluster) { c.servers["n2"].Detail.NotReady = "not caught up" },
			Health{levelWarn, "n1 leads, but n2 is not ready.", "1 more may fail."}},
		{"the leader is gone", 3, func(c *cluster) { c.elect("n2", 2); c.gone["n2"] = true },
			Health{levelBad, "No leader: 2 of 3 servers answer, and 2 are enough to elect one.", "Nothing can be written until then, which should be a moment."}},
		{"two are gone", 3, func(c *cluster) { c.gone["n2"], c.silent["n3"] = true, true },
			Health{levelBad, "No leader: 1 of 3 servers answers; 2 are needed.", "Nothing can be written until 1 more answers."}},
		{"a leader of an earlier term", 3, func(c *cluster) { c.servers["n2"].Term = 2 },
			Health{levelBad, "No leader: 3 of 3 servers answer, and 2 are enough to elect one.", "Nothing can be written until then, which should be a moment."}},
		{"no cluster", 1, func(c *cluster) { c.servers["n1"].Detail = &kvorumv1.Detail{NotReady: "waits to form a cluster"} },
			Health{levelWarn, "This server belongs to no cluster yet.", "waits to form a cluster"}},
		{"one of another cluster", 3, func(c *cluster) { c.servers["n2"].ClusterId = "other" },
			Health{levelWarn, "n1 leads, but n2 does not answer.", "No other may fail now."}},
		{"one that lost its disk", 3, func(c *cluster) { c.servers["n2"].Detail.Id = "n2@2" },
			Health{levelWarn, "n1 leads, but n2 does not answer.", "No other may fail now."}},
		{"different states", 3, func(c *cluster) { c.servers["n3"].StateHash = 8 },
			Health{levelBad, "The states of n1 and n3 differ.", "They applied the same entries. Stop writing, keep both folders, and compare them with raftlab wal diff."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tt.servers, func(t *testing.T, c *cluster, look *collector) {
				tt.happens(c)
				if got := look.collect(t.Context()).Health; got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestServerThatIsCutOffAsksWhomTheLeaderKnows(t *testing.T) {
	t.Parallel()
	inBubble(t, 4, func(t *testing.T, c *cluster, look *collector) {
		c.elect("n2", 3)
		c.servers["n1"].Detail.Members = c.servers["n1"].Detail.Members[:3] // it has not heard of n4
		s := look.collect(t.Context())
		if len(s.Servers) != 4 || !s.Servers[3].Up || s.Leader.Name != "n2" || s.Leader.Seconds != 60 {
			t.Errorf("got %+v, led by %+v", s.Servers, s.Leader)
		}
		if p := s.Servers[3].Progress; p == nil || p.MatchIndex != 10 || s.Servers[1].Progress != nil {
			t.Errorf("progress of n4: %+v, of the leader: %+v", p, s.Servers[1].Progress)
		}
	})
}

func TestJointConfigurationNeedsBothMajorities(t *testing.T) {
	t.Parallel()
	inBubble(t, 4, func(t *testing.T, c *cluster, look *collector) {
		for _, st := range c.servers {
			for i, m := range st.Detail.Members {
				m.Voter, m.OldVoter = i > 0, i < 3 // from n1, n2, n3 to n2, n3, n4
			}
		}
		c.gone["n3"], c.gone["n4"] = true, true
		s := look.collect(t.Context())
		want := []Quorum{{Voters: 3, Needed: 2, Answering: 1, Spare: -1}, {Voters: 3, Needed: 2, Answering: 2, Spare: 0}}
		if !slices.Equal(s.Quorums, want) || s.Health.Text != "No leader: 1 of 3 servers answers; 2 are needed." {
			t.Errorf("got %+v, %q", s.Quorums, s.Health.Text)
		}
		if s.Servers[0].Membership != "leaving" || s.Servers[1].Membership != "voter" || s.Servers[3].Membership != "joining" {
			t.Errorf("got %+v", s.Servers)
		}
	})
}

func TestServerThatGoesAndComesBackIsAnEventWithItsReason(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, c *cluster, look *collector) {
		look.collect(t.Context())
		time.Sleep(time.Second)
		c.silent["n2"] = true
		s := look.collect(t.Context())
		if n2 := s.Servers[1]; n2.Up || n2.Silence < 1 || n2.State == nil || n2.Problem != "no answer within 700ms: it is paused, overloaded or cut off" {
			t.Errorf("while it is silent: got %+v", n2)
		}
		c.silent["n2"], c.gone["n3"] = false, true
		s = look.collect(t.Context())
		c.gone["n2"] = true
		s = look.collect(t.Context())
		var got []string
		for _, e := range s.Events {
			got = append(got, e.Servers[0]+" "+e.Text)
		}
		want := []string{
			"n2 does not answer: it refuses connections: its process is not running", // though n3 went just now, too
			"n3 does not answer: it refuses connections: its process is not running",
			"n2 answers again", "n2 does not answer: no answer within 700ms: it is paused, overloaded or cut off"}
		if !slices.Equal(got, want) || s.Servers[1].Up {
			t.Errorf("got %q and %+v", got, s.Servers[1])
		}
	})
}

func TestLogsOfAllServersAreOneStory(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, c *cluster, look *collector) {
		say := func(name string, at int64, text string) {
			d := c.servers[name].Detail
			d.Log = append(d.Log, &kvorumv1.LogRecord{UnixMilli: at, Level: "INFO", Text: text, Fields: []string{"term=1"}})
		}
		say("n1", 1000, "stands")
		say("n1", 1000, "leads")
		say("n3", 1001, "follows")
		say("n2", 1500, "follows")
		say("n2", 9000, "follows") // again, later
		var got []string
		for _, e := range look.collect(t.Context()).Events {
			got = append(got, e.Servers[0]+"-"+e.Servers[len(e.Servers)-1]+" "+e.Text)
		}
		if want := []string{"n2-n2 follows", "n2-n3 follows", "n1-n1 leads", "n1-n1 stands"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestWhyAServerDoesNotAnswerIsSaidPlainly(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		status.Error(codes.Unavailable, "dial tcp: connect: connection refused"): "it refuses connections: its process is not running",
		status.Error(codes.DeadlineExceeded, "too late"):                         "no answer within 700ms: it is paused, overloaded or cut off",
		status.Error(codes.Unavailable, "context deadline exceeded"):             "no answer within 700ms: it is paused, overloaded or cut off",
		status.Error(codes.Unavailable, "error reading from server: EOF"):        "the connection to it broke",
		status.Error(codes.Internal, "something else"):                           "something else",
	} {
		if got := reason(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	look := newCollector("n1", nil)
	look.own = &kvorumv1.StatusResponse{ClusterId: "c"}
	if got := look.check(&kvorumv1.Member{}, &kvorumv1.StatusResponse{ClusterId: "c"}, nil); !strings.Contains(got, "older") {
		t.Errorf("an answer without detail: got %q", got)
	}
}

func TestAProblemIsToldWithoutThePackage(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, c *cluster, look *collector) {
		c.servers["n2"].Detail.NotReady = "raft: no leader is known"
		if got := look.collect(t.Context()).Servers[1].Problem; got != "no leader is known" {
			t.Errorf("got %q", got)
		}
	})
}

func TestOnlyAChangeIsNoticed(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, c *cluster, look *collector) {
		c.gone["n3"] = true
		look.collect(t.Context())
		look.collect(t.Context())
		if len(look.noticed) != 0 {
			t.Errorf("a server that was never seen: got %v", look.noticed)
		}
		for i := range 2 * maxEvents {
			c.gone["n2"] = i%2 == 0
			look.collect(t.Context())
		}
		if len(look.noticed) != maxEvents || look.noticed[0].Text != "answers again" {
			t.Errorf("got %d events, want the latest %d", len(look.noticed), maxEvents)
		}
	})
}

func TestALeaderThatDoesNotAnswerAnyMoreDoesNotLead(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, c *cluster, look *collector) {
		c.elect("n2", 2)
		if s := look.collect(t.Context()); s.Leader == nil || s.Leader.Name != "n2" {
			t.Errorf("got %+v", s.Leader)
		}
		c.gone["n2"] = true
		if s := look.collect(t.Context()); s.Leader != nil {
			t.Errorf("got %+v, want none", s.Leader)
		}
	})
}

func TestEachServerIsAskedOnceARound(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, c *cluster, look *collector) {
		look.collect(t.Context())
		if c.asked != 4 { // this one first, to learn who the others are
			t.Errorf("asked %d times, want 4", c.asked)
		}
	})
}

func TestOneMoreThanHalfIsNeeded(t *testing.T) {
	t.Parallel()
	inBubble(t, 4, func(t *testing.T, c *cluster, look *collector) {
		if got := look.collect(t.Context()).Quorums[0]; got.Needed != 3 || got.Spare != 1 {
			t.Errorf("of four: got %+v", got)
		}
	})
	if got := tolerance([]Quorum{{Voters: 3, Spare: 1}, {Voters: 3, Spare: 0}}); got != "No other may fail now." {
		t.Errorf("the scarcer of two quorums: got %q", got)
	}
	if got := everybody(2); got != "both servers answer" {
		t.Errorf("two: got %q", got)
	}
}

func TestMembershipHasFourWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		voter, oldVoter, joint bool
		want                   string
	}{
		{false, false, false, "learner"}, {false, false, true, "learner"}, {true, false, false, "voter"},
		{true, false, true, "joining"}, {false, true, true, "leaving"}, {true, true, true, "voter"},
	} {
		if got := membership(&kvorumv1.Member{Voter: tt.voter, OldVoter: tt.oldVoter}, tt.joint); got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
}

func TestOnlyStatesOfTheSameLogAreCompared(t *testing.T) {
	t.Parallel()
	server := func(name string, up bool, applied uint64, hash string) Server {
		return Server{Name: name, Up: up, State: &State{AppliedIndex: applied, StateHash: hash}}
	}
	n1 := server("n1", true, 10, "a")
	for name, tt := range map[string]struct {
		other Server
		want  string
	}{
		"another state": {server("n2", true, 10, "b"), "n2"}, "the same": {server("n2", true, 10, "a"), ""},
		"another index": {server("n2", true, 11, "b"), ""}, "an old answer": {server("n2", false, 10, "b"), ""},
		"no answer": {Server{Name: "n2", Up: true}, ""},
	} {
		if _, got := diverged([]Server{n1, tt.other}); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	if _, got := diverged([]Server{server("n1", true, 0, "a"), server("n2", true, 0, "b")}); got != "" {
		t.Errorf("before anything is applied: got %q", got)
	}
}
