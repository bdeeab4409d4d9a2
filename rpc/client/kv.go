package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// WithConsistency asks for a read's guarantee; the default is linearizable.
// For CONSISTENCY_BOUNDED use [Bounded].
func WithConsistency(c kvorumv1.Consistency) CallOption {
	return func(k *call) { k.read.Consistency = c }
}

// Bounded lets a read be answered from a server's own state if that is not
// older than maxStaleness; otherwise it fails with reason TOO_STALE.
func Bounded(maxStaleness time.Duration) CallOption {
	return func(k *call) {
		k.read.Consistency = kvorumv1.Consistency_CONSISTENCY_BOUNDED
		k.read.MaxStaleness = durationpb.New(maxStaleness)
	}
}

// MinRevision makes a read wait until its server has applied the given
// revision, so that even a stale read sees an earlier write of one's own.
func MinRevision(revision uint64) CallOption {
	return func(k *call) { k.read.MinRevision = revision }
}

// Get reads one key. A key that does not exist is an error that
// [IsKeyNotFound] recognizes.
func (c *Client) Get(ctx context.Context, key string, opts ...CallOption) (*kvorumv1.GetResponse, error) {
	k := readCall(opts)
	return unary(ctx, c, k, &kvorumv1.GetRequest{Key: key, Read: k.read}, c.kv.Get)
}

// List reads the keys that the request selects, in key order, as one atomic
// view. The request's read options are taken from opts. It is retried until its
// first key has arrived; an error after that is yielded and ends the iteration.
func (c *Client) List(ctx context.Context, req *kvorumv1.ListRequest, opts ...CallOption) iter.Seq2[*kvorumv1.GetResponse, error] {
	return func(yield func(*kvorumv1.GetResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // a caller that stops early ends the stream
		req := proto.CloneOf(req)
		req.Read = readCall(opts).read
		stream, entry, err := openStream(ctx, c, opts, req, c.kv.List)
		for err == nil {
			if !yield(entry, nil) {
				return
			}
			entry, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// Set writes one key. Without an error the write is durable on a majority.
func (c *Client) Set(ctx context.Context, key string, value []byte, opts ...CallOption) (*kvorumv1.SetResponse, error) {
	return unary(ctx, c, writeCall(opts), &kvorumv1.SetRequest{Key: key, Value: value}, c.kv.Set)
}

// Delete removes one key. Removing a key that does not exist is no error: the
// answer says whether it existed.
func (c *Client) Delete(ctx context.Context, key string, opts ...CallOption) (*kvorumv1.DeleteResponse, error) {
	return unary(ctx, c, writeCall(opts), &kvorumv1.DeleteRequest{Key: key}, c.kv.Delete)
}

// CompareAndSet writes a key if its present state is the expected one:
// [Absent], [HasValue] or [AtRevision]. A mismatch is no error: the answer says
// whether it was swapped and, if not, what is there.
func (c *Client) CompareAndSet(
	ctx context.Context, key string, expected *kvorumv1.Expected, value []byte, opts ...CallOption,
) (*kvorumv1.CompareAndSetResponse, error) {
	req := &kvorumv1.CompareAndSetRequest{Key: key, Expected: expected, Value: value}
	return unary(ctx, c, writeCall(opts), req, c.kv.CompareAndSet)
}

// Absent expects that the key does not exist.
func Absent() *kvorumv1.Expected {
	return &kvorumv1.Expected{State: &kvorumv1.Expected_Absent{Absent: true}}
}

// HasValue expects that the key holds value.
func HasValue(value []byte) *kvorumv1.Expected {
	return &kvorumv1.Expected{State: &kvorumv1.Expected_Value{Value: value}}
}

// AtRevision expects that the key was last written at revision.
func AtRevision(revision uint64) *kvorumv1.Expected {
	return &kvorumv1.Expected{State: &kvorumv1.Expected_Revision{Revision: revision}}
}
