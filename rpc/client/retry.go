package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

const (
	firstBackoff = 20 * time.Millisecond
	lastBackoff  = 100 * time.Millisecond // elections take a tenth of a second to a second: do not oversleep their end
	// An attempt of a call that may be repeated is given up after this long, and
	// twice as long each time, because a paused server answers nothing.
	firstAttempt = 2 * time.Second
	lastAttempt  = time.Minute
	// After this long without an answer from the leader, and again each time, the
	// client asks the others who leads. If that is another server, it waits as long
	// once more: a leader that handed over on purpose answers what it had accepted.
	slowWrite = 150 * time.Millisecond
	// A write that had no effect is not sent again with less time than this to the end
	// of its context, which would cut that attempt off and leave its outcome unknown.
	tooLate = 2 * lastBackoff
)

// call is how one call travels: where to, and how often.
type call struct {
	kind   kind
	prefer rank                  // where the first attempt goes, if it can
	server string                // the only one to ask; empty: any
	stream bool                  // its answer may take any time
	read   *kvorumv1.ReadOptions // of Get and List
}

// kind is what sending a call twice may do.
type kind int

const (
	read  kind = iota // nothing
	once              // nothing more than sending it once: the session sees to it
	write             // it may take effect twice
)

// A CallOption changes how one call is made.
type CallOption func(*call)

// AtServer sends the call to one server, given by name or address, and to no
// other. It is tried once, and fails at once if that server cannot be reached.
func AtServer(server string) CallOption {
	return func(c *call) { c.server = server }
}

func newCall(c call, opts []CallOption) call {
	c.read = &kvorumv1.ReadOptions{}
	for _, o := range opts {
		o(&c)
	}
	return c
}

func readCall(opts []CallOption) call  { return newCall(call{kind: read, prefer: follower}, opts) }
func onceCall(opts []CallOption) call  { return newCall(call{kind: once, prefer: leader}, opts) }
func writeCall(opts []CallOption) call { return newCall(call{kind: write, prefer: leader}, opts) }

// unary makes one call of a method that takes a message and answers with one.
func unary[Req, Resp any](
	ctx context.Context, c *Client, k call, req *Req,
	method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error),
) (resp *Resp, err error) {
	err = c.retry(ctx, k, func(ctx context.Context) error {
		resp, err = method(ctx, req, grpc.WaitForReady(k.server == ""))
		return err
	})
	return resp, err
}

// openStream returns the stream of a read and what it begins with, or io.EOF if
// that is nothing.
func openStream[Req, Resp any](
	ctx context.Context, c *Client, opts []CallOption, req *Req,
	method func(context.Context, *Req, ...grpc.CallOption) (grpc.ServerStreamingClient[Resp], error),
) (stream grpc.ServerStreamingClient[Resp], first *Resp, err error) {
	k := readCall(opts)
	k.stream = true
	err = c.retry(ctx, k, func(ctx context.Context) (err error) {
		if stream, err = method(ctx, req, grpc.WaitForReady(k.server == "")); err != nil {
			return err
		}
		first, err = stream.Recv()
		return err
	})
	return stream, first, err
}

// retry sends until the call succeeds or may not be sent again. The package
// comment states the policy.
func (c *Client) retry(ctx context.Context, k call, send func(context.Context) error) error {
	uncertain := false // an earlier attempt may have taken effect
	for attempt := 0; ; attempt++ {
		err := c.attempt(ctx, k, attempt, send)
		if err == nil {
			return nil
		}
		if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded {
			c.members.refreshSoon()
		}
		again := k.mayRepeat(ctx, err)
		if again {
			pause(ctx, backoffAfter(attempt), nil)
		}
		if !again || ctx.Err() != nil {
			return k.final(err, uncertain)
		}
		uncertain = uncertain || Outcome(err) == Unknown
		if !errors.Is(err, errDeposed) {
			k.prefer = anyServer // because where it is served best may be the trouble
		}
	}
}

// attempt sends once: number n, from 0.
func (c *Client) attempt(ctx context.Context, k call, n int, send func(context.Context) error) error {
	t := &trip{prefer: k.prefer, server: k.server}
	if k.kind != write && !k.stream {
		limited, cancel := context.WithTimeout(ctx, doubled(firstAttempt, n, lastAttempt))
		defer cancel()
		ctx = limited
	}
	if t.prefer == leader {
		replaceable, end := context.WithCancelCause(ctx)
		defer end(nil)
		defer time.AfterFunc(slowWrite, func() { c.members.awaitSuccessor(replaceable, t, end) }).Stop()
		ctx = replaceable
	}
	err := send(withTrip(ctx, t))
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errDeposed):
		return errDeposed
	case err == nil || t.sent.Load():
		return err
	case t.stranger.Load():
		return fmt.Errorf("%w: %s", ErrNoSuchServer, k.server)
	}
	return fmt.Errorf("%w: %w", ErrNotSent, err)
}

// errDeposed is of unknown outcome.
var errDeposed = status.Error(codes.Unavailable, "the leader has not answered, and another server leads now: the request may or may not take effect")

// awaitSuccessor ends an attempt that the leader does not answer, as it cannot while
// it is paused or cut off, once another server leads.
func (m *members) awaitSuccessor(ctx context.Context, t *trip, end context.CancelCauseFunc) {
	for deposed := false; ctx.Err() == nil; pause(ctx, slowWrite, nil) {
		if deposed {
			end(errDeposed)
			return
		}
		asked, leads := t.leader.Load(), m.leader.Load()
		deposed = asked != nil && leads != asked && leads != ""
		m.refreshSoon()
	}
}

// mayRepeat is the policy: a definite "unavailable" may be tried again by all,
// an unknown outcome only by calls for which once is as good as twice. The
// end of an attempt's own time, with time left to the call, counts as unavailable.
func (k call) mayRepeat(ctx context.Context, err error) bool {
	if k.server != "" || ctx.Err() != nil {
		return false
	}
	if end, ends := ctx.Deadline(); ends && k.kind != read && Outcome(err) == Definite && time.Until(end) < tooLate {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable:
		return k.kind != write || Outcome(err) == Definite
	case codes.DeadlineExceeded:
		return k.kind != write
	}
	return false
}

// final is the error the caller sees: the last one, unless an earlier attempt
// of a session's write leaves more doubt than that one does.
func (k call) final(err error, uncertain bool) error {
	if uncertain && k.kind == once && Outcome(err) == Definite {
		return fmt.Errorf("%w: %w", ErrEarlierAttempt, err)
	}
	return err
}

// backoffAfter draws the wait before the next attempt: full jitter, so that
// clients that failed together do not come back together.
func backoffAfter(attempt int) time.Duration {
	return rand.N(doubled(firstBackoff, attempt, lastBackoff)) + time.Millisecond
}

// doubled is d doubled n times, but at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}
