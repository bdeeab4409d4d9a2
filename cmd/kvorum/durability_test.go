//go:build strace

package main

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestEverySetIsOnDiskBeforeItsAnswer watches the system calls of a cluster of
// one: between one answer and the next, the log is written and then synced.
// kill -9 could not show that, as it does not lose what the kernel holds.
func TestEverySetIsOnDiskBeforeItsAnswer(t *testing.T) {
	t.Parallel()
	const sets = 200
	s := serveOn(t, dir(t), "n1", "--bootstrap")
	eventually(t, "the server is ready", s.ready)
	c := clientOf(t, s)
	put(t, c, "first", "connects the client")

	trace := attach(t, s.cmd.Process.Pid)
	answers := []time.Time{time.Now()}
	for i := range sets {
		if _, err := c.Set(context.Background(), "key", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, time.Now())
	}
	calls := trace.detach()
	for i := range sets {
		if !syncedBetween(calls, answers[i], answers[i+1]) {
			t.Errorf("set %d was answered without a write and then a sync of the log", i)
		}
	}
	t.Logf("%d sets, each answered after a write and then a sync of the log", sets)
}

// syncedBetween reports whether between the two times a sync of the log ended
// that began after a write of it that began after the first.
func syncedBetween(calls []call, from, to time.Time) bool {
	written := never
	for _, c := range calls {
		if !c.onLog() || !c.done || c.at.Before(from) || c.at.Add(c.took).After(to) {
			continue
		}
		if c.name == "pwrite64" {
			written = c.ended
		} else if c.isSync() && c.began > written {
			return true
		}
	}
	return false
}
