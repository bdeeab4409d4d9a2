package rpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
)

// kvService is the service KV of the contract.
type kvService struct {
	kvorumv1.UnimplementedKVServer
	*Server
}

func (s *kvService) Get(ctx context.Context, req *kvorumv1.GetRequest) (*kvorumv1.GetResponse, error) {
	ctx, cancel := boundedContext(ctx)
	defer cancel()
	if err := kv.ValidateKey(req.GetKey()); err != nil {
		return nil, err
	}
	if err := s.prepareRead(ctx, req.GetRead()); err != nil {
		return nil, err
	}
	value, revision, ok := s.store.Get(req.GetKey())
	if !ok {
		return nil, errKeyNotFound
	}
	return &kvorumv1.GetResponse{Key: req.GetKey(), Value: value, Revision: uint64(revision), Header: s.header()}, nil
}

func (s *kvService) List(req *kvorumv1.ListRequest, stream grpc.ServerStreamingServer[kvorumv1.GetResponse]) error {
	ctx, cancel := boundedContext(stream.Context())
	defer cancel()
	if err := s.prepareRead(ctx, req.GetRead()); err != nil {
		return err
	}
	view, header := s.store.View(), s.header()
	header.Revision = uint64(view.Revision()) // so that a watch from the next one on misses nothing
	for item := range view.List(req.GetPrefix(), req.GetStartAfter(), int(req.GetLimit())) {
		resp := &kvorumv1.GetResponse{Key: item.Key, Revision: uint64(item.Revision), Header: header}
		if !req.GetKeysOnly() {
			resp.Value = item.Value
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
	return nil
}

func (s *kvService) Set(ctx context.Context, req *kvorumv1.SetRequest) (*kvorumv1.SetResponse, error) {
	once, err := s.checkWrite(req.GetKey(), req.GetValue(), req.GetOnce())
	if err != nil {
		return nil, err
	}
	if req.GetTtl() != nil {
		return nil, status.Error(codes.Unimplemented, "a ttl is not implemented yet: set the key without one")
	}
	return onLeader(ctx, s.Server, kvorumv1.KV_Set_FullMethodName, req,
		func(ctx context.Context, req *kvorumv1.SetRequest) (*kvorumv1.SetResponse, error) {
			r, err := s.propose(ctx, kv.Set{Key: req.GetKey(), Value: req.GetValue(), Once: once})
			if err != nil {
				return nil, err
			}
			return &kvorumv1.SetResponse{Ok: true, Revision: uint64(r.Revision), Header: s.header()}, nil
		})
}

func (s *kvService) Delete(ctx context.Context, req *kvorumv1.DeleteRequest) (*kvorumv1.DeleteResponse, error) {
	once, err := s.checkWrite(req.GetKey(), nil, req.GetOnce())
	if err != nil {
		return nil, err
	}
	return onLeader(ctx, s.Server, kvorumv1.KV_Delete_FullMethodName, req,
		func(ctx context.Context, req *kvorumv1.DeleteRequest) (*kvorumv1.DeleteResponse, error) {
			r, err := s.propose(ctx, kv.Delete{Key: req.GetKey(), Once: once})
			if err != nil {
				return nil, err
			}
			return &kvorumv1.DeleteResponse{Ok: true, Existed: r.Existed, Revision: uint64(r.Revision), Header: s.header()}, nil
		})
}

func (s *kvService) CompareAndSet(ctx context.Context, req *kvorumv1.CompareAndSetRequest) (*kvorumv1.CompareAndSetResponse, error) {
	once, err := s.checkWrite(req.GetKey(), req.GetValue(), req.GetOnce())
	if err != nil {
		return nil, err
	}
	expected, err := s.expected(req.GetExpected())
	if err != nil {
		return nil, err
	}
	return onLeader(ctx, s.Server, kvorumv1.KV_CompareAndSet_FullMethodName, req,
		func(ctx context.Context, req *kvorumv1.CompareAndSetRequest) (*kvorumv1.CompareAndSetResponse, error) {
			r, err := s.propose(ctx, kv.CompareAndSet{Key: req.GetKey(), Expected: expected, Value: req.GetValue(), Once: once})
			if err != nil {
				return nil, err
			}
			return &kvorumv1.CompareAndSetResponse{Swapped: r.Swapped, Existed: r.Existed, Value: r.Value,
				Revision: uint64(r.Revision), Header: s.header()}, nil
		})
}

func (s *kvService) OpenSession(ctx context.Context, req *kvorumv1.OpenSessionRequest) (*kvorumv1.OpenSessionResponse, error) {
	return onLeader(ctx, s.Server, kvorumv1.KV_OpenSession_FullMethodName, req,
		func(ctx context.Context, _ *kvorumv1.OpenSessionRequest) (*kvorumv1.OpenSessionResponse, error) {
			r, err := s.propose(ctx, kv.OpenSession{})
			if err != nil {
				return nil, err
			}
			return &kvorumv1.OpenSessionResponse{SessionId: uint64(r.Revision), Header: s.header()}, nil
		})
}

func (s *kvService) CloseSession(ctx context.Context, req *kvorumv1.CloseSessionRequest) (*kvorumv1.CloseSessionResponse, error) {
	return onLeader(ctx, s.Server, kvorumv1.KV_CloseSession_FullMethodName, req,
		func(ctx context.Context, req *kvorumv1.CloseSessionRequest) (*kvorumv1.CloseSessionResponse, error) {
			if _, err := s.propose(ctx, kv.CloseSession{Session: req.GetSessionId()}); err != nil {
				return nil, err
			}
			return &kvorumv1.CloseSessionResponse{Header: s.header()}, nil
		})
}

func (s *kvService) GetServers(ctx context.Context, _ *kvorumv1.GetServersRequest) (*kvorumv1.GetServersResponse, error) {
	st, err := s.nodeStatus(ctx)
	if err != nil {
		return nil, err
	}
	return &kvorumv1.GetServersResponse{Servers: s.servers(st), Term: uint64(st.Term), Header: s.header()}, nil
}

// propose has the command performed by the state machine, once it is committed.
func (s *Server) propose(ctx context.Context, c kv.Command) (kv.Result, error) {
	reply, _, err := s.node.Propose(ctx, kv.Encode(c))
	if err != nil {
		return kv.Result{}, err
	}
	r, err := kv.DecodeResult(reply)
	if err != nil {
		return kv.Result{}, err
	}
	switch r.Status {
	case kv.SessionExpired:
		return r, errSessionExpired
	case kv.SequenceStale:
		return r, errSequenceStale
	}
	return r, nil
}

// checkWrite refuses what must not get into the log.
func (s *Server) checkWrite(key string, value []byte, once *kvorumv1.Once) (*kv.Once, error) {
	if err := kv.ValidateKey(key); err != nil {
		return nil, err
	}
	if err := s.checkValue(value); err != nil {
		return nil, err
	}
	if once == nil {
		return nil, nil
	}
	if once.GetSessionId() == 0 || once.GetSequence() == 0 || once.GetFirstUnacked() > once.GetSequence() {
		return nil, fmt.Errorf("%w: once needs a session_id, a sequence from 1 on, and a first_unacked that is not after it", errInvalidRequest)
	}
	return &kv.Once{Session: once.GetSessionId(), Sequence: once.GetSequence(), FirstUnacked: once.GetFirstUnacked()}, nil
}

func (s *Server) checkValue(value []byte) error {
	if len(value) > s.cfg.MaxValueBytes {
		return fmt.Errorf("%w: it has %d bytes, the limit is %d", errValueTooLarge, len(value), s.cfg.MaxValueBytes)
	}
	return nil
}

func (s *Server) expected(e *kvorumv1.Expected) (kv.Expected, error) {
	switch e := e.GetState().(type) {
	case *kvorumv1.Expected_Absent:
		if e.Absent {
			return kv.Absent{}, nil
		}
	case *kvorumv1.Expected_Value:
		return kv.HasValue(e.Value), s.checkValue(e.Value)
	case *kvorumv1.Expected_Revision:
		return kv.AtRevision(raft.Index(e.Revision)), nil
	}
	return nil, fmt.Errorf("%w: expected must be absent = true, a value or a revision", errInvalidRequest)
}
