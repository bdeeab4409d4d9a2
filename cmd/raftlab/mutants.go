package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kvorum/raft/mutants"
)

func (l *raftlab) mutants() *cobra.Command {
	var seeds int
	cmd := &cobra.Command{
		Use:   "mutants [NAME|NUMBER]",
		Short: "List the bug zoo, or break one rule and watch which test notices",
		Long: `mutants lists the bug zoo: each known mistake with the place of the rule in the
paper or the thesis, who made it, and the change. With a name or number it breaks
that rule, aside from your files, runs the cheapest test that notices, and then
looks for a seed of the simulator that does, and shows the trace up to the violation.
It needs the source and the go command.`,
		Example: "  raftlab mutants\n  raftlab mutants half-is-a-quorum\n  raftlab mutants 1 --seeds 1000",
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().IntVar(&seeds, "seeds", 200, "look through so many seeds; 0: only the test")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l.begun = true
		if len(args) == 0 {
			l.listMutants()
			return nil
		}
		m, ok := mutants.Find(args[0])
		if !ok {
			return noMutant(args[0])
		}
		return l.tryMutant(cmd.Context(), m, seeds)
	}
	return cmd
}

// place finds the sections and figures that a rule names.
var place = regexp.MustCompile(`(?:thesis )?§[0-9]+(?:\.[0-9]+)*|Figures? [0-9]+`)

func (l *raftlab) listMutants() {
	for _, m := range mutants.All() {
		places := strings.Join(slices.Compact(place.FindAllString(m.Rule, -1)), ", ")
		fmt.Fprintf(l.stdout, "%2d %s  %s  (%s)\n", m.Number, m.Name, places, m.Precedent)
		first := m.Edits[0]
		for _, mark := range []string{"-", "+"} {
			at := slices.IndexFunc(first.Diff, func(line string) bool { return strings.HasPrefix(line, mark) })
			if at >= 0 {
				fmt.Fprintf(l.stdout, "     %s %s\n", mark, strings.TrimSpace(first.Diff[at][1:]))
			}
		}
	}
}

func (l *raftlab) tryMutant(ctx context.Context, m mutants.Mutation, seeds int) error {
	fmt.Fprintf(l.stdout, "%d %s\nrule:      %s\nprecedent: %s\nviolates:  %s\n\n%s\n", m.Number, m.Name, m.Rule, m.Precedent, m.Violates, m.Diff())
	caught := mutants.Run(ctx, m, l.stdout)
	if caught.Err != nil {
		return caught.Err
	}
	if caught.CaughtBy != "" {
		fmt.Fprintf(l.stdout, "\ncaught by %s in %.1f s: %s\n", caught.CaughtBy, caught.Duration.Seconds(), caught.Violation)
	}
	bySeed, err := l.findSeed(ctx, m, seeds)
	switch {
	case err != nil:
		return err
	case caught.CaughtBy != "" || bySeed:
		return nil
	}
	return fmt.Errorf("%s survives every test", m.Name)
}

// findSeed looks for a seed that breaks an invariant, where the changed code is
// in what the simulator plays.
func (l *raftlab) findSeed(ctx context.Context, m mutants.Mutation, seeds int) (bool, error) {
	simulated, err := isSimulated(ctx, m)
	if err != nil || !simulated || seeds == 0 {
		return false, err
	}
	fmt.Fprintf(l.stdout, "\n$ raftlab sim --seeds %d --mutant %s\n", seeds, m.Name)
	err = l.runMutated(ctx, m.Name, "sim", "--seeds", strconv.Itoa(seeds))
	var found *exec.ExitError
	if errors.As(err, &found) && found.ExitCode() == 1 {
		return true, nil
	}
	return false, err
}

// isSimulated reports whether the simulator is made of a package that m changes.
func isSimulated(ctx context.Context, m mutants.Mutation) (bool, error) {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "kvorum/raft/sim")
	var complaint bytes.Buffer
	list.Stderr = &complaint
	out, err := list.Output()
	if err != nil {
		return false, fmt.Errorf("go list: %w\n%s", err, &complaint)
	}
	packages := strings.Fields(string(out))
	return slices.ContainsFunc(m.Edits, func(e mutants.Edit) bool {
		return slices.Contains(packages, "kvorum/"+path.Dir(e.File))
	}), nil
}
