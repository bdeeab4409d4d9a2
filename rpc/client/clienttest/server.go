package clienttest

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

const clusterID = "0123456789abcdef0123456789abcdef"

// server answers the calls of one member.
type server struct {
	kvorumv1.UnimplementedKVServer
	kvorumv1.UnimplementedClusterServer

	cluster *Cluster
	place   int
	grpc    *grpc.Server // of the test's goroutine; nil while stopped

	addr  string         // guarded by cluster.mu
	calls map[string]int // guarded by cluster.mu
}

// state is the one map that all servers pretend to have replicated.
type state struct {
	values   map[string]*kvorumv1.GetResponse
	revision uint64
	sessions uint64
	answers  map[[2]uint64]any // by session and sequence
}

func newState() state {
	return state{values: make(map[string]*kvorumv1.GetResponse), answers: make(map[[2]uint64]any)}
}

func (s *server) arrive(fullMethod string) error {
	c := s.cluster
	c.mu.Lock()
	c.servers[s.place].calls[path.Base(fullMethod)]++
	hook := c.before
	c.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(s.place, path.Base(fullMethod))
}

func (s *server) leave(fullMethod string) error {
	c := s.cluster
	c.mu.Lock()
	hook := c.after
	c.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(s.place, path.Base(fullMethod))
}

// header says who answers; the caller holds the mutex.
func (s *server) header() *kvorumv1.Header {
	c := s.cluster
	return &kvorumv1.Header{ClusterId: clusterID, ServerId: Name(s.place), Term: c.term, Revision: c.state.revision}
}

func (s *server) Get(_ context.Context, req *kvorumv1.GetRequest) (*kvorumv1.GetResponse, error) {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.state.values[req.GetKey()]
	if !ok {
		return nil, Error(codes.NotFound, "KEY_NOT_FOUND", "definite", "the key does not exist")
	}
	return &kvorumv1.GetResponse{Key: v.GetKey(), Value: v.GetValue(), Revision: v.GetRevision(), Header: s.header()}, nil
}

func (s *server) List(req *kvorumv1.ListRequest, stream grpc.ServerStreamingServer[kvorumv1.GetResponse]) error {
	s.cluster.saw("List", req)
	for i, entry := range s.selected(req) {
		if req.GetLimit() > 0 && i >= int(req.GetLimit()) {
			break
		}
		if err := stream.Send(entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) selected(req *kvorumv1.ListRequest) []*kvorumv1.GetResponse {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	var entries []*kvorumv1.GetResponse
	for key, v := range c.state.values {
		if !strings.HasPrefix(key, req.GetPrefix()) || key <= req.GetStartAfter() {
			continue
		}
		entry := &kvorumv1.GetResponse{Key: key, Revision: v.GetRevision(), Header: s.header()}
		if !req.GetKeysOnly() {
			entry.Value = v.GetValue()
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b *kvorumv1.GetResponse) int { return strings.Compare(a.GetKey(), b.GetKey()) })
	return entries
}

// Watch answers what the test has set.
func (s *server) Watch(req *kvorumv1.WatchRequest, stream grpc.ServerStreamingServer[kvorumv1.WatchResponse]) error {
	s.cluster.saw("Watch", req)
	s.cluster.mu.Lock()
	serve := s.cluster.watch
	s.cluster.mu.Unlock()
	return serve(s.place, req, stream)
}

// apply runs a write if there is a leader, or repeats the answer it was given.
func apply[Resp any](s *server, once *kvorumv1.Once, run func(*state) *Resp) (*Resp, error) {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leader == NoLeader {
		return nil, ErrNoLeader()
	}
	id := [2]uint64{once.GetSessionId(), once.GetSequence()}
	if answer, ok := c.state.answers[id].(*Resp); ok && once != nil {
		return answer, nil
	}
	c.state.revision++
	resp := run(&c.state)
	if once != nil {
		c.state.answers[id] = resp
	}
	return resp, nil
}

func (st *state) put(key string, value []byte) {
	st.values[key] = &kvorumv1.GetResponse{Key: key, Value: value, Revision: st.revision}
}

func (s *server) Set(_ context.Context, req *kvorumv1.SetRequest) (*kvorumv1.SetResponse, error) {
	return apply(s, req.GetOnce(), func(st *state) *kvorumv1.SetResponse {
		st.put(req.GetKey(), req.GetValue())
		return &kvorumv1.SetResponse{Ok: true, Revision: st.revision, Header: s.header()}
	})
}

func (s *server) Delete(_ context.Context, req *kvorumv1.DeleteRequest) (*kvorumv1.DeleteResponse, error) {
	return apply(s, req.GetOnce(), func(st *state) *kvorumv1.DeleteResponse {
		_, existed := st.values[req.GetKey()]
		delete(st.values, req.GetKey())
		return &kvorumv1.DeleteResponse{Ok: true, Existed: existed, Revision: st.revision, Header: s.header()}
	})
}

func (s *server) CompareAndSet(_ context.Context, req *kvorumv1.CompareAndSetRequest) (*kvorumv1.CompareAndSetResponse, error) {
	return apply(s, req.GetOnce(), func(st *state) *kvorumv1.CompareAndSetResponse {
		present, existed := st.values[req.GetKey()]
		if holds(req.GetExpected(), present) {
			st.put(req.GetKey(), req.GetValue())
			return &kvorumv1.CompareAndSetResponse{Swapped: true, Revision: st.revision, Header: s.header()}
		}
		return &kvorumv1.CompareAndSetResponse{
			Existed: existed, Value: present.GetValue(), Revision: present.GetRevision(), Header: s.header(),
		}
	})
}

func holds(expected *kvorumv1.Expected, present *kvorumv1.GetResponse) bool {
	switch e := expected.GetState().(type) {
	case *kvorumv1.Expected_Absent:
		return present == nil
	case *kvorumv1.Expected_Value:
		return present != nil && bytes.Equal(e.Value, present.GetValue())
	case *kvorumv1.Expected_Revision:
		return present != nil && e.Revision == present.GetRevision()
	}
	return false
}

func (s *server) OpenSession(context.Context, *kvorumv1.OpenSessionRequest) (*kvorumv1.OpenSessionResponse, error) {
	return apply(s, nil, func(st *state) *kvorumv1.OpenSessionResponse {
		st.sessions++
		return &kvorumv1.OpenSessionResponse{SessionId: st.sessions, Header: s.header()}
	})
}

func (s *server) CloseSession(context.Context, *kvorumv1.CloseSessionRequest) (*kvorumv1.CloseSessionResponse, error) {
	return apply(s, nil, func(*state) *kvorumv1.CloseSessionResponse {
		return &kvorumv1.CloseSessionResponse{Header: s.header()}
	})
}
