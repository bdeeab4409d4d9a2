// Command kvbench loads a kvorum cluster and prints throughput and latencies.
//
// Its clients are closed loops: each sends its next request when the last one is
// answered. With --rate requests are due at fixed times instead, and latency
// counts from when a request was due, so that a cluster that stalls is charged
// for all the requests it kept from being sent.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command line. It returns 0 when done, 1 when it failed and 2 on wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	b := &bench{stdout: stdout, stderr: stderr}
	cmd := b.command()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case !b.begun:
		fmt.Fprintf(stderr, "kvbench: %v; see kvbench --help\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "kvbench: %v\n", err)
	return 1
}
