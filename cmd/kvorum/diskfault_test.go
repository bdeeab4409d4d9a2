//go:build strace

package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// TestFailedWriteOfTheLogEndsTheServer: an error of the disk is fatal, because after
// it nothing is known of what is durable. The server says so once, never tries
// again, and answers no set that failed; the others go on.
func TestFailedWriteOfTheLogEndsTheServer(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct{ call, inject, want string }{
		{"fdatasync", "fdatasync:error=EIO:when=1", "input/output error; the disk fails"},
		{"pwrite64", "pwrite64:error=EIO:when=1", "input/output error; the disk fails"},
		{"pwrite64", "pwrite64:error=ENOSPC:when=1", "no space left on device; free space there and start again"},
		{"pwrite64", "pwrite64:error=EROFS:when=1", "read-only file system; "},
	} {
		t.Run(fault.inject, func(t *testing.T) {
			t.Parallel()
			c, l := startTrio(t, quick...), newLedger()
			leader := c.leader()
			victim, all := c.servers[leader], c.client(0, 1, 2)
			trace := attach(t, victim.cmd.Process.Pid, fault.inject)
			dying := victim.dying()
			for sets := 0; sets < 100 && dying.Err() == nil; sets++ {
				_ = l.set(dying, all, 100) // the ledger knows what it means
			}
			victim.exits(1)
			expectOneFailure(t, trace.detach(), fault.call)
			lines := strings.Split(strings.TrimSpace(victim.text()), "\n")
			wants(t, lines[len(lines)-1], c.data[leader]+"/log-", fault.want)
			if n := strings.Count(victim.text(), "error;") + strings.Count(victim.text(), "level=ERROR"); n > 1 {
				t.Errorf("it says it %d times", n)
			}
			c.goOn(l, (leader+1)%3, (leader+2)%3)
			c.start(leader)
			c.ready()
			if acked, lost, _ := l.check(t, c.client(0, 1, 2)); lost > 0 || acked < 3 {
				t.Errorf("%d acknowledged sets, %d are lost", acked, lost)
			}
		})
	}
}

// expectOneFailure checks that a call failed, and that nothing was written to the
// log or synced after it.
func expectOneFailure(t *testing.T, calls []call, name string) {
	t.Helper()
	failed := false
	for _, c := range calls {
		if failed && c.onLog() && (c.isSync() || c.name == "pwrite64") {
			t.Errorf("after a failure: %s", c.text)
		}
		if c.name == name && strings.Contains(c.text, "(INJECTED)") {
			failed = true
		}
	}
	if !failed {
		t.Errorf("no %s failed", name)
	}
}

// TestStuckDiskOfALeaderIsNoticed: a leader whose fdatasync does not return makes way
// within ten seconds, says why it is not ready, and goes on as a follower when it does.
func TestStuckDiskOfALeaderIsNoticed(t *testing.T) {
	t.Parallel()
	c, l := startTrio(t), newLedger() // the default timeouts
	leader := c.leader()
	victim, all := c.servers[leader], c.client(0, 1, 2)
	trace := attach(t, victim.cmd.Process.Pid, "fdatasync:delay_enter=60s:when=1")
	began := time.Now()
	go func() { _ = l.set(victim.dying(), all, 100) }() // gives the disk something to be stuck on
	var reason string
	eventually(t, "its readiness names the disk", func() bool {
		code, body := victim.get("/readyz")
		reason = body
		return code == http.StatusServiceUnavailable && strings.Contains(body, "the disk has not answered for ")
	})
	c.goOn(l, (leader+1)%3, (leader+2)%3)
	took := time.Since(began)
	if took > 10*time.Second {
		t.Errorf("the others could write after %v, want at most 10 s", took)
	}
	t.Logf("the others could write after %v; /readyz: %s", took.Round(time.Millisecond), strings.TrimSpace(reason))
	expectHealth(t, victim, healthpb.HealthCheckResponse_NOT_SERVING)
	if _, metrics := victim.get("/metrics"); !strings.Contains(metrics, "\nkvorum_wal_silence_seconds ") ||
		strings.Contains(metrics, "\nkvorum_wal_silence_seconds 0\n") {
		t.Error("the metric of the disk's silence says nothing")
	}
	if n := strings.Count(victim.text(), "level=WARN msg=\"the disk does not answer"); n != 1 {
		t.Errorf("it warned %d times, want once", n)
	}
	trace.detach()
	eventually(t, "it is ready again", victim.ready)
	if leads(all, victim) {
		t.Error("it leads again at once")
	}
	expectHealth(t, victim, healthpb.HealthCheckResponse_SERVING)
	if _, lost, _ := l.check(t, c.client(leader)); lost > 0 {
		t.Errorf("%d acknowledged sets are lost", lost)
	}
}

func expectHealth(t *testing.T, s testServer, want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	conn, err := grpc.NewClient(s.rpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || got.GetStatus() != want {
		t.Errorf("health: got %v, %v; want %v", got.GetStatus(), err, want)
	}
}

// TestSlowDisksOnlyCostTime: syncs of half a second on all servers, as long as an
// election timeout, change no leader; not even where a new file of the log is begun,
// which takes four of them.
func TestSlowDisksOnlyCostTime(t *testing.T) {
	t.Parallel()
	const sets, size = 24, 1e6 // more than a file of the log takes
	c, l := startTrio(t), newLedger()
	all := c.client(0, 1, 2)
	before, err := all.Status(t.Context(), c.servers[0].rpcAddr)
	if err != nil {
		t.Fatal(err)
	}
	var traces []*tracer
	for _, s := range c.servers {
		traces = append(traces, attach(t, s.cmd.Process.Pid, "fdatasync,fsync:delay_enter=500ms"))
	}
	began := time.Now()
	var clients sync.WaitGroup
	for range sets {
		clients.Go(func() {
			if err := l.set(t.Context(), all, size); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	took, begun := time.Since(began), 0
	for _, trace := range traces {
		for _, call := range trace.detach() {
			if strings.HasPrefix(call.name, "rename") && call.onLog() {
				begun++
			}
		}
	}
	if begun == 0 || took < time.Second {
		t.Errorf("%d sets took %v and began %d files: the disks were not slow", sets, took, begun)
	}
	if after, err := all.Status(t.Context(), c.servers[0].rpcAddr); err != nil || after.GetTerm() != before.GetTerm() {
		t.Errorf("term %d, %v; want %d: slow disks caused an election", after.GetTerm(), err, before.GetTerm())
	}
	t.Logf("%d sets of %d bytes took %v, with %d files of the log begun", sets, int(size), took.Round(time.Millisecond), begun)
}
