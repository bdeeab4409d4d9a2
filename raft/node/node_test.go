package node

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kvorum/raft"
)

const (
	tick    = 10 * time.Millisecond
	timeout = 10 * tick // the election timeout
)

// TestProposeAndReadEverywhere: what a Propose answered has been applied (Figure 2,
// Leaders), also on any other server after a Barrier.
func TestProposeAndReadEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		for i := range 20 {
			want := c.propose(fmt.Sprint(i))
			if want <= i {
				t.Fatalf("proposal %d was answered %d before it was applied", i, want)
			}
			for _, s := range c.servers {
				if _, err := s.Barrier(t.Context()); err != nil {
					t.Fatalf("barrier on %s: %v", s.id, err)
				}
				if got := s.machine.len(); got < want {
					t.Fatalf("%s has applied %d commands after a barrier, want at least %d", s.id, got, want)
				}
			}
		}
		c.expectSameState()
	})
}

// TestLeaderStopsOthersGoOn: when the leader stops, nothing acknowledged is
// lost and the others go on.
func TestLeaderStopsOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		n := c.propose("before")
		old := c.leader()
		c.stop(old)
		start := time.Now()
		if got := c.propose("after"); got != n+1 {
			t.Errorf("the new leader has %d commands, want %d", got, n+1)
		}
		if d := time.Since(start); d > 3*timeout {
			t.Errorf("writes resumed after %v, want at most %v", d, 3*timeout)
		}
		c.start(old)
		c.expectSameState()
	})
}

// TestRestartRestoresState: a server that starts again has what it had, from
// its snapshot and its log.
func TestRestartRestoresState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		var want int
		for i := range 25 { // snapshots at 10 and 20
			want = c.propose(fmt.Sprint(i))
			synctest.Wait() // none is taken while the one before is still being written
		}
		c.stop(c.servers[0])
		c.start(c.servers[0])
		c.waitFor("the state", 4*timeout, func() bool {
			_, err := c.servers[0].Barrier(t.Context())
			return err == nil
		})
		if got := c.servers[0].machine.len(); got != want {
			t.Errorf("%d commands after restart, want %d", got, want)
		}
		if s := c.servers[0].disk.snapshot(); s.LastIncludedIndex < 20 {
			t.Errorf("snapshot at %d, want at least 20", s.LastIncludedIndex)
		}
	})
}

// TestStoppedFollowerCatchesUpBySnapshot: what the log no longer holds comes
// as a snapshot.
func TestStoppedFollowerCatchesUpBySnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("first")
		behind := c.follower()
		c.stop(behind)
		for i := range 50 {
			c.propose(fmt.Sprint(i))
		}
		c.start(behind)
		c.expectSameState()
		if s, _ := behind.Status(t.Context()); s.SnapshotsInstalled != 1 {
			t.Errorf("%d snapshots installed, want 1", s.SnapshotsInstalled)
		}
	})
}

// TestSlowDiskDelaysOnlyWrites: while every save takes four election timeouts, as
// when a new file of the log is begun on a slow disk, leadership stays where it is (D7).
func TestSlowDiskDelaysOnlyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("fast")
		term := c.leader().Leadership().Term
		for _, s := range c.servers {
			s.disk.setLatency(4 * timeout)
		}
		for i := range 5 {
			c.propose(fmt.Sprint(i))
		}
		if got := c.leader().Leadership().Term; got != term {
			t.Errorf("term %d, want %d: slow disks caused an election", got, term)
		}
	})
}

// TestStuckDiskEndsLeadership: a leader whose disk does not answer leaves the
// cluster to the others, says so, and goes on as a follower when it answers (D6).
func TestStuckDiskEndsLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		stuck := c.leader()
		stuck.disk.setLatency(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		stuck.Propose(ctx, []byte("stuck")) // gives the disk something to be stuck on
		if stuck.DiskStuck() != 0 {
			t.Errorf("after one election timeout the disk is called stuck")
		}
		c.waitFor("another leader", 10*timeout, func() bool {
			l := c.leader()
			return l != nil && l != stuck
		})
		c.propose("after")
		if s, err := stuck.Status(t.Context()); err != nil || stuck.DiskStuck() < 6*timeout || s.DiskSilence < 6*timeout {
			t.Errorf("silent for %v, stuck for %v, %v", s.DiskSilence, stuck.DiskStuck(), err)
		}
		time.Sleep(50 * timeout)
		if role := stuck.Leadership().Role; role != raft.Follower {
			t.Errorf("with a stuck disk it is a %v, want a follower", role)
		}
		term := c.leader().Leadership().Term
		stuck.disk.setLatency(0)
		c.expectSameState()
		if got := c.leader().Leadership().Term; got != term || stuck.DiskStuck() != 0 {
			t.Errorf("the disk answers again: term %d, want %d; stuck for %v", got, term, stuck.DiskStuck())
		}
	})
}

