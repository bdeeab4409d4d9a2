package main

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"testing"

	"kvorum/rpc/client"
)

// A follower that takes smaller values from its own clients must still take the
// leader's: else nothing would be committed any more.
func TestServersWithDifferentLimitsReplicate(t *testing.T) {
	t.Parallel()
	const size = 12 << 20
	n1 := serveOn(t, dir(t), "n1", "--bootstrap", "--election-timeout", "2s", "--max-value-bytes", strconv.Itoa(size))
	n2 := serveOn(t, dir(t), "n2", "--join", n1.serfAddr, "--election-timeout", "2s", "--max-value-bytes", "1")
	c := clientOf(t, n1)
	eventually(t, "both are voters", func() bool { n, err := voters(c, n1); return err == nil && n == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Set(ctx, "large", make([]byte, size)); err != nil {
		t.Fatalf("a large value: %v", err)
	}
	if _, err := c.Set(ctx, "after", []byte("it"), client.AtServer(n1.rpcAddr)); err != nil {
		t.Errorf("the write after it: %v", err)
	}
	if got, err := clientOf(t, n2).Get(ctx, "large", client.AtServer(n2.rpcAddr)); err != nil || len(got.GetValue()) != size {
		t.Errorf("on the follower: got %d bytes, %v", len(got.GetValue()), err)
	}
}

func TestMuchTooLargeValueIsRefusedForCertain(t *testing.T) {
	t.Parallel()
	s := serveOn(t, dir(t), "n1", "--bootstrap")
	c := clientOf(t, s)
	put(t, c, "key", "value")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.Set(ctx, "key", bytes.Repeat([]byte("x"), 11<<20))
	if client.Reason(err) != "VALUE_TOO_LARGE" || client.Outcome(err) != client.Definite {
		t.Errorf("got %v, %s; want VALUE_TOO_LARGE, definite", err, client.Outcome(err))
	}
	expect(t, c, "key", "value")
}

func TestAThousandWritesOfOneSessionAtOnceAllSucceed(t *testing.T) {
	t.Parallel()
	c := clientOf(t, serveOn(t, dir(t), "n1", "--bootstrap"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := c.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for i := range 1000 {
		writers.Go(func() {
			if _, err := session.Set(ctx, strconv.Itoa(i), nil); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	writers.Wait()
}
