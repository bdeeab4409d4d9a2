package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kvorum/rpc/client"
)

// patience bounds everything that a test waits for.
const patience = 30 * time.Second

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// program is a kvorum process. Its output goes to a file.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	output string
	exited chan struct{}
}

// launch starts this program; it is killed when the test ends, if it still runs.
func launch(t *testing.T, args ...string) *program {
	t.Helper()
	return launchBy(t, []string{os.Args[0]}, args...)
}

// launchBy starts a program by a command, whose last word is the program.
func launchBy(t *testing.T, command []string, args ...string) *program {
	t.Helper()
	output, err := os.CreateTemp(t.TempDir(), "output")
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd := exec.Command(command[0], slices.Concat(command[1:], args)...)
	p := &program{t: t, cmd: cmd, output: output.Name(), exited: make(chan struct{})}
	p.cmd.Env = append(withoutKvorum(os.Environ()), asProgram+"=1")
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.exited
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(args, " "), p.text())
		}
	})
	return p
}

// withoutKvorum drops settings of whoever runs the tests.
func withoutKvorum(environment []string) []string {
	var kept []string
	for _, v := range environment {
		if !strings.HasPrefix(v, "KVORUM_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// text returns what the program has written so far.
func (p *program) text() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// says waits until the program has written a match of pattern, and returns it
// with its groups.
func (p *program) says(pattern string) (match []string) {
	p.t.Helper()
	eventually(p.t, "the program writes "+pattern, func() bool {
		match = regexp.MustCompile(pattern).FindStringSubmatch(p.text())
		return match != nil
	})
	return match
}

// exits waits until the program has ended and checks its exit code.
func (p *program) exits(code int) {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("the program does not end")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("got exit code %d, want %d:\n%s", got, code, p.text())
	}
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop sends SIGTERM, after which a server has 5 seconds to exit with 0.
func (p *program) stop() {
	p.t.Helper()
	start := time.Now()
	p.signal(syscall.SIGTERM)
	p.exits(0)
	if took := time.Since(start); took > 5*time.Second {
		p.t.Errorf("the stop took %v", took)
	}
}

// testServer is a server that runs.
type testServer struct {
	*program
	rpcAddr, serfAddr, httpAddr string
}

// serveOn starts a server with its data in dir, on free ports of loopback.
func serveOn(t *testing.T, dir, id string, args ...string) testServer {
	t.Helper()
	return serveBy(t, []string{os.Args[0]}, dir, id, args...)
}

// serveBy starts a server by a command, as launchBy does.
func serveBy(t *testing.T, command []string, dir, id string, args ...string) testServer {
	t.Helper()
	all := []string{"serve", "--id", id, "--data-dir", dir,
		"--rpc-addr", "127.0.0.1:0", "--serf-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"}
	p := launchBy(t, command, append(all, args...)...)
	m := p.says(`kvorum serves.* rpc_addr=(\S+) serf_addr=(\S+) http_addr=(\S+)`)
	return testServer{p, m[1], m[2], m[3]}
}

// dir returns a data folder that does not exist yet.
func dir(t *testing.T) string { return filepath.Join(t.TempDir(), "data") }

// get fetches a path over HTTP.
func (s testServer) get(path string) (code int, body string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.httpAddr + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (s testServer) ready() bool {
	code, _ := s.get("/readyz")
	return code == http.StatusOK
}

// clientOf returns a client of the cluster that the server belongs to.
func clientOf(t *testing.T, s testServer, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New([]string{s.rpcAddr}, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// put writes a key, again if the outcome is unknown: the value is the same.
func put(t *testing.T, c *client.Client, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := c.Set(ctx, key, []byte(value))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("set %s: %v", key, err)
		}
	}
}

// expect reads a key.
func expect(t *testing.T, c *client.Client, key, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if got, err := c.Get(ctx, key); err != nil || string(got.GetValue()) != want {
		t.Errorf("get %s: got %q, %v; want %q", key, got.GetValue(), err, want)
	}
}

// voters returns how many voters the server's configuration has.
func voters(c *client.Client, s testServer) (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	st, err := c.Status(ctx, s.rpcAddr)
	for _, member := range st.GetServers() {
		if strings.HasSuffix(member.GetMembership().String(), "VOTER") {
			n++
		}
	}
	return n, err
}

// leads reports whether the server leads.
func leads(c *client.Client, s testServer) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	st, err := c.Status(ctx, s.rpcAddr)
	return err == nil && st.GetRole() == "leader"
}

// freeBase returns a port at which a demo of three servers may begin.
func freeBase(t *testing.T) int {
	t.Helper()
	for base := 20000 + os.Getpid()%1000*30; base < 60000; base += 30 {
		d := demo{basePort: base, size: 3}
		for k := 1; k <= d.size; k++ {
			d.children = append(d.children, d.newChild(k))
		}
		if d.checkPorts() == nil {
			return base
		}
	}
	t.Fatal(errors.New("no free ports"))
	return 0
}

func addr(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
