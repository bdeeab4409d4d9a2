package rpc

import (
	"context"
	"fmt"
	"sync"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

// prepareRead returns once a read of the local state gives what opts asks for.
func (s *Server) prepareRead(ctx context.Context, opts *kvorumv1.ReadOptions) error {
	var err error
	switch opts.GetConsistency() {
	case kvorumv1.Consistency_CONSISTENCY_UNSPECIFIED, kvorumv1.Consistency_CONSISTENCY_LINEARIZABLE,
		kvorumv1.Consistency_CONSISTENCY_LEASE: // no lease yet: it gets more than it asked for
		err = s.barrier(ctx)
	case kvorumv1.Consistency_CONSISTENCY_BOUNDED:
		err = s.awaitFreshness(ctx, opts)
	case kvorumv1.Consistency_CONSISTENCY_STALE:
	default:
		err = fmt.Errorf("%w: consistency %d", errInvalidRequest, opts.GetConsistency())
	}
	if err != nil || opts.GetMinRevision() == 0 {
		return err
	}
	return s.node.WaitApplied(ctx, raft.Index(opts.GetMinRevision()))
}

// freshness remembers how fresh the local state is known to be.
type freshness struct {
	mu   sync.Mutex // guards asOf: every read of this server takes part
	asOf time.Time  // what had completed before this is in the local state
}

func (f *freshness) age() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.asOf)
}

func (f *freshness) advance(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.After(f.asOf) {
		f.asOf = t
	}
}

// barrier returns once the local state reflects all that completed before the
// call. That is as of when the call began, not when it returned.
func (s *Server) barrier(ctx context.Context) error {
	began := time.Now()
	if _, err := s.node.Barrier(ctx); err != nil {
		return err
	}
	s.fresh.advance(began)
	return nil
}

// boundedPatience is how long a bounded read tries to become fresh enough.
const boundedPatience = time.Second

// awaitFreshness returns once the local state is fresh enough for a bounded read.
func (s *Server) awaitFreshness(ctx context.Context, opts *kvorumv1.ReadOptions) error {
	limit := opts.GetMaxStaleness()
	if limit == nil || limit.CheckValid() != nil || limit.AsDuration() <= 0 {
		return fmt.Errorf("%w: a bounded read needs a positive max_staleness", errInvalidRequest)
	}
	if s.fresh.age() <= limit.AsDuration() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, boundedPatience)
	defer cancel()
	if err := s.barrier(ctx); err != nil {
		return fmt.Errorf("%w: %v", errTooStale, err)
	}
	return nil
}

// header describes the answer. It is made after the read, so that its revision
// is no older than what was read.
func (s *Server) header() *kvorumv1.Header {
	return &kvorumv1.Header{
		ClusterId: s.identity.ClusterID(),
		ServerId:  node.Name(s.identity.id),
		Term:      uint64(s.node.Leadership().Term),
		Revision:  uint64(max(s.store.Revision(), s.node.Applied())),
	}
}

// requestTimeout bounds a request whose client set no deadline.
const requestTimeout = 10 * time.Second

func boundedContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, requestTimeout)
}
