package client_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
	"kvorum/rpc/client/clienttest"
)

// connect returns a client that was given the first server only.
func connect(t *testing.T, c *clienttest.Cluster) (*client.Client, context.Context) {
	t.Helper()
	cl, err := client.New(c.Addrs()[:1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return cl, ctx
}

func set(t *testing.T, ctx context.Context, cl *client.Client, key, value string) {
	t.Helper()
	if _, err := cl.Set(ctx, key, []byte(value)); err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

// learn waits until the client routes by the members: it has reached each
// server by its name and knows the leader.
func learn(t *testing.T, ctx context.Context, c *clienttest.Cluster, cl *client.Client) {
	t.Helper()
	for i := range c.Addrs() {
		eventually(t, ctx, func() bool {
			got, err := cl.Status(ctx, clienttest.Name(i))
			return err == nil && answeredBy(t, got, i)
		})
	}
}

func answeredBy(t *testing.T, got *kvorumv1.StatusResponse, i int) bool {
	t.Helper()
	if got.GetServerId() != clienttest.Name(i) {
		t.Fatalf("%s answered for %s", got.GetServerId(), clienttest.Name(i))
	}
	return true
}

// noticed waits until the client knows that a server is down. Until then it may
// send a write into the broken connection, whose outcome is then unknown.
func noticed(t *testing.T, ctx context.Context, cl *client.Client, server int) {
	t.Helper()
	eventually(t, ctx, func() bool {
		_, err := cl.Status(ctx, clienttest.Name(server))
		return errors.Is(err, client.ErrNotSent)
	})
}

// eventually calls a condition, which itself makes calls that take time, until it holds.
func eventually(t *testing.T, ctx context.Context, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("the condition never came to hold")
		case <-tick.C:
		}
	}
}

func TestWritesGoToTheLeaderAndReadsAroundTheFollowers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	for range 10 {
		set(t, ctx, cl, "k", "v")
	}
	for range 10 {
		if _, err := cl.Get(ctx, "k"); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Calls(0, "Set"); got != 10 {
		t.Errorf("the leader got %d of 10 writes", got)
	}
	if a, b := c.Calls(1, "Get"), c.Calls(2, "Get"); a != 5 || b != 5 {
		t.Errorf("the followers got %d and %d of 10 reads, want 5 each", a, b)
	}
}

func TestWritesFollowTheLeader(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	c.Lead(2)
	c.Before(func(server int, method string) error {
		if server != 2 && method == "Set" {
			return clienttest.Error(codes.Unavailable, "NOT_LEADER", "definite", "not the leader")
		}
		return nil
	})
	set(t, ctx, cl, "k", "1") // finds it, by whatever way
	eventually(t, ctx, func() bool {
		before := c.AllCalls("Set")
		set(t, ctx, cl, "k", "2")
		return c.AllCalls("Set") == before+1 // and knows it, so one attempt is enough
	})
	if c.Calls(2, "Set") < 2 {
		t.Error("the new leader was not asked")
	}
}

func TestReadsFallBackToTheLeader(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	set(t, ctx, cl, "k", "v")
	c.Stop(1)
	c.Stop(2)
	if _, err := cl.Get(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if c.Calls(0, "Get") == 0 {
		t.Error("the leader was not asked, though no follower is left")
	}
}

func TestAReadLeavesAFollowerWithoutALeader(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 2)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	set(t, ctx, cl, "k", "v")
	c.Before(func(server int, method string) error {
		if server == 1 && method == "Get" {
			return clienttest.ErrNoLeader() // n2 is cut off from n1, the leader
		}
		return nil
	})
	if _, err := cl.Get(ctx, "k"); err != nil {
		t.Fatal(err)
	}
}

func TestTheClientOutlivesARestartOfAllServers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	set(t, ctx, cl, "k", "1")
	for i := range 3 {
		c.Stop(i)
		noticed(t, ctx, cl, i)
	}
	done := make(chan error)
	go func() {
		_, err := cl.Set(ctx, "k", []byte("2"))
		done <- err
	}()
	for i := range 3 {
		c.Restart(i)
	}
	if err := <-done; err != nil {
		t.Fatalf("a write begun while all were down: %v", err)
	}
}