// TestAStuckDiskIsNews: when it begins and when it ends, with the leader as before.
func TestAStuckDiskIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		s := c.follower()
		before := s.Leadership()
		<-s.News()
		s.disk.setLatency(time.Hour)
		c.propose("stuck")
		<-s.News()
		if s.DiskStuck() == 0 {
			t.Error("there is news, and the disk is not stuck")
		}
		s.disk.setLatency(0)
		<-s.News()
		if s.DiskStuck() != 0 || s.Leadership() != before {
			t.Errorf("stuck for %v, %+v, want a disk that answers and %+v", s.DiskStuck(), s.Leadership(), before)
		}
	})
}

// TestDiskErrorEndsNode: after a failed fsync nothing is retried (D4).
func TestDiskErrorEndsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		c.propose("before")
		broken := errors.New("input/output error")
		c.servers[0].disk.fail(broken)
		if _, _, err := c.servers[0].Propose(t.Context(), []byte("x")); !errors.Is(err, ErrStopped) {
			t.Errorf("propose: %v, want %v", err, ErrStopped)
		}
		c.stop(c.servers[0])
		if err := c.servers[0].err; !errors.Is(err, broken) {
			t.Errorf("Run returned %v, want %v", err, broken)
		}
	})
}

// TestSlowStateMachineDelaysNoHeartbeat: Apply may take longer than an
// election timeout.
func TestSlowStateMachineDelaysNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		term := c.leader().Leadership().Term
		for _, s := range c.servers {
			s.machine.setLatency(3 * timeout)
		}
		c.propose("slow")
		if got := c.leader().Leadership().Term; got != term {
			t.Errorf("term %d, want %d: a slow state machine caused an election", got, term)
		}
	})
}

// TestAReadWaitsForWhatItMustSee: where a slow disk keeps an entry from being
// applied, a read that must see it waits (thesis §6.4).
func TestAReadWaitsForWhatItMustSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		slow := c.follower()
		slow.disk.setLatency(timeout)
		want := c.propose("written")
		if _, err := slow.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := slow.machine.len(); got < want {
			t.Errorf("%s has applied %d commands after a barrier, want at least %d", slow.id, got, want)
		}
	})
}

// TestIsolatedLeaderAnswersNothing: in the minority neither reads nor writes
// complete; the write's slot goes to another entry, and its client hears that
// it had no effect (N5, K4).
func TestIsolatedLeaderAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		old := c.leader()
		c.isolate(old, true)
		wrote, read := make(chan error, 1), make(chan error, 1)
		go func() { _, _, err := old.Propose(t.Context(), []byte("lost")); wrote <- err }()
		go func() { _, err := old.Barrier(t.Context()); read <- err }()
		c.waitFor("a new leader", 4*timeout, func() bool {
			l := c.leader()
			return l != nil && l != old
		})
		c.propose("other")
		if err := <-read; !errors.Is(err, raft.ErrNoLeader) {
			t.Errorf("read in the minority: %v, want %v", err, raft.ErrNoLeader)
		}
		c.isolate(old, false)
		if err := <-wrote; !errors.Is(err, ErrSlotLost) && !errors.Is(err, ErrLeadershipLost) {
			t.Errorf("write in the minority: %v, want that it was lost", err)
		}
		c.expectSameState()
		if slices.Contains(old.machine.all(), "lost") {
			t.Error("the minority's write took effect")
		}
	})
}

// TestUndecidedProposalIsAnsweredUnknown: a client of a leader that was cut
// off does not wait for ever.
func TestUndecidedProposalIsAnsweredUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		old := c.leader()
		c.isolate(old, true)
		start := time.Now()
		if _, _, err := old.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrLeadershipLost) {
			t.Errorf("propose: %v, want %v", err, ErrLeadershipLost)
		}
		if d := time.Since(start); d > 5*timeout {
			t.Errorf("answered after %v, want at most %v", d, 5*timeout)
		}
	})
}

