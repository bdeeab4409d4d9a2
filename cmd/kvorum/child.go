package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"kvorum/dashboard"
)

// child is one server of a demo.
type child struct {
	name                        string
	rpcAddr, serfAddr, httpAddr string
	dataDir, logFile            string
	join                        string // the gossip addresses of the others
	program                     string
	ended                       chan<- *child // told once the process has ended

	cmd    *exec.Cmd     // nil: never started
	exited chan struct{} // closed when the process has ended
	down   bool          // it has ended, and has not been seen since
}

func (d *demo) newChild(k int) *child {
	addr := func(k, offset int) string {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(d.basePort+10*(k-1)+offset))
	}
	name := fmt.Sprintf("n%d", k)
	var others []string
	for other := 1; other <= d.size; other++ {
		if other != k {
			others = append(others, addr(other, 1))
		}
	}
	return &child{
		name:     name,
		rpcAddr:  addr(k, 0),
		serfAddr: addr(k, 1),
		httpAddr: addr(k, 2),
		dataDir:  filepath.Join(d.dir, name),
		logFile:  filepath.Join(d.dir, name+".log"),
		join:     strings.Join(others, ","),
		program:  d.program,
		ended:    d.ended,
		exited:   make(chan struct{}),
	}
}

// args are the same at each start, so that they can be typed.
func (c *child) args() []string {
	args := []string{"serve", "--id", c.name, "--data-dir", c.dataDir,
		"--rpc-addr", c.rpcAddr, "--serf-addr", c.serfAddr, "--http-addr", c.httpAddr}
	if c.join != "" {
		args = append(args, "--join", c.join)
	}
	return args
}

// start starts the server in a process group of its own: a Ctrl-C in the
// terminal is for the demo, which stops its servers itself.
func (c *child) start(more ...string) error {
	if err := os.MkdirAll(filepath.Dir(c.logFile), 0o755); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	log, err := os.OpenFile(c.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	defer log.Close() // the child has a descriptor of its own
	cmd := exec.Command(c.program, append(c.args(), more...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.cmd = cmd
	go func() {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(c.exited)
		c.ended <- c
	}()
	return nil
}

// signal sends a signal, and reports whether there was a process to get it.
func (c *child) signal(s syscall.Signal) bool {
	return c.cmd != nil && !errors.Is(c.cmd.Process.Signal(s), os.ErrProcessDone)
}

// lastWords returns the last line that the server wrote.
func (c *child) lastWords() string {
	text, err := os.ReadFile(c.logFile)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(lines[len(lines)-1])
}

// status asks the server about the cluster.
func (c *child) status(ctx context.Context) (s dashboard.Snapshot, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*statusPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.httpAddr+"/dashboard.json", nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, errors.New(resp.Status)
	}
	return s, json.NewDecoder(resp.Body).Decode(&s)
}
