package client

import (
	"context"
	"fmt"
	"slices"
	"sync"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// A Session makes writes exactly-once (thesis §6.3): each carries a sequence
// number, the cluster applies a number once and answers it the same each
// time, so a write whose outcome is unknown is safely sent again. A session that
// is not used for long expires: its writes then fail with reason
// SESSION_EXPIRED. It is safe for concurrent use; a write waits as long as the
// 256th before it has no answer, and fails with [ErrNotSent] if its context ends
// meanwhile.
type Session struct {
	client *Client
	id     uint64

	// Callers on many goroutines number their writes here; there is no goroutine
	// that could own the numbers instead.
	mu          sync.Mutex
	last        uint64        // the last sequence number given out
	outstanding []uint64      // those whose calls have not returned, ascending
	moved       chan struct{} // closed, and replaced, when outstanding[0] returns
}

// window is how many sequence numbers may be in use at a time, from the oldest
// outstanding one on: the cluster keeps no more answers than that (kv.MaxReplies).
const window = 256

// OpenSession registers a session with the cluster. One that is opened twice
// because an answer was lost expires by itself, so this is retried like a read.
func (c *Client) OpenSession(ctx context.Context) (*Session, error) {
	resp, err := unary(ctx, c, onceCall(nil), &kvorumv1.OpenSessionRequest{}, c.kv.OpenSession)
	if err != nil {
		return nil, err
	}
	return &Session{client: c, id: resp.GetSessionId(), moved: make(chan struct{})}, nil
}

// Close forgets the session in the cluster; one that has expired is no error. Its
// writes must have returned.
func (s *Session) Close(ctx context.Context) error {
	req := &kvorumv1.CloseSessionRequest{SessionId: s.id}
	_, err := unary(ctx, s.client, onceCall(nil), req, s.client.kv.CloseSession)
	return err
}

// Set is [Client.Set], exactly once.
func (s *Session) Set(ctx context.Context, key string, value []byte, opts ...CallOption) (*kvorumv1.SetResponse, error) {
	once, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.end(once)
	return unary(ctx, s.client, onceCall(opts), &kvorumv1.SetRequest{Key: key, Value: value, Once: once}, s.client.kv.Set)
}

// Delete is [Client.Delete], exactly once.
func (s *Session) Delete(ctx context.Context, key string, opts ...CallOption) (*kvorumv1.DeleteResponse, error) {
	once, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.end(once)
	return unary(ctx, s.client, onceCall(opts), &kvorumv1.DeleteRequest{Key: key, Once: once}, s.client.kv.Delete)
}

// CompareAndSet is [Client.CompareAndSet], exactly once.
func (s *Session) CompareAndSet(
	ctx context.Context, key string, expected *kvorumv1.Expected, value []byte, opts ...CallOption,
) (*kvorumv1.CompareAndSetResponse, error) {
	once, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.end(once)
	req := &kvorumv1.CompareAndSetRequest{Key: key, Expected: expected, Value: value, Once: once}
	return unary(ctx, s.client, onceCall(opts), req, s.client.kv.CompareAndSet)
}

// begin numbers a write, once there is a number to be had. Everything below the
// oldest outstanding number will not be sent again, so the cluster may forget
// those answers.
func (s *Session) begin(ctx context.Context) (*kvorumv1.Once, error) {
	for {
		once, moved := s.number()
		if once != nil {
			return once, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: too many of the session's writes are under way: %w", ErrNotSent, ctx.Err())
		}
	}
}

// number returns the next number, or when to ask again.
func (s *Session) number() (once *kvorumv1.Once, moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.outstanding) > 0 && s.last-s.outstanding[0] >= window-1 {
		return nil, s.moved
	}
	s.last++
	s.outstanding = append(s.outstanding, s.last)
	return &kvorumv1.Once{SessionId: s.id, Sequence: s.last, FirstUnacked: s.outstanding[0]}, nil
}

func (s *Session) end(once *kvorumv1.Once) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.outstanding, once.GetSequence())
	s.outstanding = slices.Delete(s.outstanding, i, i+1)
	if i == 0 {
		close(s.moved)
		s.moved = make(chan struct{})
	}
}
