package client

import (
	"context"
	"slices"
	"sync"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// A Session makes writes exactly-once (thesis §6.3): each carries a sequence
// number, the cluster applies a number once and answers it the same each
// time, so a write whose outcome is unknown is safely sent again. A session that
// is not used for long expires: its writes then fail with reason
// SESSION_EXPIRED. It is safe for concurrent use.
type Session struct {
	client *Client
	id     uint64

	// Callers on many goroutines number their writes here; there is no goroutine
	// that could own the numbers instead.
	mu          sync.Mutex
	last        uint64   // the last sequence number given out
	outstanding []uint64 // those whose calls have not returned, ascending
}

// OpenSession registers a session with the cluster. One that is opened twice
// because an answer was lost expires by itself, so this is retried like a read.
func (c *Client) OpenSession(ctx context.Context) (*Session, error) {
	resp, err := unary(ctx, c, onceCall(nil), &kvorumv1.OpenSessionRequest{}, c.kv.OpenSession)
	if err != nil {
		return nil, err
	}
	return &Session{client: c, id: resp.GetSessionId()}, nil
}

// Close forgets the session in the cluster. Its writes must have returned.
func (s *Session) Close(ctx context.Context) error {
	req := &kvorumv1.CloseSessionRequest{SessionId: s.id}
	_, err := unary(ctx, s.client, onceCall(nil), req, s.client.kv.CloseSession)
	if Reason(err) == "SESSION_EXPIRED" {
		return nil // gone, which is all that was asked for
	}
	return err
}

// Set is [Client.Set], exactly once.
func (s *Session) Set(ctx context.Context, key string, value []byte, opts ...CallOption) (*kvorumv1.SetResponse, error) {
	once := s.begin()
	defer s.end(once)
	return unary(ctx, s.client, onceCall(opts), &kvorumv1.SetRequest{Key: key, Value: value, Once: once}, s.client.kv.Set)
}

// Delete is [Client.Delete], exactly once.
func (s *Session) Delete(ctx context.Context, key string, opts ...CallOption) (*kvorumv1.DeleteResponse, error) {
	once := s.begin()
	defer s.end(once)
	return unary(ctx, s.client, onceCall(opts), &kvorumv1.DeleteRequest{Key: key, Once: once}, s.client.kv.Delete)
}

// CompareAndSet is [Client.CompareAndSet], exactly once.
func (s *Session) CompareAndSet(
	ctx context.Context, key string, expected *kvorumv1.Expected, value []byte, opts ...CallOption,
) (*kvorumv1.CompareAndSetResponse, error) {
	once := s.begin()
	defer s.end(once)
	req := &kvorumv1.CompareAndSetRequest{Key: key, Expected: expected, Value: value, Once: once}
	return unary(ctx, s.client, onceCall(opts), req, s.client.kv.CompareAndSet)
}

// begin numbers a write. Everything below the oldest outstanding number will not
// be sent again, so the cluster may forget those answers.
func (s *Session) begin() *kvorumv1.Once {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.outstanding = append(s.outstanding, s.last)
	return &kvorumv1.Once{SessionId: s.id, Sequence: s.last, FirstUnacked: s.outstanding[0]}
}

func (s *Session) end(once *kvorumv1.Once) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.outstanding, once.GetSequence())
	s.outstanding = slices.Delete(s.outstanding, i, i+1)
}
