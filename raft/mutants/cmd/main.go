// Command cmd runs the bug zoo: it breaks kvorum in one way after another, and
// tells which test notices.
//
//	go run ./raft/mutants/cmd               all of them
//	go run ./raft/mutants/cmd 16 17         these, with what the tests print
//	go run ./raft/mutants/cmd half-is-a-quorum
//	go run ./raft/mutants/cmd -by './raft/sim -run TestSeeds -seeds 300' 16
//
// The last tries one test in the place of those that would notice.
//
// Exit status: 0, all are caught; 1, not so; 2, wrong usage.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"kvorum/raft/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	by := flags.String("by", "", "try only this `test`: a package and flags of go test")
	if flags.Parse(args) != nil {
		return 2
	}
	all, verbose := mutants.All(), io.Writer(nil)
	if flags.NArg() > 0 {
		all, verbose = nil, stdout
	}
	for _, arg := range flags.Args() {
		m, ok := mutants.Find(arg)
		if !ok {
			fmt.Fprintf(stderr, "there is no mutation %q: see raft/mutants/zoo.txt\n", arg)
			return 2
		}
		all = append(all, m)
	}
	try := mutants.Run
	if *by != "" {
		only := mutants.ParseTest(*by)
		for i := range all {
			all[i].CaughtBy = only
		}
		try = func(ctx context.Context, m mutants.Mutation, verbose io.Writer) mutants.Result {
			return mutants.Try(ctx, m, []mutants.Test{only}, verbose)
		}
	}
	begun := time.Now()
	if err := mutants.Check(ctx, all, nil); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stdout, "without a mutation all tests pass (%.0f s)\n", time.Since(begun).Seconds())
	return runAll(ctx, all, try, stdout, verbose)
}

// trial breaks kvorum in one way, and runs tests.
type trial func(context.Context, mutants.Mutation, io.Writer) mutants.Result

func runAll(ctx context.Context, all []mutants.Mutation, try trial, stdout, verbose io.Writer) int {
	caught := 0
	var survivors []mutants.Mutation
	for _, m := range all {
		if verbose != nil {
			fmt.Fprintf(stdout, "\n%d %s: %s\n%s", m.Number, m.Name, m.Rule, m.Diff())
		}
		r := try(ctx, m, verbose)
		if ctx.Err() != nil {
			return 1
		}
		switch {
		case r.Err != nil:
			fmt.Fprintf(stdout, "%2d %-42s no verdict: %v\n", m.Number, m.Name, r.Err)
			survivors = append(survivors, m)
		case r.CaughtBy == "":
			fmt.Fprintf(stdout, "%2d %-42s survived all tests in %.1f s\n", m.Number, m.Name, r.Duration.Seconds())
			survivors = append(survivors, m)
		default:
			caught++
			fmt.Fprintf(stdout, "%2d %-42s caught in %4.1f s by %s\n", m.Number, m.Name, r.Duration.Seconds(), r.CaughtBy)
			if verbose == nil {
				continue
			}
			fmt.Fprintf(stdout, "   expected: %s\n   found:    %s\n", m.Violates, r.Violation)
		}
	}
	for _, m := range survivors {
		fmt.Fprintf(stdout, "survivor: %d %s: a test is missing, or it changes nothing that matters\n", m.Number, m.Name)
	}
	fmt.Fprintf(stdout, "mutants: %d caught, %d survived, %d total\n", caught, len(survivors), len(all))
	return min(len(survivors), 1)
}
