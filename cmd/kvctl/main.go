// Command kvctl reads, writes and administers a kvorum cluster.
//
// It exits with 0 when done, 1 when it failed, 2 on wrong usage, 3 when the key
// does not exist, and 4 when a comparison failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"kvorum/rpc/client"
)

// Exit codes. Scripts rely on them.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitKeyNotFound
	exitCompareFailed
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	k := &kvctl{stdin: stdin, stdout: stdout}
	root := k.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitDone
	case !k.begun: // nothing but the command line can be wrong yet
		fmt.Fprintf(stderr, "kvctl: %v; see %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(stderr, "kvctl: %s\n", k.explain(err))
	switch {
	case client.IsKeyNotFound(err):
		return exitKeyNotFound
	case errors.Is(err, errCompareFailed):
		return exitCompareFailed
	}
	return exitFailed
}
