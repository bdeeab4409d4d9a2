package rpc

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

func TestEveryServerTakesWritesAndReadsThemLinearizably(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	for i := range 30 {
		writer, reader := c.servers[i%3], c.servers[(i+1)%3]
		want := fmt.Sprint(i)
		revision := writer.set(t, "k", want).GetRevision()
		reader.expectValue(t, "k", want, nil)
		reader.expectValue(t, "k", want, &kvorumv1.ReadOptions{
			Consistency: kvorumv1.Consistency_CONSISTENCY_STALE, MinRevision: revision})
	}
}

func TestDeleteAndCompareAndSetAnswerAsTheContractSays(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	s, ctx := c.servers[0], t.Context()
	cas := func(expected *kvorumv1.Expected, value string) *kvorumv1.CompareAndSetResponse {
		t.Helper()
		resp, err := s.client.CompareAndSet(ctx, &kvorumv1.CompareAndSetRequest{Key: "k", Expected: expected, Value: []byte(value)})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first := cas(&kvorumv1.Expected{State: &kvorumv1.Expected_Absent{Absent: true}}, "a")
	if !first.GetSwapped() {
		t.Error("absent: not swapped")
	}
	if r := cas(&kvorumv1.Expected{State: &kvorumv1.Expected_Value{Value: []byte("z")}}, "b"); r.GetSwapped() ||
		!r.GetExisted() || string(r.GetValue()) != "a" || r.GetRevision() != first.GetRevision() {
		t.Errorf("mismatch: got %v, want the present state", r)
	}
	if r := cas(&kvorumv1.Expected{State: &kvorumv1.Expected_Revision{Revision: first.GetRevision()}}, "b"); !r.GetSwapped() {
		t.Error("revision: not swapped")
	}
	for _, existed := range []bool{true, false} {
		r, err := s.client.Delete(ctx, &kvorumv1.DeleteRequest{Key: "k"})
		if err != nil || !r.GetOk() || r.GetExisted() != existed {
			t.Errorf("delete: got %v %v, want existed = %v", r, err, existed)
		}
	}
	_, err := s.client.Get(ctx, &kvorumv1.GetRequest{Key: "k"})
	expectReason(t, err, "KEY_NOT_FOUND", "definite")
}

// Clients that compare with the value they read, at any server and at the same
// time, count together without losing a step.
func TestConcurrentComparisonsLoseNoUpdate(t *testing.T) {
	t.Parallel()
	const each = 20
	c := newCluster(t, 3)
	c.servers[0].set(t, "counter", "0")
	var counting sync.WaitGroup
	for _, s := range c.servers {
		counting.Go(func() {
			for n := 0; n < each; {
				at, err := s.client.Get(t.Context(), &kvorumv1.GetRequest{Key: "counter"})
				if err != nil {
					t.Error(err)
					return
				}
				value, _ := strconv.Atoi(string(at.GetValue()))
				resp, err := s.client.CompareAndSet(t.Context(), &kvorumv1.CompareAndSetRequest{Key: "counter",
					Expected: &kvorumv1.Expected{State: &kvorumv1.Expected_Value{Value: at.GetValue()}},
					Value:    strconv.AppendInt(nil, int64(value+1), 10)})
				if err != nil {
					t.Error(err)
					return
				}
				if resp.GetSwapped() {
					n++
				}
			}
		})
	}
	counting.Wait()
	c.servers[0].expectValue(t, "counter", strconv.Itoa(each*len(c.servers)), nil)
}

func TestListIsOrderedAndPaged(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	for _, key := range []string{"b2", "a", "b1", "c", "b3"} {
		s.set(t, key, "v"+key)
	}
	stream, err := s.client.List(t.Context(), &kvorumv1.ListRequest{Prefix: "b", StartAfter: "b1", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		item, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item.GetKey()+"="+string(item.GetValue()))
	}
	if want := "b2=vb2 b3=vb3"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestOnceIsAppliedOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	ctx := t.Context()
	session, err := c.follower().client.OpenSession(ctx, &kvorumv1.OpenSessionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	set := &kvorumv1.SetRequest{Key: "k", Value: []byte("v"), Once: &kvorumv1.Once{SessionId: session.GetSessionId(), Sequence: 1}}
	var revisions []uint64
	for _, s := range c.servers {
		resp, err := s.client.Set(ctx, set)
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, resp.GetRevision())
	}
	if revisions[0] != revisions[1] || revisions[1] != revisions[2] {
		t.Errorf("the retries were answered %v", revisions)
	}
	if _, err := c.servers[0].client.CloseSession(ctx, &kvorumv1.CloseSessionRequest{SessionId: session.GetSessionId()}); err != nil {
		t.Fatal(err)
	}
	_, err = c.servers[1].client.Set(ctx, set)
	expectReason(t, err, "SESSION_EXPIRED", "definite")
}

func TestBadRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	ctx := t.Context()
	before := s.set(t, "before", "").GetRevision()
	large := func(n int) []byte { return make([]byte, n) }
	tests := map[string]struct {
		call   func() error
		reason string
	}{
		"empty key": {func() error { _, err := s.client.Set(ctx, &kvorumv1.SetRequest{}); return err }, "INVALID_KEY"},
		"long key": {func() error {
			_, err := s.client.Delete(ctx, &kvorumv1.DeleteRequest{Key: strings.Repeat("k", 4097)})
			return err
		}, "INVALID_KEY"},
		"read no key": {func() error { _, err := s.client.Get(ctx, &kvorumv1.GetRequest{}); return err }, "INVALID_KEY"},
		"large value": {func() error {
			_, err := s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k", Value: large(testMaxValue + 1)})
			return err
		}, "VALUE_TOO_LARGE"},
		"huge value": {func() error {
			_, err := s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k", Value: large(testMaxValue + 4<<20)})
			return err
		}, "VALUE_TOO_LARGE"},
		"no expected": {func() error {
			_, err := s.client.CompareAndSet(ctx, &kvorumv1.CompareAndSetRequest{Key: "k"})
			return err
		}, "INVALID_REQUEST"},
		"no sequence": {func() error {
			_, err := s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k", Once: &kvorumv1.Once{SessionId: 1}})
			return err
		}, "INVALID_REQUEST"},
		"no staleness": {func() error {
			_, err := s.client.Get(ctx, &kvorumv1.GetRequest{Key: "k", Read: &kvorumv1.ReadOptions{Consistency: kvorumv1.Consistency_CONSISTENCY_BOUNDED}})
			return err
		}, "INVALID_REQUEST"},
		"unknown level": {func() error {
			_, err := s.client.Get(ctx, &kvorumv1.GetRequest{Key: "k", Read: &kvorumv1.ReadOptions{Consistency: 99}})
			return err
		}, "INVALID_REQUEST"},
		"no session": {func() error {
			_, err := s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k", Once: &kvorumv1.Once{SessionId: 1, Sequence: 1}})
			return err
		}, "SESSION_EXPIRED"},
	}
	for name, test := range tests {
		if err := test.call(); !reasonIs(err, test.reason) {
			t.Errorf("%s: got %v, want %s", name, err, test.reason)
		}
	}
	if got := s.set(t, "after", "").GetRevision(); got != before+2 { // one for "no session", which the log decides
		t.Errorf("the bad requests took %d entries of the log, want 1", got-before-1)
	}
	_, err := s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k", Value: large(maxRequest)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("absurd value: got %v, want %v", err, codes.ResourceExhausted)
	}
	_, err = s.client.Set(ctx, &kvorumv1.SetRequest{Key: "k", Ttl: durationpb.New(time.Second)})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("ttl: got %v, want %v", err, codes.Unimplemented)
	}
}

