package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
	"kvorum/rpc/client/clienttest"
)

type watchStream = grpc.ServerStreamingServer[kvorumv1.WatchResponse]

const progress = kvorumv1.WatchResponse_KIND_PROGRESS

func change(revision uint64, key string) *kvorumv1.WatchResponse {
	return &kvorumv1.WatchResponse{Kind: kvorumv1.WatchResponse_KIND_SET, Key: key, Revision: revision}
}

func upTo(revision uint64) *kvorumv1.WatchResponse {
	return &kvorumv1.WatchResponse{Kind: progress, Revision: revision}
}

// sends makes a server's side of a watch: some messages, and how it ends.
func sends(end error, messages ...*kvorumv1.WatchResponse) func(watchStream) error {
	return func(stream watchStream) error {
		for _, m := range messages {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		return end
	}
}

// serveInTurn serves the n'th watch, at whichever server, by the n'th of serve.
func serveInTurn(c *clienttest.Cluster, serve ...func(watchStream) error) {
	turns := make(chan func(watchStream) error, len(serve)) // all of them
	for _, s := range serve {
		turns <- s
	}
	close(turns)
	c.ServeWatch(func(_ int, _ *kvorumv1.WatchRequest, stream watchStream) error {
		if s, ok := <-turns; ok {
			return s(stream)
		}
		return compacted()
	})
}

func compacted() error {
	return clienttest.Error(codes.OutOfRange, "COMPACTED", "definite", "revision 1 is gone")
}

var errBroken = status.Error(codes.Unavailable, "the connection broke")

// read is what a watch yields: changes as key@revision, progress as @revision.
func read(watch iter.Seq2[*kvorumv1.WatchResponse, error]) (got string, err error) {
	var words []string
	for m, err := range watch {
		if err != nil {
			return strings.Join(words, " "), err
		}
		words = append(words, fmt.Sprintf("%s@%d", m.GetKey(), m.GetRevision()))
	}
	return strings.Join(words, " "), nil
}

// begun are the revisions from which the servers were asked to begin.
func begun(c *clienttest.Cluster) (from []uint64) {
	for _, req := range c.Requests("Watch") {
		from = append(from, req.(*kvorumv1.WatchRequest).GetFromRevision())
	}
	return from
}

func TestAWatchGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from  uint64
		serve []func(watchStream) error
		want  string
		begun []uint64
	}{
		"in a revision": {
			from: 1,
			serve: []func(watchStream) error{
				sends(errBroken, change(3, "a"), change(4, "a"), change(4, "b")),
				sends(errBroken, change(4, "a")),
				sends(errBroken, change(4, "a"), change(4, "b"), change(4, "c"), change(5, "a")),
			},
			want:  "a@3 a@4 b@4 c@4 a@5",
			begun: []uint64{1, 4, 4, 5},
		},
		"after progress": {
			from: 0,
			serve: []func(watchStream) error{
				sends(errBroken, upTo(7)),
				sends(nil, upTo(7), change(8, "a"), upTo(9)),
				sends(errBroken, upTo(9), upTo(12), change(13, "a")),
			},
			want:  "@7 a@8 @9 @12 a@13",
			begun: []uint64{0, 8, 10, 13},
		},
		"before it is there": {
			from: 50,
			serve: []func(watchStream) error{
				sends(errBroken, upTo(7)),
				sends(errBroken, upTo(8), change(51, "a")),
			},
			want:  "@7 a@51",
			begun: []uint64{50, 50, 51},
		},
		"from now, if it never began": {
			from:  0,
			serve: []func(watchStream) error{sends(errBroken), sends(clienttest.ErrNoLeader()), sends(errBroken, change(9, "a"))},
			want:  "a@9",
			begun: []uint64{0, 0, 0, 9},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clienttest.Start(t, 1)
			serveInTurn(c, tt.serve...)
			cl, ctx := connect(t, c)
			got, err := read(cl.Watch(ctx, &kvorumv1.WatchRequest{Key: "k", FromRevision: tt.from}))
			if got != tt.want || !client.IsCompacted(err) {
				t.Errorf("got %s, %v, want %s and that the next revision is compacted", got, err, tt.want)
			}
			if from := begun(c); !slices.Equal(from[:len(tt.begun)], tt.begun) {
				t.Errorf("the servers were asked from %v, want %v first", from, tt.begun)
			}
		})
	}
}

func TestAWatchGoesToAServerThatHoldsMore(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	c.ServeWatch(func(server int, req *kvorumv1.WatchRequest, stream watchStream) error {
		if server != 0 || req.GetFromRevision() > 5 { // followers are asked first
			return compacted()
		}
		return sends(compacted(), change(5, "a"), upTo(5))(stream)
	})
	got, err := read(cl.Watch(ctx, &kvorumv1.WatchRequest{FromRevision: 5}))
	if want := "a@5 @5"; got != want || !client.IsCompacted(err) {
		t.Errorf("got %s, %v, want %s, and that what follows is compacted", got, err, want)
	}
	for i := range 3 {
		if c.Calls(i, "Watch") == 0 {
			t.Errorf("%s was not asked", clienttest.Name(i))
		}
	}
}

func TestAWatchOfOneServerStaysThere(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	for _, end := range []error{errBroken, compacted()} {
		c.ServeWatch(func(_ int, _ *kvorumv1.WatchRequest, stream watchStream) error {
			return sends(end, change(1, "a"))(stream)
		})
		before := c.AllCalls("Watch")
		got, err := read(cl.Watch(ctx, &kvorumv1.WatchRequest{}, client.AtServer("n2")))
		if got != "a@1" || status.Code(err) != status.Code(end) || c.AllCalls("Watch") != before+1 {
			t.Errorf("got %s, %v after %d calls, want a@1, %v and one", got, err, c.AllCalls("Watch")-before, end)
		}
	}
	if c.Calls(1, "Watch") != 2 {
		t.Error("another server was asked")
	}
}

func TestAWatchEndsWithItsCallerOrItsContext(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	ended := make(chan error, 2) // both watches
	c.ServeWatch(func(_ int, _ *kvorumv1.WatchRequest, stream watchStream) error {
		err := sends(nil, upTo(1))(stream)
		<-stream.Context().Done()
		ended <- err
		return err
	})
	for range cl.Watch(ctx, &kvorumv1.WatchRequest{}) {
		break
	}
	ending, end := context.WithCancel(ctx)
	defer end()
	var last error
	for _, err := range cl.Watch(ending, &kvorumv1.WatchRequest{}) {
		end()
		last = err
	}
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Error(err)
	}
	if status.Code(last) != codes.Canceled || ctx.Err() != nil {
		t.Errorf("got %v, want that it was cancelled, and %v, want that no deadline was needed", last, ctx.Err())
	}
}
