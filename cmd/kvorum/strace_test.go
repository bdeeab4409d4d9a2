//go:build strace

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestEverySetIsOnDiskBeforeItsAnswer watches the system calls of a cluster of
// one: between one answer and the next, the log is written and then synced.
// kill -9 could not show that, as it does not lose what the kernel holds.
func TestEverySetIsOnDiskBeforeItsAnswer(t *testing.T) {
	const sets = 200
	s := serveOn(t, dir(t), "n1", "--bootstrap")
	eventually(t, "the server is ready", s.ready)
	c := clientOf(t, s)
	put(t, c, "first", "connects the client")

	trace := startTrace(t, s.cmd.Process.Pid)
	answers := []time.Time{time.Now()}
	for i := range sets {
		if _, err := c.Set(context.Background(), "key", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, time.Now())
	}
	calls := trace()
	for i := range sets {
		if !syncedBetween(calls, answers[i], answers[i+1]) {
			t.Errorf("set %d was answered without a write and then a sync of the log", i)
		}
	}
	t.Logf("%d sets, each answered after a write and then a sync of the log", sets)
}

// syscallTrace is one call that concerns the log.
type syscallTrace struct {
	sync       bool
	start, end time.Time
}

// syncedBetween reports whether between the two times a sync ended that began
// after a write that began after the first.
func syncedBetween(calls []syscallTrace, from, to time.Time) bool {
	var written time.Time
	for _, c := range calls {
		if c.start.Before(from) || c.end.After(to) {
			continue
		}
		if !c.sync {
			written = c.end
		} else if !written.IsZero() && !c.start.Before(written) {
			return true
		}
	}
	return false
}

// traced matches a call as strace -f -ttt -T -y writes it, on one line.
var traced = regexp.MustCompile(`^\d+ +(\d+\.\d+) (pwrite64|fdatasync|fsync)\(\d+<([^>]*)>.* = \d+ <(\d+\.\d+)>$`)

// startTrace attaches strace to the process; the function that it returns
// detaches it and returns the calls that concern the log.
func startTrace(t *testing.T, pid int) func() []syscallTrace {
	file := filepath.Join(t.TempDir(), "strace")
	cmd := exec.Command("strace", "-f", "-ttt", "-T", "-y", "-s", "0",
		"-e", "trace=pwrite64,fdatasync,fsync", "-o", file, "-p", strconv.Itoa(pid))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs strace: %v", err)
	}
	attached := bufio.NewScanner(stderr)
	if !attached.Scan() || !strings.Contains(attached.Text(), "attached") {
		t.Fatalf("strace says %q", attached.Text())
	}
	return func() []syscallTrace {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		for attached.Scan() {
		}
		_ = cmd.Wait() // it ends by the signal
		return readTrace(t, file)
	}
}

func readTrace(t *testing.T, file string) []syscallTrace {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var calls []syscallTrace
	for line := range strings.Lines(joinResumed(string(text))) {
		m := traced.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || !strings.HasPrefix(filepath.Base(m[3]), "log-") {
			continue
		}
		start, took := seconds(t, m[1]), seconds(t, m[4])
		began := time.Unix(0, 0).Add(start)
		calls = append(calls, syscallTrace{m[2] != "pwrite64", began, began.Add(took)})
	}
	return calls
}

// joinResumed puts the two halves of a call on one line that other threads'
// calls have split, where it ended.
func joinResumed(trace string) string {
	unfinished := map[string]string{}
	var out strings.Builder
	for line := range strings.Lines(trace) {
		pid, rest, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(strings.TrimSpace(rest), " <unfinished ...>"); ok {
			unfinished[pid] = head
			continue
		}
		if _, tail, ok := strings.Cut(rest, " resumed>"); ok {
			rest = unfinished[pid] + tail
		}
		out.WriteString(pid + " " + rest)
	}
	return out.String()
}

func seconds(t *testing.T, text string) time.Duration {
	whole, fraction, _ := strings.Cut(text, ".")
	s, err1 := strconv.ParseInt(whole, 10, 64)
	us, err2 := strconv.ParseInt(fraction, 10, 64)
	if err1 != nil || err2 != nil {
		t.Fatalf("strace writes the time as %q", text)
	}
	return time.Duration(s)*time.Second + time.Duration(us)*time.Microsecond
}
