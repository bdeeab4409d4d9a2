package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"kvorum/rpc/client/clienttest"
)

func bench1(t *testing.T, c *clienttest.Cluster, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"--servers", strings.Join(c.Addrs(), ","), "--duration", "100ms", "--keys", "20"}, args...)
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestEveryWorkloadIsMeasured(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	methods := map[string]string{"set": "Set", "get": "Get", "stale-get": "Get", "mixed": "Get", "cas": "CompareAndSet", "list": "List"}
	for _, workload := range workloadNames() {
		before := c.AllCalls(methods[workload])
		code, stdout, stderr := bench1(t, c, "--workload", workload, "--clients", "1,4", "--output", "json")
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if code != 0 || len(lines) != 2 {
			t.Fatalf("%s: exit code %d, %q, %q", workload, code, stdout, stderr)
		}
		for i, clients := range []int{1, 4} {
			var s summary
			if err := json.Unmarshal([]byte(lines[i]), &s); err != nil {
				t.Fatal(err)
			}
			if s.Workload != workload || s.Clients != clients || s.Ops == 0 || s.Latency.P50 == 0 || s.Latency.Max < s.Latency.P99 {
				t.Errorf("%s: got %+v", workload, s)
			}
		}
		if c.AllCalls(methods[workload]) == before {
			t.Errorf("%s: no %s arrived", workload, methods[workload])
		}
	}
}

func TestErrorsAreCountedByReason(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	c.Before(func(_ int, method string) error {
		if method == "Get" && c.AllCalls("Get")%2 == 0 {
			return clienttest.Error(codes.ResourceExhausted, "BUSY", "definite", "too much at once")
		}
		return nil
	})
	code, stdout, stderr := bench1(t, c, "--workload", "get", "--clients", "2")
	if code != 0 || !strings.Contains(stdout, "  BUSY ") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

func TestAClusterThatRefusesEverythingFailsTheRun(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	c.Before(func(_ int, method string) error {
		if method == "Get" {
			return clienttest.Error(codes.ResourceExhausted, "BUSY", "definite", "too much at once")
		}
		return nil
	})
	code, _, stderr := bench1(t, c, "--workload", "get", "--clients", "1")
	if code != 1 || !strings.Contains(stderr, "no request of 1 clients succeeded: BUSY") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"--workload fly", "--clients 0", "--clients x", "--rate -1", "--duration 0s", "--output xml", "more"} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), strings.Fields(line), &stdout, &stderr); code != 2 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", line, code, stderr.String())
		}
	}
}

// One client, a request due every 10 ms, and one of them takes 95 ms: the nine
// that were due meanwhile waited, and must be seen to have.
func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &schedule{started: time.Now(), ends: time.Now().Add(200 * time.Millisecond), rate: 100}
		r := newResult("set", 1)
		for i := 0; ; i++ {
			due, more := s.next(t.Context())
			if !more {
				break
			}
			if i == 2 {
				time.Sleep(95 * time.Millisecond)
			}
			r.record(time.Since(due), nil)
		}
		if got := r.latency.TotalCount(); got != 20 {
			t.Errorf("%d requests in 200 ms, want 20", got)
		}
		if late := r.latency.ValueAtQuantile(75); late < 40_000 || r.latency.Max() < 94_000 {
			t.Errorf("p75 is %d µs and max %d µs; the stall was not charged for", late, r.latency.Max())
		}
	})
}

func TestAClosedLoopEndsWithItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &schedule{started: time.Now(), ends: time.Now().Add(time.Second)}
		n := 0
		for {
			if _, more := s.next(t.Context()); !more {
				break
			}
			n++
			time.Sleep(300 * time.Millisecond)
		}
		if n != 4 {
			t.Errorf("%d requests of 300 ms in a second, want 4: the last begins within it", n)
		}
	})
}

func TestShortKeepsThreeDigits(t *testing.T) {
	t.Parallel()
	for us, want := range map[int64]string{123: "120µs", 4_567: "4.57ms", 45_678: "45.7ms", 1_234_567: "1.23s"} {
		if got := short(us); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
