package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kvorum/dashboard"
)

// demo is a cluster of child processes on this machine.
type demo struct {
	dir      string
	basePort int
	size     int
	program  string // what the children run
	out      io.Writer

	children []*child
	ended    chan *child // each child is sent once, when it has ended
	leader   string      // last seen; empty: none
}

func demoCommand() *cobra.Command {
	var d demo
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a cluster on this machine, to try things out",
		Long: `Run a cluster of real processes on this machine's loopback address, until
Ctrl-C stops them all. Its data stays in a folder, and the next demo goes on
with it. A server that is killed stays down until you start it again, with the
command that is printed.`,
		Example: `  kvorum demo
  kvorum demo --servers 5 --dir /tmp/five --base-port 9000`,
		Args: noArguments,
	}
	c.Flags().StringVar(&d.dir, "dir", "./kvorum-demo", "folder for data and logs; made if absent")
	c.Flags().IntVar(&d.basePort, "base-port", 8400, "first port; server k uses base+10(k-1) and the two after it")
	c.Flags().IntVar(&d.size, "servers", 3, "how many servers")
	c.RunE = func(c *cobra.Command, _ []string) error {
		d.out = c.OutOrStdout()
		if d.size < 1 || d.size > 9 {
			return usagef("--servers %d: it must be within 1 and 9", d.size)
		}
		if d.basePort < 1 || d.basePort > 65535-10*d.size {
			return usagef("--base-port %d: it must be within 1 and %d", d.basePort, 65535-10*d.size)
		}
		ctx, stop := untilSignal(c.Context())
		defer stop()
		return d.run(ctx)
	}
	return c
}

const (
	// startPatience bounds how long the servers may take to elect a leader.
	startPatience = 30 * time.Second
	// stopPatience is longer than a server takes to stop.
	stopPatience = 6 * time.Second
	pollInterval = 300 * time.Millisecond
)

// run starts the cluster, tells what happens to it, and stops it when ctx ends.
func (d *demo) run(ctx context.Context) (err error) {
	if d.program, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	d.ended = make(chan *child, d.size)
	for k := 1; k <= d.size; k++ {
		d.children = append(d.children, d.newChild(k))
	}
	if err := d.checkPorts(); err != nil {
		return err
	}
	defer d.stop()
	if err := d.start(ctx); err != nil {
		return err
	}
	if ctx.Err() == nil {
		d.welcome()
		d.watch(ctx)
	}
	return nil
}

// checkPorts says which port is taken before anything has been started.
func (d *demo) checkPorts() error {
	for _, c := range d.children {
		for _, addr := range []string{c.rpcAddr, c.serfAddr, c.httpAddr} {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return fmt.Errorf("%s is not free: stop what uses it, or choose other ports with --base-port: %w", addr, err)
			}
			l.Close()
		}
	}
	return nil
}

// start starts the servers, and returns once they have a leader and all take part.
func (d *demo) start(ctx context.Context) error {
	first := d.children[0]
	if d.isNew() {
		// The first server is a cluster by itself before the others begin to
		// look for it, so that there is never more than one.
		if err := first.start("--bootstrap"); err != nil {
			return err
		}
		if err := d.await(ctx, 1); err != nil {
			return err
		}
	}
	for _, c := range d.children {
		if c.cmd != nil {
			continue
		}
		if err := c.start(); err != nil {
			return err
		}
	}
	return d.await(ctx, d.size)
}

// isNew reports whether there has been no cluster of several servers here: then
// the first one founds it, which is harmless where it has done so before.
func (d *demo) isNew() bool {
	for _, c := range d.children[1:] {
		if _, err := os.Stat(c.dataDir); err == nil {
			return false
		}
	}
	return true
}

// await waits until n servers have one leader.
func (d *demo) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("no leader in time"))
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		select {
		case c := <-d.ended:
			return fmt.Errorf("%s has ended, see %s: %s", c.name, c.logFile, c.lastWords())
		case <-poll.C:
			if s := d.status(ctx); s.Leader != nil && s.Quorums[0].Answering >= n {
				d.leader = s.Leader.Name
				return nil
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil // stopped by the user
			}
			return fmt.Errorf("the servers do not come up, see the logs in %s: %w", d.dir, context.Cause(ctx))
		}
	}
}

// watch tells what happens until ctx ends.
func (d *demo) watch(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-d.ended:
			d.say("%s has ended (%v). Start it again, in another terminal, with\n\n    %s\n", c.name, c.cmd.ProcessState, d.commandLine(c))
			c.down = true
		case <-poll.C:
			d.tell(d.status(ctx))
		}
	}
}

// tell says what is new in s.
func (d *demo) tell(s dashboard.Snapshot) {
	for _, c := range d.children {
		if c.down && isUp(s, c.name) {
			c.down = false
			d.say("%s is back", c.name)
		}
	}
	switch {
	case s.Leader == nil && d.leader != "":
		d.leader = ""
		d.say("there is no leader")
	case s.Leader != nil && s.Leader.Name != d.leader:
		d.leader = s.Leader.Name
		d.say("%s leads", d.leader)
	}
}

// isUp reports whether the server takes part and answers.
func isUp(s dashboard.Snapshot, name string) bool {
	return slices.ContainsFunc(s.Servers, func(server dashboard.Server) bool { return server.Name == name && server.Up })
}

// status asks the servers in turn until one answers for all.
func (d *demo) status(ctx context.Context) (s dashboard.Snapshot) {
	for _, c := range d.children {
		if found, err := c.status(ctx); err == nil && found.Leader != nil {
			return found
		}
	}
	return s
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// stop ends the servers that this process has started, all at once.
func (d *demo) stop() {
	var running []*child
	for _, c := range d.children {
		if c.signal(syscall.SIGTERM) {
			running = append(running, c)
		}
	}
	if len(running) > 0 {
		d.say("stopping")
	}
	limit := time.NewTimer(stopPatience)
	defer limit.Stop()
	for _, c := range running {
		select {
		case <-c.exited:
		case <-limit.C:
			d.say("%s does not stop: it is killed", c.name)
			c.signal(syscall.SIGKILL)
			limit.Reset(0)
		}
	}
	if names := d.leftovers(); names != "" {
		d.say("still running, because it was started from elsewhere: %s", names)
		return
	}
	d.say("all servers have stopped; the data stays in %s", d.dir)
}

// leftovers names the servers that somebody else started again.
func (d *demo) leftovers() string {
	var names []string
	for _, c := range d.children {
		if c.cmd == nil {
			continue
		}
		if l, err := net.Listen("tcp", c.rpcAddr); err != nil {
			names = append(names, c.name)
		} else {
			l.Close()
		}
	}
	return strings.Join(names, ", ")
}
