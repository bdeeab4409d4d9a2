package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/rpc/client"
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
	if code != 0 || !strings.Contains(stdout, "  BUSY ") || !strings.Contains(stdout, " (definite)\n") {
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

func TestErrorsAreSplitByOutcome(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	c.Before(func(_ int, method string) error {
		switch {
		case method != "CompareAndSet":
		case c.AllCalls(method)%3 == 0:
			return clienttest.Error(codes.ResourceExhausted, "BUSY", "definite", "too much at once")
		case c.AllCalls(method)%3 == 1:
			return clienttest.Error(codes.Unavailable, "LEADERSHIP_LOST", "unknown", "another leads")
		}
		return nil
	})
	// Every swap but the first is of a revision that is no longer the present one.
	code, stdout, stderr := bench1(t, c, "--workload", "cas", "--clients", "4", "--keys", "1", "--output", "json")
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if s.Errors["definite"]["BUSY"] == 0 || s.Errors["unknown"]["LEADERSHIP_LOST"] == 0 || len(s.Errors["unknown"]) != 1 {
		t.Errorf("got %v", s.Errors)
	}
}

func TestAFailedComparisonIsADefiniteError(t *testing.T) {
	t.Parallel()
	if outcome, reason := classify(errCompareFailed); outcome != client.Definite || reason != "COMPARE_FAILED" {
		t.Errorf("got %s, %s", outcome, reason)
	}
}

// eventually calls seen as soon as want has been written to it.
type eventually struct {
	mu   sync.Mutex // the program writes from several goroutines
	text strings.Builder
	want string
	seen context.CancelFunc
}

func (e *eventually) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text.Write(b)
	if strings.Contains(e.text.String(), e.want) {
		e.seen()
	}
	return len(b), nil
}

func TestAnInterruptedRunPrintsWhatItMeasured(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout bytes.Buffer
	stderr := &eventually{want: "get, 1 clients, 1h0m0s: after 1 s", seen: interrupt}
	args := []string{"--servers", c.Addr(0), "--workload", "get", "--keys", "5", "--duration", "1h", "--clients", "1,4", "--output", "json"}
	code := run(ctx, args, &stdout, stderr)
	var s summary
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		t.Fatalf("exit code %d, %v, %q", code, err, stdout.String())
	}
	if code != 1 || s.Clients != 1 || s.Ops == 0 || s.Seconds < 1 || len(s.Errors["unknown"]) > 0 || !strings.Contains(stderr.text.String(), "interrupted: the last row is of ") {
		t.Errorf("exit code %d, %+v, %q", code, s, stderr.text.String())
	}
}

func TestZipfChoosesFewKeysOften(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"uniform": false, "zipf": true} {
		counts := make([]int, 1000)
		choose := distributions[name](rand.New(rand.NewPCG(1, 2)), len(counts))
		for range 10_000 {
			counts[choose()]++
		}
		slices.Sort(counts)
		top := 0
		for _, n := range counts[len(counts)-10:] {
			top += n
		}
		if got := top > 3_000; got != want {
			t.Errorf("%s: the ten keys of a thousand that are chosen most are chosen %d times of 10,000", name, top)
		}
	}
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"--workload fly", "--clients 0", "--clients x", "--rate -1", "--rate NaN", "--rate Inf", "--duration 0s", "--output xml", "more",
		"--distribution normal", "--keys 0", "--value-bytes -1", "--servers nowhere", "--tls-cert f", "--tls-ca /does/not/be",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), strings.Fields(line), &stdout, &stderr); code != 2 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", line, code, stderr.String())
		}
	}
}

// stalling is a server that answers after a millisecond, but nobody for the second
// that begins at t.
func stalling(t time.Time) func(context.Context) error {
	return func(ctx context.Context) error {
		answer := time.Now().Add(time.Millisecond)
		if end := t.Add(time.Second); answer.After(t) && answer.Before(end) {
			answer = end
		}
		select {
		case <-time.After(time.Until(answer)):
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// load lets four clients work for ten seconds, in the third of which the server stalls.
func load(t *testing.T, rate float64, timeout time.Duration) *result {
	s := &schedule{started: time.Now(), ends: time.Now().Add(10 * time.Second), rate: rate, timeout: timeout}
	p := startProgress(io.Discard, "load")
	defer p.stop()
	total := newResult("set", 4)
	parts := make([]*result, total.clients)
	var clients sync.WaitGroup
	for i := range parts {
		parts[i] = newResult("set", 4)
		clients.Go(func() { s.work(t.Context(), stalling(s.started.Add(2*time.Second)), p, parts[i]) })
	}
	clients.Wait()
	total.elapsed = time.Since(s.started)
	for _, part := range parts {
		total.merge(part)
	}
	return total
}

// Of 1,000 requests that are due, 100 fall into the second of the stall. They wait for
// half of it on average, though only four of them were on their way.
func TestAStallIsChargedToEveryRequestThatWasDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := load(t, 100, time.Minute)
		if got := r.latency.TotalCount(); got != 1000 {
			t.Errorf("%d requests in 10 s, want 1000", got)
		}
		if p99, max := r.latency.ValueAtQuantile(99), r.latency.Max(); p99 < 890_000 || p99 > 920_000 || max < 990_000 {
			t.Errorf("p99 is %d µs and max %d µs, want 0.9 s and 1 s", p99, max)
		}
		if p85 := r.latency.ValueAtQuantile(85); p85 > 2_000 {
			t.Errorf("p85 is %d µs; most requests met no stall", p85)
		}
	})
}

// A closed loop has one request at a time, and so asks little of a server that stalls.
func TestAClosedLoopShowsAStallInItsMaximum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := load(t, 0, time.Minute)
		if p99, max := r.latency.ValueAtQuantile(99), r.latency.Max(); p99 > 2_000 || max < 990_000 {
			t.Errorf("p99 is %d µs and max %d µs, want 1 ms and 1 s", p99, max)
		}
	})
}

func TestARequestThatIsOverdueIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := load(t, 100, 300*time.Millisecond)
		sent, overdue := r.errors["unknown"]["DeadlineExceeded"], r.errors["definite"]["OVERDUE"]
		if total := int(r.latency.TotalCount()) + sent + overdue; total != 1000 {
			t.Errorf("%d requests are accounted for, want 1000: %v", total, r.errors)
		}
		// Four at a time are sent and given up, three or four times in a second.
		if sent < 12 || sent > 16 || overdue < 40 {
			t.Errorf("%d were sent in vain, %d not sent; %v", sent, overdue, r.errors)
		}
		if r.elapsed > 10*time.Second+600*time.Millisecond {
			t.Errorf("the run took %v", r.elapsed)
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
