package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

var (
	errStarting     = errors.New("starting")
	errNotCaughtYet = errors.New("not caught up with the leader yet")
	errDiskStuck    = errors.New("the disk has not answered")
)

const (
	readinessInterval = 100 * time.Millisecond // of a server that is not ready
	// barrierPatience is how long a check of readiness waits for a leader.
	barrierPatience = time.Second
	clockInterval   = 10 * time.Second
)

// readiness is whether this server can serve every request, and if not, why.
type readiness struct {
	mu  sync.Mutex // guards err, which HTTP and gRPC handlers read
	err error
}

// Ready returns nil if this server has a leader and has caught up with it, and
// its disk answers; else the reason why it is not ready.
func (s *Server) Ready() error {
	s.readiness.mu.Lock()
	defer s.readiness.mu.Unlock()
	return s.readiness.err
}

func (s *Server) setReady(err error) {
	s.readiness.mu.Lock()
	defer s.readiness.mu.Unlock()
	s.readiness.err = err
	serving := healthpb.HealthCheckResponse_SERVING
	if err != nil {
		serving = healthpb.HealthCheckResponse_NOT_SERVING
	}
	for _, service := range []string{"", kvorumv1.KV_ServiceDesc.ServiceName, kvorumv1.Cluster_ServiceDesc.ServiceName} {
		s.health.SetServingStatus(service, serving)
	}
}

// watchReadiness keeps Ready and the health service true until ctx ends. A server that
// is ready stays so until the node has news; one that is not is looked at again soon.
func (s *Server) watchReadiness(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.begun:
	}
	for ready, shown := false, (node.Leadership{}); ; {
		now := s.node.Leadership()
		if !ready || now != shown || s.node.DiskStuck() > 0 {
			err := s.whyNotReady(ctx, now)
			s.setReady(err)
			ready, shown = err == nil, now
		}
		var again <-chan time.Time // nil is never ready: there is no need
		if !ready {
			again = time.After(readinessInterval)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.node.News():
		case <-again:
		}
	}
}

// whyNotReady returns nil if this server is ready under the given leader. A linearizable
// read that succeeds shows that it has caught up with that.
func (s *Server) whyNotReady(ctx context.Context, now node.Leadership) error {
	if stuck := s.node.DiskStuck(); stuck > 0 {
		return fmt.Errorf("%w for %.1f s: a write of the log is stuck", errDiskStuck, stuck.Seconds())
	}
	if now.Leader == raft.None {
		return raft.ErrNoLeader
	}
	if s.catchUp(ctx) != nil {
		return errNotCaughtYet
	}
	return nil
}

func (s *Server) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, barrierPatience)
	defer cancel()
	return s.barrier(ctx)
}

// proposeClock moves the replicated clock, by which sessions expire, while this
// server leads and there are sessions. One that is lost is made up for by the next.
func (s *Server) proposeClock(ctx context.Context) {
	ticker := time.NewTicker(clockInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if s.node.Leadership().Role != raft.Leader || s.store.Sessions() == 0 {
				continue
			}
			bounded, cancel := context.WithTimeout(ctx, clockInterval)
			if _, err := s.propose(bounded, kv.Clock{UnixMilli: now.UnixMilli()}); err != nil {
				s.cfg.Log.Debug("the clock was not moved", "err", err)
			}
			cancel()
		}
	}
}
