package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
	"kvorum/rpc/client/clienttest"
)

func lost() error {
	return clienttest.Error(codes.Unavailable, "LEADERSHIP_LOST", "unknown", "lost leadership")
}

func TestASessionRepeatsUnknownOutcomesAndAppliesOnce(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	cl, ctx := connect(t, c)
	s, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.After(func(_ int, method string) error {
		if method == "CompareAndSet" && c.AllCalls(method) == 1 {
			return lost() // it was applied; the client cannot know
		}
		return nil
	})
	got, err := s.CompareAndSet(ctx, "k", client.Absent(), []byte("v"))
	if err != nil || !got.GetSwapped() {
		t.Errorf("got %v, %v; a second application would find the key present", got, err)
	}
	if n := c.AllCalls("CompareAndSet"); n != 2 {
		t.Errorf("sent %d times, want twice", n)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestADefiniteAnswerDoesNotSettleAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	s, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expired := clienttest.Error(codes.FailedPrecondition, "SESSION_EXPIRED", "definite", "the session has expired")
	c.After(func(_ int, method string) error {
		switch {
		case method != "Set":
			return nil
		case c.AllCalls("Set") == 1:
			return lost()
		}
		return expired
	})
	_, err = s.Set(ctx, "k", nil)
	if client.Reason(err) != "SESSION_EXPIRED" || !errors.Is(err, client.ErrEarlierAttempt) || client.Outcome(err) != client.Unknown {
		t.Errorf("got %v, %s; want SESSION_EXPIRED with an unknown outcome", err, client.Outcome(err))
	}
	_, err = s.Set(ctx, "k", nil)
	if client.Outcome(err) != client.Definite {
		t.Errorf("got %v, %s; the first attempt was refused, so it is definite", err, client.Outcome(err))
	}
}

func TestASessionLeavesAServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 2)
	cl, ctx := connect(t, c)
	learn(t, ctx, c, cl)
	s, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer close(release)
	c.Before(func(_ int, method string) error {
		if method == "Set" && c.AllCalls("Set") == 1 {
			<-release
		}
		return nil
	})
	began := time.Now()
	if _, err := s.Set(ctx, "k", nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestASessionNumbersItsWritesAndAcknowledgesAnswers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	s, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	c.Before(func(_ int, method string) error {
		if method == "Set" {
			close(arrived)
			<-release
		}
		return nil
	})
	done := make(chan error, 1)
	go func() {
		_, err := s.Set(ctx, "k", nil)
		done <- err
	}()
	<-arrived // 1 is not answered while 2 is
	if _, err := s.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompareAndSet(ctx, "k", client.Absent(), nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method            string
		sequence, unacked uint64
	}{{"Set", 1, 1}, {"Delete", 2, 1}, {"CompareAndSet", 3, 3}} {
		once := c.Requests(tt.method)[0].(interface{ GetOnce() *kvorumv1.Once }).GetOnce()
		if once.GetSessionId() != 1 || once.GetSequence() != tt.sequence || once.GetFirstUnacked() != tt.unacked {
			t.Errorf("%s: got %v, want sequence %d, first unacked %d", tt.method, once, tt.sequence, tt.unacked)
		}
	}
}

func TestConcurrentWritesOfASessionAreNumberedApart(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	s, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var swaps, total sync.Map
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			got, err := s.CompareAndSet(context.WithoutCancel(ctx), "k", client.Absent(), []byte{byte(i)})
			if err != nil {
				t.Error(err)
			}
			total.Store(i, true)
			if got.GetSwapped() {
				swaps.Store(i, true)
			}
		})
	}
	group.Wait()
	if n := size(&swaps); n != 1 {
		t.Errorf("%d writes found the key absent, want 1", n)
	}
	if n := size(&total); n != 16 {
		t.Errorf("%d writes returned, want 16", n)
	}
}

func size(m *sync.Map) int {
	n := 0
	m.Range(func(any, any) bool { n++; return true })
	return n
}