// TestTransferLeadership: the wanted server leads when the call returns.
func TestTransferLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		old, to := c.leader(), c.follower()
		start := time.Now()
		if err := old.TransferLeadership(t.Context(), to.id); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d >= timeout {
			t.Errorf("transfer took %v, want less than an election timeout", d)
		}
		if got := old.Leadership().Leader; got != to.id {
			t.Errorf("leader is %s, want %s", got, to.id)
		}
		if err := to.TransferLeadership(t.Context(), to.id); !errors.Is(err, raft.ErrNotVoter) {
			t.Errorf("transfer to itself: %v, want %v", err, raft.ErrNotVoter)
		}
	})
}

// TestTransferToDeadServerIsAbandoned: and the leader accepts writes again (M18).
func TestTransferToDeadServerIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		dead := c.follower()
		c.stop(dead)
		if err := c.leader().TransferLeadership(t.Context(), dead.id); !errors.Is(err, ErrTransferFailed) {
			t.Errorf("transfer: %v, want %v", err, ErrTransferFailed)
		}
		c.propose("after")
	})
}

// TestChangeOfConfiguration: ProposeConfig returns once C-new is committed.
func TestChangeOfConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		l, removed := c.leader(), c.follower()
		var rest []raft.ServerID
		for _, s := range c.servers {
			if s != removed {
				rest = append(rest, s.id)
			}
		}
		before, _ := l.Status(t.Context())
		if _, err := l.ProposeConfig(t.Context(), before.ConfigIndex, rest, nil); err != nil {
			t.Fatal(err)
		}
		s, _ := l.Status(t.Context())
		if s.Config.Joint() || !slices.Equal(s.Config.Voters, rest) || s.ConfigIndex > s.CommitIndex {
			t.Errorf("configuration %+v at %d, committed %d; want voters %v committed", s.Config, s.ConfigIndex, s.CommitIndex, rest)
		}
		if _, err := l.ProposeConfig(t.Context(), s.ConfigIndex, nil, nil); !errors.Is(err, raft.ErrInvalidConfig) {
			t.Errorf("empty configuration: %v, want %v", err, raft.ErrInvalidConfig)
		}
		// Derived before the change, it would undo it.
		all := before.Config.Voters
		if _, err := l.ProposeConfig(t.Context(), before.ConfigIndex, all, nil); !errors.Is(err, raft.ErrConfigInFlight) {
			t.Errorf("a change of an earlier configuration: %v, want %v", err, raft.ErrConfigInFlight)
		}
	})
}

// TestReadsOverASlowNetworkAreAnswered: an answer that comes after the read was
// asked for again is still one.
func TestReadsOverASlowNetworkAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		c.setLatency(timeout / 4) // a follower's read takes four times that
		ctx, cancel := context.WithTimeout(t.Context(), 20*timeout)
		defer cancel()
		if _, err := c.follower().Barrier(ctx); err != nil {
			t.Errorf("read on a follower: %v", err)
		}
	})
}

// TestReadsOfAFollowerTravelTogether: reads that come while others are under way
// wait for them, and then share one message to the leader.
func TestReadsOfAFollowerTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		c.setLatency(timeout / 50)
		f, before := c.follower(), c.sentReads()
		var readers sync.WaitGroup
		for range 20 {
			readers.Go(func() {
				if _, err := f.Barrier(t.Context()); err != nil {
					t.Errorf("read on a follower: %v", err)
				}
			})
			time.Sleep(timeout / 500) // in the bubble: ten reads during one message
		}
		readers.Wait()
		if sent := c.sentReads() - before; sent > 3 {
			t.Errorf("20 reads took %d messages, want at most 3", sent)
		}
	})
}

// TestProposalsShareTheDisk: what is proposed while the leader's disk is busy shares
// the next message to each follower, and the next fsync.
func TestProposalsShareTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		leader, before := c.leader(), c.sentEntries()
		leader.disk.setLatency(tick / 2)
		var clients sync.WaitGroup
		for i := range 100 {
			clients.Go(func() { c.propose(fmt.Sprint(i)) })
			time.Sleep(tick / 10) // in the bubble: five proposals while the disk writes once
		}
		clients.Wait()
		// Each would take two if none waited; a few leave just before a save begins.
		if sent := c.sentEntries() - before; sent > 100 {
			t.Errorf("100 proposals took %d messages to two followers, want at most half of 200", sent)
		}
		c.expectSameState()
	})
}

