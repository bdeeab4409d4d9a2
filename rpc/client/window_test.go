package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
	"kvorum/rpc/client/clienttest"
)

func TestASessionHasNoMoreWritesUnderWayThanTheClusterRemembers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	cl, ctx := connect(t, c)
	s, err := cl.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	full, release := make(chan struct{}), make(chan struct{})
	closeFull := sync.OnceFunc(func() { close(full) })
	c.Before(func(_ int, method string) error {
		if method == "Set" {
			if c.AllCalls(method) >= kv.MaxReplies {
				closeFull()
			}
			<-release
		}
		return nil
	})
	var group sync.WaitGroup
	write := func() {
		if _, err := s.Set(ctx, "k", nil); err != nil {
			t.Error(err)
		}
	}
	for range kv.MaxReplies {
		group.Go(write)
	}
	<-full
	impatient, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Set(impatient, "k", nil); !errors.Is(err, client.ErrNotSent) || client.Outcome(err) != client.Definite {
		t.Errorf("one more: got %v, %s; want it not sent", err, client.Outcome(err))
	}
	for range 1000 - kv.MaxReplies {
		group.Go(write)
	}
	close(release)
	group.Wait()
	sent := map[uint64]bool{}
	for _, req := range c.Requests("Set") {
		once := req.(*kvorumv1.SetRequest).GetOnce()
		sent[once.GetSequence()] = true
		if n := once.GetSequence() - once.GetFirstUnacked() + 1; n > kv.MaxReplies {
			t.Fatalf("%v: the cluster must remember %d answers", once, n)
		}
	}
	if len(sent) != 1000 {
		t.Errorf("%d writes were sent, want 1000", len(sent))
	}
}
