package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	var all bool
	var by string
	cmd := &cobra.Command{
		Use:   "mutants [NAME|NUMBER]",
		Short: "List the bug zoo, or break a rule and watch what notices",
		Long: `mutants lists the bug zoo: each known mistake with the place of the rule in the
paper or the thesis, who made it, and the change.

With a name or number it breaks that rule, aside from your files, runs the cheapest
test that notices, and then looks for a seed of the simulator that does, and shows
the trace up to the violation.

With --all it breaks one rule after another, tells which test notices and how soon,
and fails if none does. It needs the source and the go command.`,
		Example: `  raftlab mutants
  raftlab mutants half-is-a-quorum
  raftlab mutants 1 --seeds 1000
  raftlab mutants 1 --by './raft/sim -run TestSeeds -seeds 50'
  raftlab mutants --all`,
		Args: cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.IntVar(&seeds, "seeds", 200, "look through so many seeds for one that notices; 0: only run tests")
	f.BoolVar(&all, "all", false, "break every rule in turn, and count the survivors")
	f.StringVar(&by, "by", "", "try only this `TEST` in the place of those that would notice: a package and flags of go test")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l.begun = true
		if !all && len(args) == 0 && by == "" {
			l.listMutants()
			return nil
		}
		return l.breakRules(cmd.Context(), args, all, by, seeds)
	}
	return cmd
}

// breakRules breaks the rule that args name, or all.
func (l *raftlab) breakRules(ctx context.Context, args []string, all bool, by string, seeds int) error {
	switch {
	case all && len(args) > 0:
		return usageError{errors.New("name one mutant, or --all of them, not both")}
	case all:
		return l.tryMutants(ctx, mutants.All(), by)
	case len(args) == 0:
		return usageError{errors.New("--by needs the name of a mutant, or --all")}
	}
	return l.tryMutant(ctx, args[0], by, seeds)
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

// tryMutant breaks one rule, and shows what notices.
func (l *raftlab) tryMutant(ctx context.Context, which, by string, seeds int) error {
	m, ok := mutants.Find(which)
	if !ok {
		return noMutant(which)
	}
	fmt.Fprintf(l.stdout, "%d %s\nrule:      %s\nprecedent: %s\nviolates:  %s\n\n%s\n", m.Number, m.Name, m.Rule, m.Precedent, m.Violates, m.Diff())
	if by != "" {
		m.CaughtBy, seeds = mutants.ParseTest(by), 0
	}
	if err := mutants.Check(ctx, []mutants.Mutation{m}, nil); err != nil {
		return err
	}
	r := try(ctx, m, by != "", l.stdout)
	if r.Err != nil {
		return r.Err
	}
	fmt.Fprintf(l.stdout, "\n%s\n", verdict(r))
	if r.CaughtBy != "" {
		fmt.Fprintf(l.stdout, "expected: %s\nfound:    %s\n", m.Violates, r.Violation)
	}
	bySeed, err := l.findSeed(ctx, m, seeds)
	if err == nil && r.CaughtBy == "" && !bySeed {
		err = fmt.Errorf("%s survives", m.Name)
	}
	return err
}

// try runs the tests that may notice a broken rule: the cheapest and all that
// are near, or the cheapest alone.
func try(ctx context.Context, m mutants.Mutation, alone bool, verbose io.Writer) mutants.Result {
	if alone {
		return mutants.Try(ctx, m, []mutants.Test{m.CaughtBy}, verbose)
	}
	return mutants.Run(ctx, m, verbose)
}

// verdict says in a few words what became of a mutant.
func verdict(r mutants.Result) string {
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

// findSeed looks for a seed that breaks an invariant, where the changed code is
// in what the simulator plays.
func (l *raftlab) findSeed(ctx context.Context, m mutants.Mutation, seeds int) (bool, error) {
	if seeds == 0 {
		return false, nil
	}
	simulated, err := isSimulated(ctx, m)
	if err != nil || !simulated {
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