func TestTheClientFollowsNewAddresses(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c) // knows n1 only
	learn(t, ctx, c, cl)
	for _, i := range []int{1, 2} {
		c.Stop(i)
		c.Move(i)
	}
	c.Lead(2)
	learn(t, ctx, c, cl)
	c.Stop(0) // the only address that it was given
	noticed(t, ctx, cl, 0)
	set(t, ctx, cl, "k", "v")
}

func TestAnUnreachableOrWildcardAddressDoesNoHarm(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	c.Advertise(0, "0.0.0.0:8400")
	c.Advertise(1, "no port at all")
	c.Stop(2)
	set(t, ctx, cl, "k", "v")
	if _, err := cl.Get(ctx, "k"); err != nil {
		t.Fatal(err)
	}
}

func TestTwoClientsDoNotMeet(t *testing.T) {
	t.Parallel()
	a, b := clienttest.Start(t, 1), clienttest.Start(t, 1)
	ca, ctx := connect(t, a)
	cb, _ := connect(t, b)
	set(t, ctx, ca, "k", "a")
	set(t, ctx, cb, "k", "b")
	if err := cb.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ca.Get(ctx, "k")
	if err != nil || string(got.GetValue()) != "a" {
		t.Errorf("got %q, %v from the first cluster, want a", got.GetValue(), err)
	}
}

func TestAnUnknownOutcomeIsNotRetried(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	for name, err := range map[string]error{
		"LEADERSHIP_LOST": clienttest.Error(codes.Unavailable, "LEADERSHIP_LOST", "unknown", "lost leadership"),
		"no details":      errors.New("connection broke"),
	} {
		before := c.AllCalls("Set")
		c.After(func(_ int, method string) error {
			if method == "Set" {
				return err
			}
			return nil
		})
		_, got := cl.Set(ctx, "k", nil)
		if client.Outcome(got) != client.Unknown {
			t.Errorf("%s: outcome of %v is %s, want unknown", name, got, client.Outcome(got))
		}
		if n := c.AllCalls("Set") - before; n != 1 {
			t.Errorf("%s: sent %d times, want once", name, n)
		}
	}
}

func TestABrokenConnectionIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	set(t, ctx, cl, "k", "v")
	arrived, release := make(chan struct{}), make(chan struct{})
	c.Before(func(_ int, method string) error {
		if method == "Set" {
			close(arrived)
			<-release
		}
		return nil
	})
	done := make(chan error, 1)
	go func() {
		_, err := cl.Set(ctx, "k", nil)
		done <- err
	}()
	<-arrived
	c.Stop(0)
	err := <-done
	close(release)
	if err == nil || client.Outcome(err) != client.Unknown {
		t.Errorf("got %v, %s; want an unknown outcome", err, client.Outcome(err))
	}
	if got := c.AllCalls("Set"); got != 2 {
		t.Errorf("sent %d times, want 2: the second is not repeated", got)
	}
}

func TestADefiniteUnavailableIsRetried(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	c.Lead(clienttest.NoLeader)
	c.Before(func(_ int, method string) error {
		if c.AllCalls("Set") >= 4 && method == "Set" {
			c.Lead(1)
		}
		return nil
	})
	set(t, ctx, cl, "k", "v")
	if got := c.AllCalls("Set"); got < 4 {
		t.Errorf("sent %d times, want at least 4", got)
	}
}

func TestADefiniteErrorOfAnotherKindIsReturned(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	c.Before(func(_ int, method string) error {
		if method == "Set" {
			return clienttest.Error(codes.ResourceExhausted, "BUSY", "definite", "too much at once")
		}
		return nil
	})
	_, err := cl.Set(ctx, "k", nil)
	if client.Reason(err) != "BUSY" || client.Outcome(err) != client.Definite || c.AllCalls("Set") != 1 {
		t.Errorf("got %v after %d attempts, want BUSY, definite, after one", err, c.AllCalls("Set"))
	}
}

