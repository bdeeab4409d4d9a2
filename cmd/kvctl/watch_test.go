package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client/clienttest"
)

// serveWatch serves watches with these messages, and then with an error. If that is
// nil, they last until the client goes away.
func serveWatch(c *clienttest.Cluster, end error, messages ...*kvorumv1.WatchResponse) {
	c.ServeWatch(func(_ int, _ *kvorumv1.WatchRequest, stream grpc.ServerStreamingServer[kvorumv1.WatchResponse]) error {
		for _, m := range messages {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		if end == nil {
			<-stream.Context().Done()
		}
		return end
	})
}

var watched = []*kvorumv1.WatchResponse{
	{Kind: kvorumv1.WatchResponse_KIND_PROGRESS, Revision: 6},
	{Kind: kvorumv1.WatchResponse_KIND_SET, Key: "a", Value: []byte("1"), Revision: 7},
	{Kind: kvorumv1.WatchResponse_KIND_SET, Key: "b\n", Value: []byte("\xff"), Revision: 8},
	{Kind: kvorumv1.WatchResponse_KIND_SET, Key: "c", Revision: 8},
	{Kind: kvorumv1.WatchResponse_KIND_DELETE, Key: "a", Revision: 9},
	{Kind: kvorumv1.WatchResponse_KIND_EXPIRE, Key: "c", Revision: 10},
}

func TestWatchPrintsChangesUntilTheyAreGone(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	gone := clienttest.Error(codes.OutOfRange, "COMPACTED", "definite", "they begin after revision 99")
	serveWatch(c, gone, watched...)
	lost := "kvctl: watch after revision 10: they begin after revision 99 (COMPACTED); " +
		"what has happened since is lost: watch again without --from, and look at kvctl list\n"
	for line, want := range map[string]string{
		"watch --server n1": "7\tset\ta\t1\n8\tset\t\"b\\n\"\t\"\\xff\"\n8\tset\tc\t\n9\tdelete\ta\n10\texpire\tc\n",
		"watch --server n1 --output json": `{"kind":"progress","revision":6}
{"kind":"set","key":"a","value":"1","revision":7}
{"kind":"set","key":"b\n","value_base64":"/w==","revision":8}
{"kind":"set","key":"c","value":"","revision":8}
{"kind":"delete","key":"a","revision":9}
{"kind":"expire","key":"c","revision":10}
`,
	} {
		if got := at(t, c, "", strings.Fields(line)...); got != (result{exitFailed, want, lost}) {
			t.Errorf("%s: got %+v, want %q and %q", line, got, want, lost)
		}
	}
}

// interrupting ends a command when it prints something.
type interrupting struct {
	bytes.Buffer
	interrupt func()
}

func (w *interrupting) Write(b []byte) (int, error) {
	w.interrupt()
	return w.Buffer.Write(b)
}

func TestWatchLastsUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	serveWatch(c, nil, watched[:2]...)
	ctx, cancel := context.WithCancel(t.Context())
	stdout, stderr := interrupting{interrupt: cancel}, bytes.Buffer{}
	code := run(ctx, []string{"watch", "--servers", c.Addr(0)}, nil, &stdout, &stderr)
	if code != exitDone || stdout.String() != "7\tset\ta\t1\n" || stderr.Len() > 0 {
		t.Errorf("got exit code %d, %q and %q", code, &stdout.Buffer, &stderr)
	}
}

func TestWatchSaysThatNothingAnswers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	serveWatch(c, nil)
	got := at(t, c, "", "watch", "--timeout", "100ms")
	if got.code != exitFailed || !strings.HasPrefix(got.stderr, "kvctl: watch: no answer within 100ms; ") {
		t.Errorf("got %+v", got)
	}
}

func TestWatchAsksForWhatItIsTold(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	serveWatch(c, clienttest.Error(codes.OutOfRange, "COMPACTED", "definite", ""))
	for line, want := range map[string]*kvorumv1.WatchRequest{
		"watch":                          {},
		"watch users/ --from 7":          {Prefix: "users/", FromRevision: 7},
		"watch --key users/eve --from 1": {Key: "users/eve", FromRevision: 1},
	} {
		before := len(c.Requests("Watch"))
		at(t, c, "", strings.Fields(line)...)
		got := c.Requests("Watch")[before].(*kvorumv1.WatchRequest)
		if got.GetPrefix() != want.GetPrefix() || got.GetKey() != want.GetKey() || got.GetFromRevision() != want.GetFromRevision() {
			t.Errorf("%s: asked for %v, want %v", line, got, want)
		}
	}
	if got := at(t, c, "", "watch", "users/", "--key", "users/eve"); got.code != exitUsage {
		t.Errorf("a prefix and a key: got %+v", got)
	}
}
