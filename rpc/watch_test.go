package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/rpc/client"
)

const kindProgress = kvorumv1.WatchResponse_KIND_PROGRESS

// watch begins a watch that ends with the test.
func (s *testServer) watch(t *testing.T, req *kvorumv1.WatchRequest) grpc.ServerStreamingClient[kvorumv1.WatchResponse] {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	stream, err := s.client.Watch(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// receive returns the next change, or fails if anything but progress comes before.
func receive(t *testing.T, stream grpc.ServerStreamingClient[kvorumv1.WatchResponse]) *kvorumv1.WatchResponse {
	t.Helper()
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.GetKind() != kindProgress {
			return m
		}
	}
}

// endOf reads a watch to its end, and returns why it ended.
func endOf(stream grpc.ServerStreamingClient[kvorumv1.WatchResponse]) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

// lastChange is what is true of a key after the changes of a watch.
type lastChange struct {
	value    string
	revision uint64
}

// replay adds a change to what its predecessors have made of the keys.
func replay(keys map[string]lastChange, m *kvorumv1.WatchResponse) {
	switch m.GetKind() {
	case kvorumv1.WatchResponse_KIND_SET:
		keys[m.GetKey()] = lastChange{string(m.GetValue()), m.GetRevision()}
	case kvorumv1.WatchResponse_KIND_DELETE:
		delete(keys, m.GetKey())
	}
}

// list returns the keys as they are, and as of when.
func (s *testServer) list(t *testing.T) (keys map[string]lastChange, revision uint64) {
	t.Helper()
	stream, err := s.client.List(t.Context(), &kvorumv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	keys = map[string]lastChange{}
	for {
		item, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return keys, revision
		}
		if err != nil {
			t.Fatal(err)
		}
		keys[item.GetKey()] = lastChange{string(item.GetValue()), item.GetRevision()}
		revision = item.GetHeader().GetRevision()
	}
}

func TestAWatchTellsOfSelectedChangesFromNow(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	for _, s := range c.servers {
		s.set(t, "users/adam", "before")
		one, some := s.watch(t, &kvorumv1.WatchRequest{Key: "users/eve"}), s.watch(t, &kvorumv1.WatchRequest{Prefix: "users/"})
		for _, w := range []grpc.ServerStreamingClient[kvorumv1.WatchResponse]{one, some} {
			if m, err := w.Recv(); err != nil || m.GetKind() != kindProgress || m.GetHeader().GetServerId() != s.name {
				t.Fatalf("it began with %v %v, want progress, from %s", m, err, s.name)
			}
		}
		revision := c.servers[0].set(t, "users/eve", "v").GetRevision()
		c.servers[1].set(t, "visitors/eve", "v")
		if _, err := c.servers[2].client.Delete(t.Context(), &kvorumv1.DeleteRequest{Key: "users/adam"}); err != nil {
			t.Fatal(err)
		}
		for _, w := range []grpc.ServerStreamingClient[kvorumv1.WatchResponse]{one, some} {
			if m := receive(t, w); m.GetKind() != kvorumv1.WatchResponse_KIND_SET || m.GetKey() != "users/eve" ||
				string(m.GetValue()) != "v" || m.GetRevision() != revision || m.GetHeader().GetClusterId() != testCluster {
				t.Errorf("got %v, want the set of revision %d", m, revision)
			}
		}
		if m := receive(t, some); m.GetKind() != kvorumv1.WatchResponse_KIND_DELETE || m.GetKey() != "users/adam" || m.GetRevision() != revision+2 {
			t.Errorf("got %v, want the delete of revision %d", m, revision+2)
		}
		if s != c.servers[2] {
			continue // what follows takes its time
		}
		if m, err := one.Recv(); err != nil || m.GetKind() != kindProgress || m.GetRevision() <= revision {
			t.Errorf("got %v %v, want how far the server is", m, err)
		}
	}
}

func TestBadWatchesAreRefused(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	long := strings.Repeat("k", 4097)
	for reason, requests := range map[string][]*kvorumv1.WatchRequest{
		"INVALID_REQUEST": {{Key: "k", Prefix: "k"}},
		"INVALID_KEY":     {{Key: long}, {Prefix: long}},
	} {
		for _, req := range requests {
			expectReason(t, endOf(s.watch(t, req)), reason, "definite")
		}
	}
}

func TestAWatchNeedsALeaderToBegin(t *testing.T) {
	t.Parallel()
	s := (&testNetwork{t: t}).join("n1")
	_, err := s.watch(t, &kvorumv1.WatchRequest{FromRevision: 1}).Recv()
	expectReason(t, err, "NO_LEADER", "definite")
}

// sent is a stream that notes what is sent, and when.
type sent struct {
	grpc.ServerStreamingServer[kvorumv1.WatchResponse]
	ctx   context.Context
	start time.Time
	log   []string
}

func (s *sent) Context() context.Context { return s.ctx }

func (s *sent) Send(m *kvorumv1.WatchResponse) error {
	s.log = append(s.log, fmt.Sprintf("%v: %v %s@%d", time.Since(s.start), m.GetKind(), m.GetKey(), m.GetRevision()))
	return nil
}

// TestAWatchEndsWhereThereIsNoLeader: it says how far it is only if that is news, and
// gives up at the second tick without a leader.
func TestAWatchEndsWhereThereIsNoLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := kv.New()
		s := &Server{node: node.New(node.Config{}), store: store, identity: NewIdentity("n1@00", "", testCluster, nil)}
		w, err := store.Watch(kv.Filter{Key: "k"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		time.AfterFunc(time.Second, func() {
			for i, key := range []string{"k", "j"} {
				e := raft.Entry{EntryID: raft.EntryID{Index: raft.Index(7 + i)}, Command: kv.Encode(kv.Set{Key: key})}
				if _, err := store.Apply(e); err != nil {
					t.Error(err)
				}
			}
		})
		stream := &sent{ctx: t.Context(), start: time.Now()}
		// As if there had been a leader at the next two ticks.
		err = (&watching{Server: s, Watcher: w, stream: stream, told: w.Seen() - 1, leaderless: -2}).run()
		if took := time.Since(stream.start); !errors.Is(err, raft.ErrNoLeader) || took != 4*progressInterval {
			t.Errorf("it ended after %v with %v", took, err)
		}
		want := "[0s: KIND_PROGRESS @0 1s: KIND_SET k@7 2s: KIND_PROGRESS @8]"
		if got := fmt.Sprint(stream.log); got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
	})
}

