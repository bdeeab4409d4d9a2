package discovery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

// fakeCluster is a node whose proposals are committed at once.
type fakeCluster struct {
	mu       sync.Mutex
	role     raft.Role
	status   node.Status
	dir      kv.Directory
	err      error // what proposals answer, if not nil
	attempts int
}

// newFakeCluster returns one of a single voter, n1, that leads.
func newFakeCluster() *fakeCluster {
	c := &fakeCluster{
		role: raft.Leader,
		dir:  kv.Directory{Servers: map[raft.ServerID]kv.Server{}, Removed: map[raft.ServerID]bool{}},
	}
	c.status.ID, c.status.Role = leader, raft.Leader
	c.status.Config = raft.Configuration{Voters: ids(leader)}
	c.status.Last.Index, c.status.CommitIndex, c.status.ConfigIndex = 10, 10, 1
	c.dir.Servers[leader] = kv.Server{Addr: addrOf(leader)}
	return c
}

func (c *fakeCluster) Leadership() node.Leadership {
	c.mu.Lock()
	defer c.mu.Unlock()
	return node.Leadership{Role: c.role}
}

func (c *fakeCluster) Status(context.Context) (node.Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	for _, id := range s.Config.Servers() {
		if id != s.ID {
			s.Peers = append(s.Peers, raft.PeerStatus{ID: id, MatchIndex: s.Last.Index})
		}
	}
	return s, nil
}

func (c *fakeCluster) Propose(_ context.Context, command []byte) ([]byte, raft.EntryID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	if c.err != nil {
		return nil, raft.EntryID{}, c.err
	}
	decoded, err := kv.Decode(command)
	if p, ok := decoded.(kv.PutServer); ok {
		c.dir.Servers[p.ID] = kv.Server{Addr: p.Addr, StayLearner: p.StayLearner}
	}
	return nil, raft.EntryID{}, err
}

func (c *fakeCluster) ProposeConfig(_ context.Context, from raft.Index, voters, learners []raft.ServerID) (raft.EntryID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	if from != c.status.ConfigIndex {
		return raft.EntryID{}, raft.ErrConfigInFlight
	}
	if c.err == nil {
		c.status.Config = raft.Configuration{Voters: voters, Learners: learners}
	}
	return raft.EntryID{}, c.err
}

func (c *fakeCluster) change(f func(c *fakeCluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *fakeCluster) voters() []raft.ServerID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.Config.Voters
}

// reconcile runs a Reconcile over c in the synctest bubble that it is called
// in, where n1 and n2 are alive. It returns the log, to be read once all wait.
func reconcile(t *testing.T, c *fakeCluster, signals <-chan struct{}) *bytes.Buffer {
	t.Helper()
	var text bytes.Buffer
	r := Reconcile{
		Cluster:   c,
		ClusterID: func() string { return "ours" },
		Members:   func() []Member { return []Member{alive(leader), alive("n2@1")} },
		Directory: func() kv.Directory { return c.dir },
		Silence:   10,
		Log:       slog.New(slog.NewTextHandler(&text, nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, signals) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return &text
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestNewcomerBecomesVoterByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster()
		text := reconcile(t, c, nil)
		pass(interval + 3*soon)
		if want := ids("n1@1", "n2@1"); !slices.Equal(c.voters(), want) {
			t.Errorf("got voters %v, want %v", c.voters(), want)
		}
		for _, want := range []string{"n2@1 is at n2:8400", "add n2@1 as a learner", "promote n2@1"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, text)
			}
		}
	})
}

func TestSignalIsActedOnAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster()
		signals := make(chan struct{}, 1)
		reconcile(t, c, signals)
		signals <- struct{}{}
		pass(3 * soon)
		if want := ids("n1@1", "n2@1"); !slices.Equal(c.voters(), want) {
			t.Errorf("got voters %v, want %v", c.voters(), want)
		}
	})
}

// A join that arrives while nobody leads is not lost: it is still to be done
// when leadership is gained.
func TestJoinWithoutLeaderIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster()
		c.role = raft.Follower
		signals := make(chan struct{}, 1)
		reconcile(t, c, signals)
		signals <- struct{}{}
		pass(time.Minute)
		if c.attempts > 0 {
			t.Errorf("a follower made %d proposals", c.attempts)
		}
		c.change(func(c *fakeCluster) { c.role = raft.Leader })
		pass(interval + 3*soon)
		if want := ids("n1@1", "n2@1"); !slices.Equal(c.voters(), want) {
			t.Errorf("got voters %v, want %v", c.voters(), want)
		}
	})
}

func TestNoStepWhileAChangeIsInFlight(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*node.Status){
		"joint":        func(s *node.Status) { s.Config.Old = ids(leader) },
		"uncommitted":  func(s *node.Status) { s.ConfigIndex = s.CommitIndex + 1 },
		"transferring": func(s *node.Status) { s.Transferee = "n2@1" },
		"just lost":    func(s *node.Status) { s.Role = raft.Follower },
	}
	for name, inFlight := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster()
				settled := c.status
				inFlight(&c.status)
				reconcile(t, c, nil)
				pass(time.Minute)
				if c.attempts > 0 {
					t.Errorf("made %d proposals", c.attempts)
				}
				c.change(func(c *fakeCluster) { c.status = settled })
				pass(interval)
				if c.attempts == 0 {
					t.Error("made no proposal once it was over")
				}
			})
		})
	}
}

func TestFailureIsRetriedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster()
		c.err = errors.New("no quorum today")
		text := reconcile(t, c, nil)
		pass(10 * interval)
		if c.attempts < 9 {
			t.Errorf("made %d attempts in 10 seconds", c.attempts)
		}
		if n := strings.Count(text.String(), "no quorum today"); n != 1 {
			t.Errorf("the error was logged %d times, want once:\n%s", n, text)
		}
		c.change(func(c *fakeCluster) { c.err = nil })
		pass(interval + 3*soon)
		if want := ids("n1@1", "n2@1"); !slices.Equal(c.voters(), want) {
			t.Errorf("got voters %v, want %v", c.voters(), want)
		}
	})
}
