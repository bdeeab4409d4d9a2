package rpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

// domain is that of every ErrorInfo, whose reasons are those of errorTable.
const domain = "kvorum"

// What requests come to in this package, beside the errors of what it calls.
var (
	errKeyNotFound    = errors.New("the key does not exist")
	errValueTooLarge  = errors.New("the value is too large")
	errInvalidRequest = errors.New("invalid request")
	errTooStale       = errors.New("no read that is fresh enough is possible here now: try another server, or allow more staleness")
	errSessionExpired = errors.New("the session is not known, or not any more: open a new one")
	errSequenceStale  = errors.New("the reply to this sequence was acknowledged and is forgotten")
	errUnsafeChange   = errors.New("the change would leave the cluster without a live quorum")
	errNotAMember     = errors.New("no such server in the configuration")
	errNotCaughtUp    = errors.New("the learner lags too far behind: try again when it has caught up")
	errWrongCluster   = errors.New("wrong cluster")
	errForming        = errors.New("this server waits to form a cluster: its own log says how many it has met")
	errStopping       = errors.New("the server is stopping: ask another")
	errDeposed        = errors.New("the leader has not answered, and another server leads now: the request may or may not take effect")
	errForwardLost    = errors.New("the connection to the leader broke: the request may or may not take effect")
)

// errorTable is the contract's. An error that wraps err is answered with code
// and reason; it should wrap one of them only. unknown: the request may yet take effect; otherwise it has had,
// and will have, none.
var errorTable = []struct {
	err     error
	reason  string
	code    codes.Code
	unknown bool
}{
	{errKeyNotFound, "KEY_NOT_FOUND", codes.NotFound, false},
	{kv.ErrInvalidKey, "INVALID_KEY", codes.InvalidArgument, false},
	{errValueTooLarge, "VALUE_TOO_LARGE", codes.InvalidArgument, false},
	{errInvalidRequest, "INVALID_REQUEST", codes.InvalidArgument, false},
	{raft.ErrNoLeader, "NO_LEADER", codes.Unavailable, false},
	{node.ErrNoConfiguration, "NO_LEADER", codes.Unavailable, false},
	{errForming, "NO_LEADER", codes.Unavailable, false},
	{errStopping, "NO_LEADER", codes.Unavailable, false},
	{raft.ErrTransferring, "NO_LEADER", codes.Unavailable, false},
	{raft.ErrNotLeader, "NOT_LEADER", codes.Unavailable, false},
	{node.ErrSlotLost, "NOT_LEADER", codes.Unavailable, false},
	{node.ErrLeadershipLost, "LEADERSHIP_LOST", codes.Unavailable, true},
	{node.ErrStopped, "LEADERSHIP_LOST", codes.Unavailable, true},
	{node.ErrTransferFailed, "LEADERSHIP_LOST", codes.Unavailable, true},
	{errForwardLost, "LEADERSHIP_LOST", codes.Unavailable, true},
	{errDeposed, "LEADERSHIP_LOST", codes.Unavailable, true},
	{raft.ErrBusy, "BUSY", codes.ResourceExhausted, false},
	{node.ErrSnapshotRunning, "BUSY", codes.ResourceExhausted, false},
	{errTooStale, "TOO_STALE", codes.FailedPrecondition, false},
	{errSessionExpired, "SESSION_EXPIRED", codes.FailedPrecondition, false},
	{errSequenceStale, "SEQUENCE_STALE", codes.FailedPrecondition, false},
	{kv.ErrCompacted, "COMPACTED", codes.OutOfRange, false},
	{raft.ErrConfigInFlight, "CHANGE_IN_PROGRESS", codes.FailedPrecondition, false},
	{errUnsafeChange, "UNSAFE_CHANGE", codes.FailedPrecondition, false},
	{raft.ErrInvalidConfig, "UNSAFE_CHANGE", codes.FailedPrecondition, false},
	{errNotAMember, "NOT_A_MEMBER", codes.FailedPrecondition, false},
	{raft.ErrNotVoter, "NOT_A_MEMBER", codes.FailedPrecondition, false},
	{errNotCaughtUp, "NOT_CAUGHT_UP", codes.FailedPrecondition, false},
	{errWrongCluster, "WRONG_CLUSTER", codes.FailedPrecondition, false},
}

// retryAfter is a guess at when there is a leader again.
const retryAfter = 100 * time.Millisecond

// unknownOutcome says that the request may yet take effect, although err alone
// would mean that it does not: an earlier part of it already has.
type unknownOutcome struct{ error }

func (e unknownOutcome) Unwrap() error { return e.error }

// toStatus turns err into what the client gets: a gRPC status with an ErrorInfo.
// A status stays as it is. An error outside the table, such as the end of
// a context, gets no ErrorInfo, which means that the outcome is unknown.
//
// leader is what a client should know of the leader if this server is not it.
func toStatus(err error, leader map[string]string) error {
	if err == nil {
		return nil
	}
	for _, row := range errorTable {
		if !errors.Is(err, row.err) {
			continue
		}
		info := &errdetails.ErrorInfo{Domain: domain, Reason: row.reason, Metadata: map[string]string{"outcome": "definite"}}
		if row.unknown || errors.As(err, new(unknownOutcome)) {
			info.Metadata["outcome"] = "unknown"
		}
		switch row.reason {
		case "NO_LEADER":
			info.Metadata["retry_after"] = retryAfter.String()
		case "NOT_LEADER":
			maps.Copy(info.Metadata, leader)
		}
		return withInfo(row.code, err.Error(), info)
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Internal, err.Error())
}

func withInfo(code codes.Code, message string, info *errdetails.ErrorInfo) error {
	s, err := status.New(code, message).WithDetails(info)
	if err != nil {
		panic(fmt.Sprintf("rpc: encode ErrorInfo: %v", err)) // code is never OK, and info is a message
	}
	return s.Err()
}

// reasonOf returns the reason in the ErrorInfo of err, or "".
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return info.GetReason()
		}
	}
	return ""
}