func TestServerWithoutQuorumAnswersOnlyStaleReads(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	last := c.servers[0]
	last.set(t, "k", "v")
	last.expectValue(t, "k", "v", nil) // and so it has applied it
	for _, s := range c.servers[1:] {
		s.stop()
	}
	last.expectValue(t, "k", "v", &kvorumv1.ReadOptions{Consistency: kvorumv1.Consistency_CONSISTENCY_STALE})
	bounded := func(d time.Duration) *kvorumv1.ReadOptions {
		return &kvorumv1.ReadOptions{Consistency: kvorumv1.Consistency_CONSISTENCY_BOUNDED, MaxStaleness: durationpb.New(d)}
	}
	last.expectValue(t, "k", "v", bounded(time.Hour))
	// Not a millisecond: the last stop is so quick that a read of readiness may have
	// been confirmed by that server, and have begun less than a millisecond ago.
	_, err := last.client.Get(t.Context(), &kvorumv1.GetRequest{Key: "k", Read: bounded(time.Nanosecond)})
	expectReason(t, err, "TOO_STALE", "definite")
	eventually(t, "it to notice", func() bool { return last.Ready() != nil })
	eventually(t, "writes to be refused", func() bool {
		_, err := last.client.Set(t.Context(), &kvorumv1.SetRequest{Key: "k"})
		return reasonIs(err, "NO_LEADER")
	})
	_, err = last.client.Get(t.Context(), &kvorumv1.GetRequest{Key: "k"})
	expectReason(t, err, "NO_LEADER", "definite")
}
