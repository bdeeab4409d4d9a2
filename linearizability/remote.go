package linearizability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// Remote is the service as one server gives it, over gRPC. It never retries:
// a history must hold each attempt.
type Remote struct {
	conn *grpc.ClientConn
	kv   kvorumv1.KVClient
}

// Dial returns the service of the server at address. It connects in the
// background, again and again.
func Dial(address string) (*Remote, error) {
	quick := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 200 * time.Millisecond}
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: time.Second}))
	if err != nil {
		return nil, fmt.Errorf("linearizability: dial %s: %w", address, err)
	}
	conn.Connect()
	return &Remote{conn: conn, kv: kvorumv1.NewKVClient(conn)}, nil
}

// Close closes the connection.
func (r *Remote) Close() error { return r.conn.Close() }

// Status asks the server for its state.
func (r *Remote) Status(ctx context.Context) (*kvorumv1.StatusResponse, error) {
	return kvorumv1.NewClusterClient(r.conn).Status(ctx, &kvorumv1.StatusRequest{})
}

// ready tells whether a request would leave at once, and otherwise sees to it
// that a later one will.
func (r *Remote) ready() bool {
	r.conn.Connect()
	return r.conn.GetState() == connectivity.Ready
}

// Get reads a key, linearizably.
func (r *Remote) Get(ctx context.Context, key string) (State, error) {
	answer, err := r.kv.Get(ctx, &kvorumv1.GetRequest{Key: key})
	if reason, _ := errorInfo(err); reason == "KEY_NOT_FOUND" {
		return Absent, nil
	}
	return Present(string(answer.GetValue())), classify(err)
}

// Set writes a key.
func (r *Remote) Set(ctx context.Context, key, value string) error {
	_, err := r.kv.Set(ctx, &kvorumv1.SetRequest{Key: key, Value: []byte(value)})
	return classify(err)
}

// Delete removes a key.
func (r *Remote) Delete(ctx context.Context, key string) (existed bool, err error) {
	answer, err := r.kv.Delete(ctx, &kvorumv1.DeleteRequest{Key: key})
	return answer.GetExisted(), classify(err)
}

// CompareAndSet writes a key if it is in the expected state.
func (r *Remote) CompareAndSet(ctx context.Context, key string, expected State, value string) (bool, State, error) {
	request := &kvorumv1.CompareAndSetRequest{Key: key, Value: []byte(value), Expected: &kvorumv1.Expected{}}
	if expected.Exists {
		request.Expected.State = &kvorumv1.Expected_Value{Value: []byte(expected.Value)}
	} else {
		request.Expected.State = &kvorumv1.Expected_Absent{Absent: true}
	}
	answer, err := r.kv.CompareAndSet(ctx, request)
	if err != nil || answer.GetSwapped() {
		return answer.GetSwapped(), Absent, classify(err)
	}
	return false, State{Exists: answer.GetExisted(), Value: string(answer.GetValue())}, nil
}

// errorInfo returns the reason and the outcome that the service states in err.
func errorInfo(err error) (reason, outcome string) {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "kvorum" {
			return info.GetReason(), info.GetMetadata()["outcome"]
		}
	}
	return "", ""
}

// classify marks an error that the service calls definite. All others are of
// unknown outcome, by contract.
func classify(err error) error {
	if _, outcome := errorInfo(err); outcome == "definite" {
		return fmt.Errorf("%w: %w", ErrDefinite, err)
	}
	return err
}

// roamPercent of the operations go to a server drawn at random.
const roamPercent = 20

// Roam returns how clients choose among servers: each keeps to one of them for
// most operations, so that there are clients on both sides of a partition. A
// server that is not connected is passed over: a request that cannot leave
// would be of unknown outcome, and a history with many of these is undecidable.
func Roam(servers []*Remote) func(client int, rng *rand.Rand) KV {
	return func(client int, rng *rand.Rand) KV {
		first := client
		if rng.IntN(100) < roamPercent {
			first = rng.IntN(len(servers))
		}
		for i := range servers {
			if s := servers[(first+i)%len(servers)]; s.ready() {
				return s
			}
		}
		return nil
	}
}
