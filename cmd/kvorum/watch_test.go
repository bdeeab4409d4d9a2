package main

import (
	"fmt"
	"testing"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// TestAWatchTellsOfEachWriteOnceWhileServersAreKilled: a session writes, and every
// server is killed in turn and started on its folder again, among them the leader and
// the one that serves the watch.
func TestAWatchTellsOfEachWriteOnceWhileServersAreKilled(t *testing.T) {
	t.Parallel()
	c := startTrio(t, quick...)
	all := c.client(0, 1, 2)
	session, err := all.OpenSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	write := func() (revision uint64) {
		written = append(written, fmt.Sprint(len(written)))
		resp, err := session.Set(t.Context(), "key", []byte(written[len(written)-1]))
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetRevision()
	}
	first := write()
	told := make(chan string, 1000) // all of them
	t.Cleanup(func() {
		for range told { // until the watch has ended, with the test's context
		}
	})
	go func() {
		defer close(told)
		for m, err := range all.Watch(t.Context(), &kvorumv1.WatchRequest{Key: "key", FromRevision: first}) {
			switch {
			case t.Context().Err() != nil:
				return
			case err != nil:
				t.Error(err)
				return
			case m.GetKind() == kvorumv1.WatchResponse_KIND_SET:
				told <- string(m.GetValue())
			}
		}
	}()
	for i := range c.servers {
		for range 20 {
			write()
		}
		c.kill(i)
		for range 20 {
			write()
		}
		c.start(i)
		c.ready()
	}
	write()
	for i, want := range written {
		if got := <-told; got != want {
			t.Fatalf("of %d writes number %d is told as %q, want %q", len(written), i, got, want)
		}
	}
}
