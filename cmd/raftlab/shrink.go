package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kvorum/raft/sim"
)

func (l *raftlab) shrink() *cobra.Command {
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "shrink SEED",
		Short: "Make a failing run smaller",
		Long: `shrink takes a seed whose run breaks an invariant, and leaves out one action of
clients and faults after another for as long as the same invariant breaks no later.
It prints what happens last in the smallest run that it finds, and the command that
replays it.

The code as it is has no failing seed that we know of: break a rule with --mutant.`,
		Example: "  raftlab sim --seeds 500 --mutant half-is-a-quorum\n  raftlab shrink 2 --mutant half-is-a-quorum",
		Args:    oneSeed,
	}
	cmd.Flags().DurationVar(&limit, "time", 2*time.Minute, "be content after this long with what was found")
	return l.simulates(cmd, func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), limit)
		defer cancel()
		return l.shrinkRun(ctx, l.runOf(args))
	})
}

// isAction matches the line that begins what a client or a fault does.
var isAction = regexp.MustCompile(`^ *\S+ action [0-9]+`)

func (l *raftlab) shrinkRun(ctx context.Context, o sim.Options) error {
	begun := time.Now()
	shrunk, err := sim.Shrink(ctx, o, func(kept int, at time.Duration) {
		fmt.Fprintf(l.stderr, "%5.1f s: %d actions, %v\n", time.Since(begun).Seconds(), kept, at)
	})
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		fmt.Fprintln(l.stderr, "stopped: this may not be the smallest")
	}
	o, whole, r := shrunk.Options, shrunk.Whole, shrunk.Result
	drop := ranges{o.Drop}
	trace := traceOf(o)
	last := trace[max(0, len(trace)-lastLines):]
	fmt.Fprintf(l.stdout, "seed %d: %v\n\n", o.Seed, r.Err)
	fmt.Fprintf(l.stdout, "shrunk from %d events and %d actions in %v\n", whole.Events, whole.Actions, whole.Time)
	fmt.Fprintf(l.stdout, "         to %d events and %d actions in %v\n\n", r.Events, r.Actions-len(o.Drop), r.Time)
	fmt.Fprintln(l.stdout, "the actions that are left:")
	for _, line := range trace {
		if isAction.MatchString(line) {
			fmt.Fprintln(l.stdout, line)
		}
	}
	fmt.Fprintf(l.stdout, "\nthe last %d of %d lines:\n%s\n\n", len(last), len(trace), strings.Join(last, "\n"))
	fmt.Fprintf(l.stdout, "replay: %s --until %v", l.hint("replay", o.Seed), o.Until)
	if len(o.Drop) > 0 {
		fmt.Fprintf(l.stdout, " --drop %s", &drop)
	}
	fmt.Fprintln(l.stdout)
	return nil
}
