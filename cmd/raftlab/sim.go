package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"kvorum/cmd/internal/progress"
	"kvorum/raft/sim"
)

func (l *raftlab) sim() *cobra.Command {
	var base uint64
	var seeds int
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Play many seeds, on all cores, until one breaks an invariant",
		Long: `sim plays one seed after another, on all cores. At the first run that breaks an
invariant it stops, and says what broke, what happened last, and how to see more.
It ends with a line of figures.`,
		Example: "  raftlab sim\n  raftlab sim --time 10m --base 1000000\n  raftlab sim --servers 5\n  raftlab sim --seeds 500 --mutant half-is-a-quorum",
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	f.IntVar(&seeds, "seeds", 0, "play so many seeds; 0: as many as there is time for")
	f.DurationVar(&limit, "time", time.Minute, "stop after this long; 0: when all seeds are played; a minute if neither is given")
	f.Uint64Var(&base, "base", 1, "the first seed")
	return l.simulates(cmd, func(cmd *cobra.Command, _ []string) error {
		if seeds < 0 || limit < 0 {
			return usageError{errors.New("--seeds and --time are not negative")}
		}
		if seeds > 0 && !cmd.Flags().Changed("time") {
			limit = 0
		}
		return l.playSeeds(cmd.Context(), sim.Batch{First: base, Seeds: seeds, Short: l.run.Short, Servers: l.run.Servers}, limit)
	})
}

func (l *raftlab) playSeeds(ctx context.Context, b sim.Batch, limit time.Duration) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var played atomic.Int64
	b.Progress = func(t sim.Total) { played.Store(int64(t.Seeds)) }
	begun := time.Now()
	show := progress.Start(l.stderr, func() (part float64, words string) {
		elapsed, n := time.Since(begun), played.Load()
		if b.Seeds > 0 {
			part = float64(n) / float64(b.Seeds)
		}
		if limit > 0 {
			part = max(part, float64(elapsed)/float64(limit))
		}
		return part, fmt.Sprintf("%d seeds, %.0f s", n, elapsed.Seconds())
	})
	total := sim.RunSeeds(ctx, b)
	show.Stop()
	var err error
	if len(total.Violations) > 0 {
		first := total.Violations[0]
		err = fmt.Errorf("seed %d: %w", first.Seed, first.Err)
		l.report(first)
	}
	fmt.Fprintln(l.stdout, total.String())
	if unseen := total.Unseen(); err == nil && !b.Short && b.Servers == 0 && total.Seeds >= sim.Telling && len(unseen) > 0 {
		err = fmt.Errorf("vacuous: in %d seeds, never: %v", total.Seeds, unseen)
	}
	return err
}

// lastLines is how much of a trace a report shows.
const lastLines = 30

// report says what is to know about a run that broke an invariant.
func (l *raftlab) report(r sim.Result) {
	o := l.run
	o.Seed, o.Until = r.Seed, r.Time
	trace := traceOf(o)
	last := trace[max(0, len(trace)-lastLines):]
	fmt.Fprintf(l.stdout, "seed %d, event %d: %v\n\n", r.Seed, r.Events, r.Err)
	fmt.Fprintf(l.stdout, "the last %d of %d lines:\n", len(last), len(trace))
	for _, line := range last {
		fmt.Fprintln(l.stdout, line)
	}
	from := max(0, r.Time-time.Second).Truncate(time.Millisecond)
	fmt.Fprintf(l.stdout, "\nreplay: %s --from %v\n", l.hint("replay", r.Seed), from)
	fmt.Fprintf(l.stdout, "shrink: %s\n", l.hint("shrink", r.Seed))
	fmt.Fprintf(l.stdout, "see: %s --open\n\n", l.hint("replay", r.Seed))
}

// traceOf plays a run and returns all lines of its trace.
func traceOf(o sim.Options) []string {
	var lines []string
	o.Trace = func(line string) { lines = append(lines, line) }
	sim.Play(o)
	return lines
}