func TestAStoppingServerEndsItsWatchesAtOnce(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	s.set(t, "k", "v")
	w := s.watch(t, &kvorumv1.WatchRequest{FromRevision: 1})
	receive(t, w)
	start := time.Now()
	s.stop()
	expectReason(t, endOf(w), "NO_LEADER", "definite") // ask another server
	if d := time.Since(start); d > stopTimeout {
		t.Errorf("stopping took %v", d)
	}
}

// TestAListAndTheChangesSinceAreTheState: of every list, what came after its revision,
// and nothing before it, is in a watch that begins there.
func TestAListAndTheChangesSinceAreTheState(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	first := s.set(t, "k0", "").GetRevision()
	type listing struct {
		keys     map[string]lastChange
		revision uint64
	}
	var listings []listing
	ctx, end := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for n := range 8 {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = s.client.Set(ctx, &kvorumv1.SetRequest{Key: fmt.Sprint("k", i%5), Value: fmt.Append(nil, n, i)})
			}
		})
	}
	for range 300 {
		keys, revision := s.list(t)
		listings = append(listings, listing{keys, revision})
	}
	end()
	writing.Wait()
	w := s.watch(t, &kvorumv1.WatchRequest{FromRevision: first})
	keys, next := map[string]lastChange{}, receive(t, w)
	for i, l := range listings {
		for next.GetKind() != kindProgress && next.GetRevision() <= l.revision {
			replay(keys, next)
			var err error
			if next, err = w.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		if !maps.Equal(keys, l.keys) {
			t.Fatalf("list %d of revision %d is %v, the changes up to there make %v", i, l.revision, l.keys, keys)
		}
	}
}

// TestTheRevisionOfAListIsThatOfItsView: what is applied after the view was taken is
// no part of the list, so a watch from the next revision on must tell of it. Here that
// is a no-op.
func TestTheRevisionOfAListIsThatOfItsView(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	want := c.servers[0].set(t, "k", "v").GetRevision()
	c.restart(0)
	if _, got := c.servers[0].list(t); got != want || uint64(c.servers[0].node.Applied()) <= want {
		t.Errorf("got revision %d, want %d", got, want)
	}
}

// dial returns a client of the whole cluster.
func (c *testNetwork) dial() *client.Client {
	c.t.Helper()
	var addrs []string
	for _, s := range c.servers {
		addrs = append(addrs, s.addr)
	}
	cl, err := client.New(addrs)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cl.Close() })
	return cl
}

// restart stops a server, and starts it on its disk and at its address again.
func (c *testNetwork) restart(i int) {
	c.t.Helper()
	old := c.servers[i]
	old.stop()
	c.servers[i] = startServer(c.t, old.name, old.disk, old.addr, nil)
	c.introduce()
	eventually(c.t, "it to be ready", func() bool { return c.servers[i].Ready() == nil })
}

