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

	"kvorum/lab"
	"kvorum/raft/sim"
)

func (l *raftlab) replay() *cobra.Command {
	var from, until time.Duration
	var servers []string
	var drop ranges
	var open, script bool
	cmd := &cobra.Command{
		Use:   "replay SEED",
		Short: "Print a run, line by line",
		Long: `replay plays the run of a seed again and prints all that happens: the faults, why
each server does what it does, and the messages in the notation of the scripts in
raft/testdata: who -> whom, which RPC, its fields. An entry is written index.term.

A message is printed when it is sent, and once more with what became of it: it
arrives, is lost, or waits while its receiver is paused. Where it is lost at once
that is said in the first line. What the network repeats is marked repeated.

With --script it prints the run as such a script: what its cores were given, without
clocks, clients and faults, from which they do the same. It may go into raft/testdata.`,
		Example: `  raftlab replay 3 --until 8s
  raftlab replay 3 --from 3s --until 3.5s --server n1,n2
  raftlab replay 4 --short
  raftlab replay 4 --short --until 2s --script
  raftlab replay 2 --mutant half-is-a-quorum --open`,
		Args: oneSeed,
	}
	f := cmd.Flags()
	f.DurationVar(&from, "from", 0, "print from this simulated time on")
	f.DurationVar(&until, "until", 0, "stop at this simulated time; 0: at the end")
	f.StringSliceVar(&servers, "server", nil, "print only what is about these servers, or about none in particular; `names` as in n1,n2,\nor n1@2: the second n1, after the first lost its disk")
	f.Var(&drop, "drop", "leave out these actions of clients and faults, by `numbers` as raftlab shrink prints them")
	f.BoolVar(&open, "open", false, "print nothing, and open the run in the lab, at the event that broke something or at --until")
	f.BoolVar(&script, "script", false, "print the run as a script, in the notation of raft/testdata")
	for _, other := range []string{"open", "from", "server"} {
		cmd.MarkFlagsMutuallyExclusive("script", other)
	}
	return l.simulates(cmd, func(cmd *cobra.Command, args []string) error {
		o := l.runOf(args)
		o.Until, o.Drop = until, drop.numbers
		if open {
			return l.openRun(cmd.Context(), o)
		}
		if script {
			return l.printScript(o)
		}
		if err := areServers(servers, o); err != nil {
			return err
		}
		return l.printRun(o, &printing{from: from, servers: servers})
	})
}

// printRun plays a run and prints it.
func (l *raftlab) printRun(o sim.Options, p *printing) error {
	out := bufio.NewWriter(l.stdout)
	p.out, o.Trace = out, p.line
	r := sim.Play(o)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if r.Err != nil {
		return fmt.Errorf("seed %d: %w", r.Seed, r.Err)
	}
	return nil
}

// printScript prints a run as a script.
func (l *raftlab) printScript(o sim.Options) error {
	r := sim.Play(o)
	text, why := lab.Script(l.labRun(o), r.Events)
	if why != "" {
		return fmt.Errorf("seed %d as a script: %s", r.Seed, why)
	}
	if _, err := io.WriteString(l.stdout, text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if r.Err != nil {
		return fmt.Errorf("seed %d: %w", r.Seed, r.Err)
	}
	return nil
}

// areServers returns an error unless all names are servers' in the run.
func areServers(names []string, o sim.Options) error {
	if len(names) == 0 {
		return nil
	}
	o.Until = 0 // some come late
	servers := sim.Play(o).Servers
	for _, name := range names {
		if !slices.ContainsFunc(servers, func(id string) bool { return isCalled(id, name) }) {
			return usageError{fmt.Errorf("--server %s: there is no such server in this run, but %s", name, strings.Join(servers, ", "))}
		}
	}
	return nil
}

// isCalled reports whether id is the server, or one of the servers, that name names.
func isCalled(id, name string) bool { return id == name || strings.HasPrefix(id, name+"@") }

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

var serverID = regexp.MustCompile(`^n[0-9]+(@[0-9]+)?`)

func (p *printing) isWanted(rest string) bool {
	words := strings.Fields(rest)
	if len(p.servers) == 0 || len(words) == 0 {
		return true
	}
	about := []string{serverID.FindString(words[0])}
	if len(words) > 2 && words[1] == "->" {
		about = append(about, serverID.FindString(words[2]))
	}
	return about[0] == "" || slices.ContainsFunc(p.servers, func(name string) bool {
		return slices.ContainsFunc(about, func(id string) bool { return isCalled(id, name) })
	})
}