// TestHeldProposalsAreRefusedWhenLeadershipEnds: what a leader whose disk got stuck had
// not given to raft yet has had no effect, and its client is told so.
func TestHeldProposalsAreRefusedWhenLeadershipEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.propose("before")
		old := c.leader()
		old.disk.setLatency(time.Hour)
		go func() { _, _, _ = old.Propose(t.Context(), []byte("keeps the disk busy")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*timeout)
		defer cancel()
		if _, _, err := old.Propose(ctx, []byte("held")); !errors.Is(err, raft.ErrNotLeader) {
			t.Errorf("answer: %v, want %v", err, raft.ErrNotLeader)
		}
		old.disk.setLatency(0)
	})
}

// TestAbandonedReadsAreForgotten: a client that asks for what will never be
// applied costs nothing once it has gone.
func TestAbandonedReadsAreForgotten(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	a := applier{waiting: []*read{{ctx: gone, index: 1 << 60}, {ctx: t.Context(), index: 1 << 60}}}
	a.answerReads()
	if len(a.waiting) != 1 || a.waiting[0].ctx != t.Context() {
		t.Errorf("%d reads wait, want the one whose client does", len(a.waiting))
	}
}

// TestTakeSnapshot: it says what it wrote, and writes the same state once. One that
// failed changes nothing, and is written when it is asked for again.
func TestTakeSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		c.propose("x")
		s := c.servers[0]
		meta, size, err := s.TakeSnapshot(t.Context())
		if err != nil || meta.LastIncludedIndex != s.Applied() || size == 0 {
			t.Errorf("snapshot at %d of %d bytes, %v; want one at %d", meta.LastIncludedIndex, size, err, s.Applied())
		}
		full := errors.New("no space left on device")
		s.disk.failSnapshots(full)
		again, sizeAgain, err := s.TakeSnapshot(t.Context())
		if err != nil || again.LastIncludedIndex != meta.LastIncludedIndex || sizeAgain != size {
			t.Errorf("of the same state: %d, %d bytes, %v; want %d, %d bytes", again.LastIncludedIndex, sizeAgain, err, meta.LastIncludedIndex, size)
		}
		c.propose("y")
		if _, _, err := s.TakeSnapshot(t.Context()); !errors.Is(err, full) {
			t.Errorf("snapshot on a full disk: %v, want %v", err, full)
		}
		s.disk.failSnapshots(nil)
		if meta, _, err := s.TakeSnapshot(t.Context()); err != nil || s.disk.snapshot().LastIncludedIndex != meta.LastIncludedIndex {
			t.Errorf("once there is room again: snapshot at %d, %v; want one on the disk", meta.LastIncludedIndex, err)
		}
	})
}

// TestCallsAfterStop: a node that has stopped says so.
func TestCallsAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		s := c.servers[0]
		c.stop(s)
		if _, err := s.Barrier(context.Background()); !errors.Is(err, ErrStopped) {
			t.Errorf("barrier: %v, want %v", err, ErrStopped)
		}
		s.SnapshotDone("nobody") // must not block
	})
}

// cluster is some servers in one synctest bubble.
type cluster struct {
	t       *testing.T
	servers []*server
	mu      sync.Mutex // guards what follows, and each server's Node: the wire is used by every server
	cut     map[raft.ServerID]bool
	latency time.Duration
	asked   int // ReadIndexRequests sent
	brought int // AppendEntries sent that bring entries

	// Of what is started next, as in Config.
	snapshotBytes int
	lazyCommit    bool
	heartbeat     int // ticks
}

type server struct {
	*Node
	id      raft.ServerID
	disk    *disk
	machine *machine
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error
}

func newCluster(t *testing.T, n int) *cluster {
	c := &cluster{t: t, cut: map[raft.ServerID]bool{}, latency: time.Millisecond, heartbeat: 2}
	t.Cleanup(func() {
		for _, s := range c.servers {
			c.stop(s)
		}
	})
	c.add(n)
	return c
}

