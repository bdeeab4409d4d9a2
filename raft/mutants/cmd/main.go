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
	"syscall"
	"time"

	"kvorum/raft/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// trial breaks kvorum in one way, and runs tests.
type trial func(context.Context, mutants.Mutation, io.Writer) mutants.Result

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	by := flags.String("by", "", "try only this `test`: a package and flags of go test")
	if flags.Parse(args) != nil {
		return 2
	}
	chosen, err := choose(flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	try, verbose := mutants.Run, io.Writer(nil)
	if flags.NArg() > 0 {
		verbose = stdout
	}
	if *by != "" {
		try = with(mutants.ParseTest(*by), chosen)
	}
	begun := time.Now()
	if err := mutants.Check(ctx, chosen, nil); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stdout, "without a mutation all tests pass (%.0f s)\n", time.Since(begun).Seconds())
	return runAll(ctx, chosen, try, stdout, verbose)
}

// choose returns the mutations with these numbers or names, or all.
func choose(which []string) ([]mutants.Mutation, error) {
	if len(which) == 0 {
		return mutants.All(), nil
	}
	var chosen []mutants.Mutation
	for _, w := range which {
		m, ok := mutants.Find(w)
		if !ok {
			return nil, fmt.Errorf("there is no mutation %q: see raft/mutants/zoo.txt", w)
		}
		chosen = append(chosen, m)
	}
	return chosen, nil
}

// with makes one test the only one that may catch the chosen mutations.
func with(only mutants.Test, chosen []mutants.Mutation) trial {
	for i := range chosen {
		chosen[i].CaughtBy = only
	}
	return func(ctx context.Context, m mutants.Mutation, verbose io.Writer) mutants.Result {
		return mutants.Try(ctx, m, []mutants.Test{only}, verbose)
	}
}

func runAll(ctx context.Context, chosen []mutants.Mutation, try trial, stdout, verbose io.Writer) int {
	var survivors []mutants.Mutation
	for _, m := range chosen {
		if verbose != nil {
			fmt.Fprintf(stdout, "\n%d %s: %s\n%s", m.Number, m.Name, m.Rule, m.Diff())
		}
		r := try(ctx, m, verbose)
		if ctx.Err() != nil {
			return 1
		}
		fmt.Fprintf(stdout, "%2d %-42s %s\n", m.Number, m.Name, tell(r))
		if r.CaughtBy == "" {
			survivors = append(survivors, m)
		} else if verbose != nil {
			fmt.Fprintf(stdout, "   expected: %s\n   found:    %s\n", m.Violates, r.Violation)
		}
	}
	for _, m := range survivors {
		fmt.Fprintf(stdout, "survivor: %d %s: a test is missing, or it changes nothing that matters\n", m.Number, m.Name)
	}
	fmt.Fprintf(stdout, "mutants: %d caught, %d survived, %d total\n", len(chosen)-len(survivors), len(survivors), len(chosen))
	return min(len(survivors), 1)
}

// tell says in a few words what became of a mutation.
func tell(r mutants.Result) string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("no verdict: %v", r.Err)
	case r.CaughtBy != "":
		return fmt.Sprintf("caught in %4.1f s by %s", r.Duration.Seconds(), r.CaughtBy)
	case r.TimedOut:
		return fmt.Sprintf("survived in %.1f s; one test did not end", r.Duration.Seconds())
	}
	return fmt.Sprintf("survived all tests in %.1f s", r.Duration.Seconds())
}
