package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"kvorum/raft/sim"
)

// raftlab is one run of the program.
type raftlab struct {
	args           []string
	stdout, stderr io.Writer

	run     sim.Options // of which kind the runs are; without a seed
	mutant  string      // which rule is to be broken first
	mutated string      // which rule this program, compiled for it, breaks
	begun   bool        // the command line was right, and its command runs
}

// usageError is a mistake on the command line that shows only when the command runs.
type usageError struct{ error }

func (l *raftlab) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "raftlab",
		Short: "Simulate, replay, shrink and break kvorum's Raft, and look at its disks",
		Long: `raftlab plays simulated clusters, each from one number, its seed: the same seed is
the same run. It searches for a run that breaks an invariant, replays a run line
by line, shrinks one that fails, and breaks the code on purpose to see which test
notices. And it looks into the folders of real servers.
Exit codes: 0 all is well, 1 an invariant broke or it failed, 2 wrong usage.`,
		Example: `  raftlab sim --time 2m
  raftlab replay 3 --from 3s --until 3.5s --server n1,n2
  raftlab mutants
  raftlab mutants half-is-a-quorum
  raftlab shrink 2 --mutant half-is-a-quorum`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("a command is needed")
			}
			return fmt.Errorf("unknown command %q", args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // never: Args refuses all
	}
	root.AddCommand(l.serve(), l.export(), l.sim(), l.replay(), l.shrink(), l.mutants(), l.wal(), l.engine())
	return root
}

// simulates makes a body a command's that plays runs of l.run's kind, and can do so
// with a broken rule.
func (l *raftlab) simulates(cmd *cobra.Command, body func(*cobra.Command, []string) error) *cobra.Command {
	cmd.Flags().BoolVar(&l.run.Short, "short", false, "play a seed's short run, of three servers for a few seconds, as the Porcupine suite does")
	cmd.Flags().IntVar(&l.run.Servers, "servers", 0, "play clusters of so many servers, 1 to 7; 0: of as many as the seed draws")
	cmd.MarkFlagsMutuallyExclusive("short", "servers")
	cmd.Flags().StringVar(&l.mutant, "mutant", "", "break this `rule` first, a number or name, as in raftlab mutants")
	cmd.Flags().StringVar(&l.mutated, "mutated", "", "")
	cmd.Flags().Lookup("mutated").Hidden = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l.begun = true
		if n := l.run.Servers; n < 0 || n > 7 {
			return usageError{fmt.Errorf("--servers %d: want 1 to 7, or 0", n)}
		}
		if l.mutant != "" {
			return l.runMutated(cmd.Context(), l.mutant, l.args...)
		}
		return body(cmd, args)
	}
	return cmd
}

// oneSeed is the argument of a command about one seed.
func oneSeed(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("one seed is needed")
	}
	if _, err := strconv.ParseUint(args[0], 10, 64); err != nil {
		return fmt.Errorf("%q is no seed: want a number from 0 on", args[0])
	}
	return nil
}

// runOf returns the run of the seed that args name.
func (l *raftlab) runOf(args []string) sim.Options {
	o := l.run
	o.Seed, _ = strconv.ParseUint(args[0], 10, 64) // oneSeed has looked at it
	return o
}

// hint returns a command line that does something more with a run of this code,
// wherever in it this program was made.
func (l *raftlab) hint(command string, seed uint64) string {
	line := fmt.Sprintf("go run ./cmd/raftlab %s %d", command, seed)
	if l.run.Short {
		line += " --short"
	}
	if l.run.Servers > 0 {
		line += fmt.Sprintf(" --servers %d", l.run.Servers)
	}
	if l.mutated != "" {
		line += " --mutant " + l.mutated
	}
	return line
}