// add starts the n servers of a cluster.
func (c *cluster) add(n int) {
	var ids []raft.ServerID
	for i := range n {
		ids = append(ids, NewID(fmt.Sprintf("n%d", i+1), "00"))
	}
	for _, id := range ids {
		s := &server{id: id, disk: &disk{saved: raft.Bootstrap(ids...), states: map[raft.Index][]byte{}}}
		c.servers = append(c.servers, s)
		c.start(s)
	}
}

func (c *cluster) start(s *server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.machine = &machine{}
	s.disk.setLatency(0)
	s.Node = New(Config{
		Raft: raft.Config{ID: s.id, ElectionTicks: 10, HeartbeatTicks: c.heartbeat, LazyCommit: c.lazyCommit, MaxAppend: raft.Limit{Entries: 8},
			MaxInflight: raft.Limit{Entries: 64}, MaxUncommitted: raft.Limit{Entries: 256}, Seed: uint64(s.id[1])},
		TickInterval: tick, SnapshotEntries: 10, SnapshotBytes: c.snapshotBytes, SnapshotTail: 5,
		Storage: s.disk, Transport: wire{c, s.id}, StateMachine: s.machine,
	})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan struct{})
	go func(n *Node, ended chan struct{}) {
		s.err = n.Run(ctx)
		close(ended)
	}(s.Node, s.ended)
}

func (c *cluster) stop(s *server) {
	s.cancel()
	s.disk.setLatency(0)
	<-s.ended
}

func (c *cluster) isolate(s *server, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[s.id] = cut
}

func (c *cluster) setLatency(l time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latency = l
}

func (c *cluster) sentReads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *cluster) sentEntries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.brought
}

// leader returns the leader of the highest term, or nil.
func (c *cluster) leader() (best *server) {
	for _, s := range c.servers {
		l := s.Leadership()
		if l.Role == raft.Leader && (best == nil || l.Term > best.Leadership().Term) && s.running() {
			best = s
		}
	}
	return best
}

func (s *server) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

func (c *cluster) follower() *server {
	for _, s := range c.servers {
		if s != c.leader() {
			return s
		}
	}
	return nil
}

// propose has command applied, at whichever server leads, and returns how many
// commands had then been applied.
func (c *cluster) propose(command string) (n int) {
	c.t.Helper()
	c.waitFor("proposal "+command, 100*timeout, func() bool {
		l := c.leader()
		if l == nil {
			return false
		}
		result, _, err := l.Propose(c.t.Context(), []byte(command))
		if err == nil {
			fmt.Sscan(string(result), &n)
		}
		return err == nil
	})
	return n
}

func (c *cluster) waitFor(what string, limit time.Duration, ok func() bool) {
	c.t.Helper()
	for start := time.Now(); !ok(); time.Sleep(tick) {
		if time.Since(start) > limit {
			c.t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

func (c *cluster) expectSameState() {
	c.t.Helper()
	c.waitFor("equal states", 50*timeout, func() bool {
		for _, s := range c.servers {
			if !slices.Equal(s.machine.all(), c.servers[0].machine.all()) {
				return false
			}
		}
		return true
	})
}

// wire delivers messages after a while; a snapshot takes its bytes along.
type wire struct {
	c    *cluster
	from raft.ServerID
}

func (w wire) Send(m raft.Message) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if _, ok := m.Body.(raft.ReadIndexRequest); ok {
		w.c.asked++
	}
	if a, ok := m.Body.(raft.AppendEntries); ok && len(a.Entries) > 0 {
		w.c.brought++
	}
	time.AfterFunc(w.c.latency, func() {
		w.c.mu.Lock()
		defer w.c.mu.Unlock()
		lost := w.c.cut[m.From] || w.c.cut[m.To]
		from, to := w.c.server(m.From), w.c.server(m.To)
		if s, ok := m.Body.(raft.InstallSnapshot); ok {
			if !lost && to.running() {
				to.disk.put(s.Snapshot, from.disk.get(s.Snapshot))
				to.Receive(m)
			}
			from.SnapshotDone(m.To)
		} else if !lost && to.running() {
			to.Receive(m)
		}
	})
}

func (c *cluster) server(id raft.ServerID) *server {
	return c.servers[slices.IndexFunc(c.servers, func(s *server) bool { return s.id == id })]
}

// disk is a Storage in memory that survives its node.
type disk struct {
	mu          sync.Mutex
	latency     time.Duration
	err         error
	snapshotErr error
	held        chan struct{} // nil, or closed when snapshots may be written
	saved       raft.Saved
	states      map[raft.Index][]byte
}

func (d *disk) setLatency(l time.Duration) { d.mu.Lock(); defer d.mu.Unlock(); d.latency = l }
func (d *disk) fail(err error)             { d.mu.Lock(); defer d.mu.Unlock(); d.err = err }
func (d *disk) failSnapshots(err error)    { d.mu.Lock(); defer d.mu.Unlock(); d.snapshotErr = err }
func (d *disk) hold(s chan struct{})       { d.mu.Lock(); defer d.mu.Unlock(); d.held = s }
func (d *disk) snapshot() raft.SnapshotMeta {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.saved.Snapshot
}
func (d *disk) get(s raft.SnapshotMeta) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.states[s.LastIncludedIndex]
}
func (d *disk) put(s raft.SnapshotMeta, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states[s.LastIncludedIndex] = b
}

func (d *disk) Load() (raft.Saved, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.saved
	s.Entries = slices.Clone(s.Entries)
	return s, nil
}

// wait takes as long as the disk takes now, even if that changes meanwhile.
func (d *disk) wait() error {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		d.mu.Lock()
		latency, err := d.latency, d.err
		d.mu.Unlock()
		if time.Since(start) >= latency {
			return err
		}
	}
}

