//go:build strace

package main

import (
	"bufio"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// traceOptions make strace write what concerns files, in the form that readTrace
// knows. Never --seccomp-bpf: with it a signal cannot be injected.
var traceOptions = []string{"-f", "-ttt", "-T", "-y", "-s", "0",
	"-e", "trace=openat,pwrite64,fdatasync,fsync,/^rename,/^unlink"}

// tracer is a strace that is attached to a process.
type tracer struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr *bufio.Scanner
	file   string
}

// attach attaches strace to a process, to do with its calls what inject says:
// the argument of strace -e inject. Its when= counts the calls of each thread
// alone, so only when=1 means the same in all of them: the next call of any.
func attach(t *testing.T, pid int, inject ...string) *tracer {
	t.Helper()
	s := &tracer{t: t, file: filepath.Join(t.TempDir(), "strace")}
	args := append([]string{"-o", s.file, "-p", strconv.Itoa(pid)}, traceOptions...)
	for _, i := range inject {
		args = append(args, "-e", "inject="+i)
	}
	s.cmd = exec.Command("strace", args...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("this test needs strace: %v", err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it may have ended
	s.stderr = bufio.NewScanner(stderr)
	if !s.stderr.Scan() || !strings.Contains(s.stderr.Text(), "attached") {
		t.Fatalf("strace says %q", s.stderr.Text())
	}
	return s
}

// detach lets the process go on, unless it has ended, and returns its calls.
func (s *tracer) detach() []call {
	s.t.Helper()
	_ = s.cmd.Process.Signal(os.Interrupt) // it ends by itself once the process has
	for s.stderr.Scan() {
	}
	_ = s.cmd.Wait() // it ends by the signal
	return readTrace(s.t, s.file)
}

// call is a system call. What an injected signal or the end of the process has
// cut short did not end.
type call struct {
	name         string
	text         string // with arguments and result, as strace writes it
	path         string // of the file it concerns, by its present name
	began, ended int    // the lines of the trace
	at           time.Time
	took         time.Duration
	done         bool // and without an error
}

// never is later than every line.
const never = math.MaxInt

var (
	writing      = regexp.MustCompile(`^pwrite64\(.*, (\d+), (\d+)\b`)
	renaming     = regexp.MustCompile(`"([^"]*)".*"([^"]*)"`)
	onDescriptor = regexp.MustCompile(`^\w+\(\d+<([^>]*)>`)
	onName       = regexp.MustCompile(`"([^"]*)"[^"]*$`) // of a rename: the new one
	outcome      = regexp.MustCompile(`\) += (-?\d+)\b.* <(\d+\.\d+)>$`)
)

// readTrace returns the calls in the order in which they began.
func readTrace(t *testing.T, file string) []call {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	open := map[string]int{} // by thread
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		thread, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		stamp, event, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if strings.HasPrefix(event, "+++") || strings.HasPrefix(event, "---") {
			continue
		}
		if _, tail, resumed := strings.Cut(event, " resumed>"); resumed {
			c := &calls[open[thread]]
			c.text, c.ended = c.text+tail, number
			continue
		}
		name, _, _ := strings.Cut(event, "(")
		c := call{name: name, text: event, began: number, ended: number, at: time.Unix(0, 0).Add(seconds(t, stamp))}
		if head, unfinished := strings.CutSuffix(event, " <unfinished ...>"); unfinished {
			c.text, c.ended = head, never
			open[thread] = len(calls)
		}
		calls = append(calls, c)
	}
	for i := range calls {
		calls[i].interpret(t)
	}
	return calls
}

// interpret fills in what the text says.
func (c *call) interpret(t *testing.T) {
	if m := onDescriptor.FindStringSubmatch(c.text); m != nil {
		c.path = m[1]
	} else if m := onName.FindStringSubmatch(c.text); m != nil {
		c.path = m[1]
	}
	m := outcome.FindStringSubmatch(c.text)
	if m == nil {
		c.ended = never // or it was killed: its result is a question mark
		return
	}
	c.took, c.done = seconds(t, m[2]), !strings.HasPrefix(m[1], "-")
}

// onLog reports whether the call concerns the log.
func (c *call) onLog() bool { return strings.HasPrefix(filepath.Base(c.path), "log-") }

func (c *call) isSync() bool { return c.name == "fdatasync" || c.name == "fsync" }

// extent returns where a pwrite64 writes, and how many bytes.
func (c *call) extent(t *testing.T) (from, length int64) {
	t.Helper()
	m := writing.FindStringSubmatch(c.text)
	if m == nil {
		t.Fatalf("strace writes %q", c.text)
	}
	length, err1 := strconv.ParseInt(m[1], 10, 64)
	from, err2 := strconv.ParseInt(m[2], 10, 64)
	if err1 != nil || err2 != nil {
		t.Fatalf("strace writes %q", c.text)
	}
	return from, length
}

// renamed returns the earlier name of the file.
func (c *call) renamed() string {
	if m := renaming.FindStringSubmatch(c.text); m != nil {
		return m[1]
	}
	return ""
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		t.Fatalf("strace writes the time as %q", text)
	}
	return d
}
