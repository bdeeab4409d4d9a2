package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kvorum/raft/sim"
)

func (l *raftlab) replay() *cobra.Command {
	var from, until time.Duration
	var servers []string
	var drop ranges
	cmd := &cobra.Command{
		Use:   "replay SEED",
		Short: "Print a run, line by line",
		Long: `replay plays the run of a seed again and prints all that happens: the faults, why
each server does what it does, and the messages in the notation of the scripts in
raft/testdata: who -> whom, which RPC, its fields. A message is printed when it is
sent; the network may yet lose, delay or repeat it. An entry is written index.term.`,
		Example: "  raftlab replay 3 --until 8s\n  raftlab replay 3 --from 3s --until 3.5s --server n1,n2",
		Args:    oneSeed,
	}
	f := cmd.Flags()
	f.DurationVar(&from, "from", 0, "print from this simulated time on")
	f.DurationVar(&until, "until", 0, "stop at this simulated time; 0: at the end")
	f.StringSliceVar(&servers, "server", nil, "print only what is about these servers, or about none in particular")
	f.Var(&drop, "drop", "leave out these actions of clients and faults, as `raftlab shrink` prints them")
	return l.simulates(cmd, func(_ *cobra.Command, args []string) error {
		out := bufio.NewWriter(l.stdout)
		p := printing{out: out, from: from, servers: servers}
		r := sim.Play(sim.Options{Seed: seedOf(args), Until: until, Drop: drop.numbers, Trace: p.line})
		if err := out.Flush(); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		if r.Err != nil {
			return fmt.Errorf("seed %d: %w", r.Seed, r.Err)
		}
		return nil
	})
}

// printing prints the lines of a trace that somebody wants to see.
type printing struct {
	out     io.Writer
	from    time.Duration
	servers []string // none: all
	begun   bool
}

// line takes what the simulator calls a line; what has no time of its own, as a
// stack trace has not, belongs to what was before.
func (p *printing) line(text string) {
	clock, rest, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
	if at, err := time.ParseDuration(clock); err == nil {
		p.begun = at >= p.from
	}
	if p.begun && p.isWanted(rest) {
		fmt.Fprintln(p.out, text) //nolint:errcheck // the writer keeps the error
	}
}

var serverName = regexp.MustCompile(`^n[0-9]+`)

func (p *printing) isWanted(rest string) bool {
	words := strings.Fields(rest)
	if len(p.servers) == 0 || len(words) == 0 {
		return true
	}
	about := []string{serverName.FindString(words[0])}
	if len(words) > 2 && words[1] == "->" {
		about = append(about, serverName.FindString(words[2]))
	}
	return about[0] == "" || slices.ContainsFunc(about, func(name string) bool { return slices.Contains(p.servers, name) })
}
