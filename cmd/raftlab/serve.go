package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"kvorum/lab"
	"kvorum/lab/engine"
	"kvorum/lab/site"
	"kvorum/raft/sim"
)

// labAddress is where the lab is served unless somebody says otherwise.
const labAddress = "127.0.0.1:8480"

// anyAddress is one of this machine that is free.
const anyAddress = "127.0.0.1:0"

func (l *raftlab) serve() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Open the lab: watch, rewind and break the real Raft in a browser",
		Long: `serve opens the lab as a page on this machine: simulated servers that run kvorum's own
Raft, event by event, forth and back, with everything that can be done to them. All of
it is in this program; the page asks nothing of anybody else.

To break a rule takes the source and the go command: the engine is compiled without it.`,
		Example: "  raftlab serve\n  raftlab serve --addr 127.0.0.1:0",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l.begun = true
			return l.serveLab(cmd.Context(), address, "")
		},
	}
	cmd.Flags().StringVar(&address, "addr", labAddress, "serve at this `address`; port 0: any that is free")
	return cmd
}

// serveLab serves the lab until ctx ends, and prints its address, with a link to a
// run if that is not empty.
func (l *raftlab) serveLab(ctx context.Context, address, link string) error {
	handler, err := site.NewHandler(ctx)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve the lab: %w; choose another address with --addr, as in --addr 127.0.0.1:0", err)
	}
	if link != "" {
		link = "#" + link
	}
	fmt.Fprintf(l.stdout, "the lab is at http://%s/%s\n", listener.Addr(), link)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() }) //nolint:errcheck // it ends
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the lab: %w", err)
	}
	return nil
}

// openRun serves the lab, and prints the link to a run.
func (l *raftlab) openRun(ctx context.Context, o sim.Options) error {
	r := sim.Play(o)
	at := 0
	if r.Err != nil || o.Until > 0 {
		at = r.Events
	}
	if r.Err != nil {
		fmt.Fprintf(l.stdout, "seed %d, event %d: %v\n", r.Seed, r.Events, r.Err)
	}
	return l.serveLab(ctx, anyAddress, l.labRun(o).Link(at))
}

// labRun returns a run of the simulator as the lab knows it.
func (l *raftlab) labRun(o sim.Options) lab.Run {
	return lab.Run{Seed: o.Seed, Servers: o.Servers, Chaos: true, Short: o.Short, Drop: o.Drop, Mutation: l.mutated}
}

func (l *raftlab) export() *cobra.Command {
	broken := site.Shown()
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the lab as a static site",
		Long: `export writes what serve serves into a folder, for any server of files. It has the
engines of a few broken rules, which are built now, and take the source and the go command.

A first visit loads less than 1.5 MB: if zstd was installed where the program was built
(make build), from any server, and otherwise from one that compresses text.`,
		Example: "  raftlab export ./site",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l.begun = true
			return site.Export(cmd.Context(), args[0], broken, func(line string) { fmt.Fprintln(l.stdout, line) })
		},
	}
	cmd.Flags().StringSliceVar(&broken, "mutants", broken, "also write the engines that break these `rules`, by names as in raftlab mutants")
	return cmd
}

// engine builds what the next build of this program embeds: `make build`.
func (l *raftlab) engine() *cobra.Command {
	return &cobra.Command{
		Use:    "engine",
		Short:  "Build the lab's engine into the source, to be embedded",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l.begun = true
			return engine.WriteBuilt(cmd.Context())
		},
	}
}
