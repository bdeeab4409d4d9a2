package client

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// The outcomes of a failed call, as [Outcome] tells them.
const (
	Definite = "definite" // it had and will have no effect
	Unknown  = "unknown"  // it may have taken effect, or yet take it
)

// ErrNotSent is wrapped by the error of a call that never left this process,
// because no server that it may go to could be reached, or its [Session] had too
// many others under way. Its outcome is definite. Check the addresses, or try again.
var ErrNotSent = errors.New("the request was not sent")

// ErrNoSuchServer is returned by a call to one server that is neither a member
// of the cluster nor one of the addresses given to [New]. Its outcome is definite.
var ErrNoSuchServer = errors.New("no such server in this cluster")

// ErrEarlierAttempt is wrapped by the error of a session's write of which an
// earlier attempt may have taken effect, whatever the last one answered. Its
// outcome is unknown.
var ErrEarlierAttempt = errors.New("an earlier attempt may have taken effect")

// errorDomain is the domain of the ErrorInfo that kvorum's servers attach.
const errorDomain = "kvorum"

// Outcome tells whether a call that failed with err may have had an effect:
// [Definite] if it had none and will have none, [Unknown] otherwise. An error
// without kvorum's own details, such as an ended context or a broken
// connection, is Unknown. A nil err is Definite.
func Outcome(err error) string {
	switch {
	case err == nil:
		return Definite
	case errors.Is(err, ErrEarlierAttempt):
		return Unknown
	case errors.Is(err, ErrNotSent), errors.Is(err, ErrNoSuchServer):
		return Definite
	case errorInfo(err).GetMetadata()["outcome"] == Definite:
		return Definite
	}
	return Unknown
}

// Reason is the machine-readable reason of err, such as "NO_LEADER" or
// "VALUE_TOO_LARGE", or "" where the error does not come from a kvorum server.
func Reason(err error) string { return errorInfo(err).GetReason() }

// IsKeyNotFound tells whether err says that the key does not exist.
func IsKeyNotFound(err error) bool { return Reason(err) == "KEY_NOT_FOUND" }

func errorInfo(err error) *errdetails.ErrorInfo {
	s, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == errorDomain {
			return info
		}
	}
	return nil
}
