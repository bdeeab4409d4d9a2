package client_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/rpc/client"
	"kvorum/rpc/client/clienttest"
)

// pauseLeader lets the leader, n1, answer nothing any more. Another leads once it has
// been sent a write.
func pauseLeader(ctx context.Context, c *clienttest.Cluster) {
	c.Before(func(server int, method string) error {
		if server == 0 {
			if method == "Set" {
				c.Lead(1)
			}
			<-ctx.Done()
		}
		return nil
	})
}

func TestAWriteEndsAsUnknownOnceAnotherServerLeads(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	pauseLeader(ctx, c)
	_, err := cl.Set(ctx, "k", []byte("v"))
	if ctx.Err() != nil || status.Code(err) != codes.Unavailable || client.Outcome(err) != client.Unknown {
		t.Errorf("got %v, of %s outcome, before the context ended: %v", err, client.Outcome(err), ctx.Err() == nil)
	}
	if n := c.AllCalls("Set"); n != 1 {
		t.Errorf("it was sent %d times, want once", n)
	}
	set(t, ctx, cl, "k", "w") // the client knows where to
}

func TestASessionsWriteMovesToTheServerThatLeads(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	session, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pauseLeader(ctx, c)
	if _, err := session.Set(ctx, "k", []byte("v")); err != nil || c.Calls(0, "Set") != 1 || c.Calls(1, "Set") != 1 {
		t.Errorf("got %v after %d calls at the old leader and %d at the new one, want one each", err, c.Calls(0, "Set"), c.Calls(1, "Set"))
	}
}