// TestAWatchGoesOnThroughRestarts: every server is stopped and started in turn, among
// them the one that serves the watch, and the leader. What the watch yields is each
// change once, in order, and together the state.
func TestAWatchGoesOnThroughRestarts(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	cl := c.dial()
	first := c.servers[0].set(t, "k0", "").GetRevision()
	writers, end := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var mu sync.Mutex // guards answered: several write
	answered := []uint64{first}
	for n := range 4 {
		writing.Go(func() {
			for i := 0; writers.Err() == nil; i++ {
				resp, err := cl.Set(writers, fmt.Sprint("k", i%10), fmt.Append(nil, n, " ", i))
				if err == nil {
					mu.Lock()
					answered = append(answered, resp.GetRevision())
					mu.Unlock()
				}
			}
		})
	}
	last := make(chan uint64, 1) // the last revision there will be
	watching := sync.WaitGroup{}
	for _, req := range []*kvorumv1.WatchRequest{{FromRevision: first}, {FromRevision: first, Prefix: "k"}} {
		watching.Go(func() {
			keys, seen, until := map[string]lastChange{}, []uint64(nil), uint64(0)
			for m, err := range cl.Watch(t.Context(), req) {
				if err != nil {
					t.Error(err)
					return
				}
				if m.GetKind() != kindProgress {
					seen = append(seen, m.GetRevision())
					replay(keys, m)
				}
				select {
				case until = <-last:
					last <- until // for the others
				default:
				}
				if until > 0 && m.GetRevision() >= until {
					break
				}
			}
			if want, _ := c.servers[0].list(t); !maps.Equal(keys, want) {
				t.Errorf("the changes make %v, the state is %v", keys, want)
			}
			if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) < len(seen) {
				t.Errorf("not in order, or not once: %v", seen)
			}
			for _, revision := range answered { // nobody writes any more
				if _, found := slices.BinarySearch(seen, revision); !found {
					t.Errorf("revision %d was answered, and not seen", revision)
				}
			}
		})
	}
	for i := range c.servers {
		c.restart(i)
	}
	c.restart(slices.Index(c.servers, c.leader()))
	end()
	writing.Wait()
	last <- c.leader().set(t, "k-last", "").GetRevision()
	watching.Wait()
}

// TestAWatchFindsAServerThatHoldsItsRevision: one that has started from a snapshot
// does not hold what the snapshot replaced. Others do.
func TestAWatchFindsAServerThatHoldsItsRevision(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	first := c.servers[0].set(t, "k", "v").GetRevision()
	for i, s := range c.servers[:2] {
		s.expectValue(t, "k", "v", nil) // so that it has a state to take a snapshot of
		if _, err := s.admin.TakeSnapshot(t.Context(), &kvorumv1.TakeSnapshotRequest{}); err != nil {
			t.Fatal(err)
		}
		c.restart(i)
		w := c.servers[i].watch(t, &kvorumv1.WatchRequest{FromRevision: first})
		expectReason(t, endOf(w), "COMPACTED", "definite")
		if m, err := c.servers[i].watch(t, &kvorumv1.WatchRequest{FromRevision: first + 1}).Recv(); err != nil {
			t.Errorf("what follows the snapshot: %v %v", m, err)
		}
	}
	for m, err := range c.dial().Watch(t.Context(), &kvorumv1.WatchRequest{FromRevision: first}) {
		if err != nil || m.GetRevision() != first || m.GetHeader().GetServerId() != "n3" {
			t.Errorf("got %v %v, want revision %d from n3", m, err, first)
		}
		break
	}
}

// TestASnapshotFromTheLeaderIsNoSilentGap: a follower that lagged is given a snapshot,
// and so does not know what its watchers have missed.
func TestASnapshotFromTheLeaderIsNoSilentGap(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader, follower := c.leader(), c.follower()
	leader.set(t, "k", "seen")
	w := follower.watch(t, &kvorumv1.WatchRequest{})
	if _, err := w.Recv(); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.servers {
		s.peers.SetAddress(follower.id, "127.0.0.1:1") // nothing reaches it
	}
	for i := range 30 { // more than the tail of the log that is kept
		leader.set(t, "k", fmt.Sprint(i))
	}
	if _, err := leader.admin.TakeSnapshot(t.Context(), &kvorumv1.TakeSnapshotRequest{}); err != nil {
		t.Fatal(err)
	}
	c.introduce()
	seen := 0
	for {
		m, err := w.Recv()
		if err != nil {
			expectReason(t, err, "COMPACTED", "definite")
			break
		}
		if m.GetKind() != kindProgress {
			if string(m.GetValue()) != fmt.Sprint(seen) {
				t.Fatalf("got %v after %d changes", m, seen)
			}
			seen++
		}
	}
	if n := follower.node.Applied(); seen >= 30 {
		t.Errorf("the follower was given all of them one by one, up to %d: this test shows nothing", n)
	}
}

// TestASlowWatcherHoldsNothing: a client that reads nothing does not make the server
// hold on to what it is to be sent. When it reads again, it learns that it missed something.
func TestASlowWatcherHoldsNothing(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	first := s.set(t, "k", "")
	w := s.watch(t, &kvorumv1.WatchRequest{FromRevision: first.GetRevision()})
	value := strings.Repeat("x", testMaxValue)
	const held = 64 << 20
	for range held/testMaxValue + 100 {
		s.set(t, "k", value)
	}
	got := 0
	for {
		m, err := w.Recv()
		if err != nil {
			expectReason(t, err, "COMPACTED", "definite")
			break
		}
		got += len(m.GetValue())
	}
	if got > 4<<20 {
		t.Errorf("%d bytes were on their way to a client that read nothing", got)
	}
}