func TestAWriteThatNeverLeftIsDefinite(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	c.Stop(0)
	cl, _ := connect(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := cl.Set(ctx, "k", nil)
	if !errors.Is(err, client.ErrNotSent) || client.Outcome(err) != client.Definite {
		t.Errorf("got %v, %s; want ErrNotSent, definite", err, client.Outcome(err))
	}
}

func TestACallAtAServerGoesNowhereElse(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	set(t, ctx, cl, "k", "v")
	for _, at := range []string{"n1", c.Addr(0)} {
		got, err := cl.Get(ctx, "k", client.AtServer(at))
		if err != nil || got.GetHeader().GetServerId() != "n1" {
			t.Errorf("at %s: answered by %s, %v", at, got.GetHeader().GetServerId(), err)
		}
	}
	_, err := cl.Get(ctx, "k", client.AtServer("n9"))
	if !errors.Is(err, client.ErrNoSuchServer) || client.Outcome(err) != client.Definite {
		t.Errorf("at a stranger: %v", err)
	}
	c.Stop(1)
	if _, err = cl.Get(ctx, "k", client.AtServer("n2")); err == nil {
		t.Error("a stopped server answered")
	}
}

func TestListYieldsTheKeysInOrderAndMayBeLeft(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	for _, key := range []string{"b/2", "a", "b/1", "b/3"} {
		set(t, ctx, cl, key, "v")
	}
	list := func(req *kvorumv1.ListRequest, most int) string {
		var keys []string
		for entry, err := range cl.List(ctx, req) {
			if err != nil {
				t.Fatal(err)
			}
			if keys = append(keys, entry.GetKey()); len(keys) == most {
				break
			}
		}
		return strings.Join(keys, " ")
	}
	if got := list(&kvorumv1.ListRequest{Prefix: "b/"}, 9); got != "b/1 b/2 b/3" {
		t.Errorf("got %s", got)
	}
	if got := list(&kvorumv1.ListRequest{}, 1); got != "a" {
		t.Errorf("left after one: got %s", got)
	}
	if got := list(&kvorumv1.ListRequest{Prefix: "none"}, 9); got != "" {
		t.Errorf("no keys: got %s", got)
	}
}

func TestListIsRetriedUntilItsFirstKey(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 2)
	cl, ctx := connect(t, c)
	set(t, ctx, cl, "k", "v")
	c.Before(func(_ int, method string) error {
		if method == "List" && c.AllCalls("List") < 3 {
			return clienttest.ErrNoLeader()
		}
		return nil
	})
	for _, err := range cl.List(ctx, &kvorumv1.ListRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := c.AllCalls("List"); got != 3 {
		t.Errorf("asked %d times, want 3", got)
	}
}

func TestReadOptionsReachTheServer(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	set(t, ctx, cl, "k", "v")
	opts := []client.CallOption{client.Bounded(3 * time.Second), client.MinRevision(7)}
	if _, err := cl.Get(ctx, "k", opts...); err != nil {
		t.Fatal(err)
	}
	for _, err := range cl.List(ctx, &kvorumv1.ListRequest{}, opts...) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, read := range map[string]*kvorumv1.ReadOptions{
		"Get":  c.Requests("Get")[0].(*kvorumv1.GetRequest).GetRead(),
		"List": c.Requests("List")[0].(*kvorumv1.ListRequest).GetRead(),
	} {
		if read.GetConsistency() != kvorumv1.Consistency_CONSISTENCY_BOUNDED || read.GetMaxStaleness().AsDuration() != 3*time.Second ||
			read.GetMinRevision() != 7 {
			t.Errorf("%s: got %v", name, read)
		}
	}
}

func TestNewRefusesAnAddressWithoutAPort(t *testing.T) {
	t.Parallel()
	for _, servers := range [][]string{nil, {"localhost"}, {"127.0.0.1:1", ""}} {
		if cl, err := client.New(servers); err == nil {
			cl.Close()
			t.Errorf("%q was accepted", servers)
		}
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	c := clienttest.Start(t, 3) // not parallel: it counts goroutines
	began := runtime.NumGoroutine()
	for range 3 {
		cl, ctx := connect(t, c)
		learn(t, ctx, c, cl)
		if err := cl.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	eventually(t, ctx, func() bool { return runtime.NumGoroutine() <= began })
}
