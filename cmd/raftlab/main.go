// Command raftlab plays with kvorum's Raft: it searches simulated runs for one
// that breaks an invariant, replays a run line by line, shrinks one that fails,
// and breaks the code on purpose to see which test notices. And it looks into the
// folders of real servers.
//
// It exits with 0 when all is well, 1 when an invariant broke or it failed, and
// 2 on wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	l := &raftlab{args: args, stdout: stdout, stderr: stderr}
	root := l.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var child *exec.ExitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &child) && child.Exited(): // it has said why
		return child.ExitCode()
	case !l.begun || errors.As(err, &usage):
		fmt.Fprintf(stderr, "raftlab: %v; see %s --help\n", err, cmd.CommandPath())
		return 2
	}
	fmt.Fprintf(stderr, "raftlab: %v\n", err)
	return 1
}