func (d *disk) Save(batches []raft.Persist) error {
	if err := d.wait(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range batches {
		if b.HardState != nil {
			d.saved.HardState = *b.HardState
		}
		if b.Snapshot != nil {
			d.saved.Snapshot, d.saved.Entries = *b.Snapshot, nil
		}
		if len(b.Entries) > 0 {
			first := b.Entries[0].Index
			keep := slices.IndexFunc(d.saved.Entries, func(e raft.Entry) bool { return e.Index >= first })
			if keep >= 0 {
				d.saved.Entries = d.saved.Entries[:keep:keep]
			}
			d.saved.Entries = append(d.saved.Entries, b.Entries...)
		}
		d.saved.Entries = slices.DeleteFunc(d.saved.Entries, func(e raft.Entry) bool { return e.Index <= b.Discard })
	}
	return nil
}

func (d *disk) WriteSnapshot(meta raft.SnapshotMeta, state io.WriterTo) (int64, error) {
	d.mu.Lock()
	held := d.held
	d.mu.Unlock()
	if held != nil {
		<-held
	}
	var b bytes.Buffer
	size, err := state.WriteTo(&b)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || d.snapshotErr != nil {
		return 0, errors.Join(err, d.snapshotErr)
	}
	d.states[meta.LastIncludedIndex] = b.Bytes()
	if meta.LastIncludedIndex > d.saved.Snapshot.LastIncludedIndex {
		d.saved.Snapshot = meta
	}
	return size, nil
}

func (d *disk) OpenSnapshot(meta raft.SnapshotMeta) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(d.get(meta))), nil
}

// machine is a state machine that remembers its commands, and answers with
// their number.
type machine struct {
	mu       sync.Mutex
	latency  time.Duration
	commands []string
	frozen   int // times that Snapshot was called
}

func (m *machine) setLatency(l time.Duration) { m.mu.Lock(); defer m.mu.Unlock(); m.latency = l }
func (m *machine) len() int                   { return len(m.all()) }
func (m *machine) all() []string              { m.mu.Lock(); defer m.mu.Unlock(); return slices.Clone(m.commands) }

func (m *machine) Apply(e raft.Entry) ([]byte, error) {
	m.mu.Lock()
	latency := m.latency
	m.mu.Unlock()
	time.Sleep(latency)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commands = append(m.commands, string(e.Command))
	return fmt.Append(nil, len(m.commands)), nil
}

func (m *machine) Snapshot() io.WriterTo {
	m.mu.Lock()
	m.frozen++
	m.mu.Unlock()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(m.all()); err != nil {
		panic(err)
	}
	return &b
}

func (m *machine) Restore(r io.Reader) error {
	var commands []string
	if err := gob.NewDecoder(r).Decode(&commands); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commands = commands
	return nil
}
