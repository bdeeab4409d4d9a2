package linearizability

import (
	"context"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// scripted is a service that gives the answers it was told to give.
type scripted struct {
	kvorumv1.UnimplementedKVServer
	get *kvorumv1.GetResponse
	cas *kvorumv1.CompareAndSetResponse
	err error
}

func (s *scripted) Get(context.Context, *kvorumv1.GetRequest) (*kvorumv1.GetResponse, error) {
	return s.get, s.err
}

func (s *scripted) Set(context.Context, *kvorumv1.SetRequest) (*kvorumv1.SetResponse, error) {
	return &kvorumv1.SetResponse{Ok: true}, s.err
}

func (s *scripted) Delete(context.Context, *kvorumv1.DeleteRequest) (*kvorumv1.DeleteResponse, error) {
	return &kvorumv1.DeleteResponse{Ok: true, Existed: true}, s.err
}

func (s *scripted) CompareAndSet(context.Context, *kvorumv1.CompareAndSetRequest) (*kvorumv1.CompareAndSetResponse, error) {
	return s.cas, s.err
}

// serve starts s and returns once it is connected.
func serve(t *testing.T, s *scripted) *Remote {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kvorumv1.RegisterKVServer(server, s)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	remote, err := Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	for !remote.ready() {
		if !wait(t.Context(), 5*time.Millisecond) {
			t.Fatal("the service was never connected")
		}
	}
	return remote
}

func refusal(t *testing.T, code codes.Code, reason, outcome string) error {
	t.Helper()
	s, err := status.New(code, reason).WithDetails(&errdetails.ErrorInfo{
		Domain: "kvorum", Reason: reason, Metadata: map[string]string{"outcome": outcome},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestOnlyDefiniteErrorsCountAsDefinite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want Outcome
	}{
		{nil, OK},
		{refusal(t, codes.Unavailable, "NO_LEADER", "definite"), Definite},
		{refusal(t, codes.Unavailable, "LEADERSHIP_LOST", "unknown"), Unknown},
		{status.Error(codes.Unavailable, "connection reset"), Unknown},
		{status.Error(codes.DeadlineExceeded, "too late"), Unknown},
	} {
		kv := serve(t, &scripted{err: test.err})
		c := NewRecorder().Client()
		for _, kind := range []Kind{Set, Delete, CompareAndSet, Get} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			o := c.Do(ctx, kv, Operation{Kind: kind, Key: "k"})
			cancel()
			if o.Outcome != test.want {
				t.Errorf("%s after error %v: outcome %s, want %s", kind, test.err, o.Outcome, test.want)
			}
		}
	}
}

func TestAnswersAreSeenAsTheyAre(t *testing.T) {
	t.Parallel()
	notFound := refusal(t, codes.NotFound, "KEY_NOT_FOUND", "definite")
	for _, test := range []struct {
		name    string
		service *scripted
		ask     Operation
		seen    State
		swapped bool
	}{
		{"a value", &scripted{get: &kvorumv1.GetResponse{Value: []byte("v")}}, Operation{Kind: Get}, Present("v"), false},
		{"an empty value", &scripted{get: &kvorumv1.GetResponse{}}, Operation{Kind: Get}, Present(""), false},
		{"no key", &scripted{err: notFound}, Operation{Kind: Get}, Absent, false},
		{"a delete", &scripted{}, Operation{Kind: Delete}, State{Exists: true}, false},
		{"a swap", &scripted{cas: &kvorumv1.CompareAndSetResponse{Swapped: true}}, Operation{Kind: CompareAndSet}, Absent, true},
		{"a mismatch", &scripted{cas: &kvorumv1.CompareAndSetResponse{Existed: true, Value: []byte("w")}},
			Operation{Kind: CompareAndSet}, Present("w"), false},
	} {
		kv := serve(t, test.service)
		o := NewRecorder().Client().Do(t.Context(), kv, test.ask)
		if o.Outcome != OK || o.Seen != test.seen || o.Swapped != test.swapped {
			t.Errorf("%s: got %v (%s), want %v, swapped %t", test.name, o, o.Error, test.seen, test.swapped)
		}
	}
}

func TestClientsPassOverServersThatAreNotConnected(t *testing.T) {
	t.Parallel()
	down, err := Dial("127.0.0.1:1") // a port that nobody listens on
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { down.Close() })
	up := serve(t, &scripted{})
	rng := rand.New(rand.NewPCG(1, 1))
	for client := range 20 {
		if got := Roam([]*Remote{down, up})(client, rng); got != up {
			t.Fatalf("client %d chose %v, want the server that is up", client, got)
		}
	}
	if got := Roam([]*Remote{down})(0, rng); got != nil {
		t.Errorf("got %v although no server is up", got)
	}
}
