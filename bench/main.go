// Command bench compares kvorum with its peers on one machine, in one run.
//
// Every system is three servers on loopback with their data on the same disk,
// loaded by the same closed loops over the same number of gRPC connections, one
// system after another in short turns, so that what the machine does
// meanwhile hits all alike; a row is the median of its turns. Beside etcd it
// measures a bare gRPC echo, which is the most that any service could do
// here; and, in one process without gRPC, raft+node+wal beside hashicorp/raft
// with raft-wal.
//
// With -failover it measures instead how long no write succeeds when a leader fails,
// with -growth how cost grows with servers, keys, values, sessions, watchers and lag.
//
// It is a module of its own, so that who imports kvorum does not depend on its peers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	// The peers' servers are children that run this same program.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "etcd":
			etcdmain.Main(os.Args[1:])
			return
		case "echo":
			serveEcho()
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	kvorum, baseline string // programs
	dir              string
	report           string
	turn             time.Duration
	turns            int
	connections      int // to a server

	quick   bool
	only    string
	clients int

	failover bool
	kills    int

	growth, sizes string
}

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.kvorum, "kvorum", "../bin/kvorum", "the program that is measured")
	flags.StringVar(&s.baseline, "baseline", "", "another build of it, to compare with")
	flags.StringVar(&s.dir, "dir", "", "a folder on the disk that is measured, where the servers keep their data as long as they run; empty: that of temporary files")
	flags.BoolVar(&s.quick, "quick", false, "only the rows that the ratios need")
	flags.DurationVar(&s.turn, "turn", time.Second, "length of a turn")
	flags.IntVar(&s.turns, "turns", 3, "turns of each system in each row")
	flags.StringVar(&s.only, "only", "", "only the rows whose workload, or with -failover the systems and faults whose name, is in this list, such as set,get")
	flags.IntVar(&s.clients, "clients", 0, "only the rows with so many clients; 0: all")
	flags.IntVar(&s.connections, "connections", usualConnections, "connections to a server, which its clients share")
	flags.BoolVar(&s.failover, "failover", false, "instead, kill, pause and cut off leaders, and restart all servers, and measure how long no write succeeds")
	flags.IntVar(&s.kills, "kills", 20, "with -failover: how often a leader is killed; other faults are rarer")
	flags.StringVar(&s.growth, "growth", "", "instead, measure how cost grows: all, or a list of "+usualSeries+",tiny-keys")
	flags.StringVar(&s.sizes, "sizes", "", "with -growth: measure these instead of the sizes of the series")
	flags.StringVar(&s.report, "report", "", "also write results.json and plots to this folder")
	return s, flags.Parse(args)
}

// run measures what the arguments say. Where it fails or is interrupted, it still
// prints and writes what was measured until then.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	s, err := parse(args)
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(s.dir, "kvorum-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if os.Getenv(ownNetwork) == "" { // else who started this process has warned
		warnOfMemory(out, s.dir)
	}
	switch {
	case s.failover:
		err = measureFailover(ctx, out, s.kvorum, s.dir, s.only, s.kills)
	case s.growth != "":
		g := &growth{out: out, program: s.kvorum, dir: s.dir, turn: s.turn, turns: s.turns}
		err = g.report(ctx, s.growth, s.sizes, s.report)
	default:
		err = s.compare(ctx, out)
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	return err
}

// compare measures the systems beside each other.
func (s settings) compare(ctx context.Context, out io.Writer) error {
	started := time.Now()
	b := &bench{out: out, turn: s.turn, turns: s.turns, connections: s.connections}
	err := b.measure(ctx, s.kvorum, s.baseline, s.dir, s.rows())
	if len(b.results) == 0 {
		return err
	}
	describeMachine(out, s.kvorum, s.dir, started)
	b.printTables()
	b.printRatios()
	if s.report != "" {
		err = errors.Join(err, b.write(s.report))
	}
	return err
}

// rows returns those of the plan that are wanted.
func (s settings) rows() []row {
	return slices.DeleteFunc(plan(s.quick), func(r row) bool {
		return s.only != "" && !slices.Contains(strings.Split(s.only, ","), r.workload) || s.clients != 0 && r.clients != s.clients
	})
}

// row is what is measured of several systems.
type row struct {
	workload string
	clients  int
	bytes    int // of a value
}

var allClients = []int{1, 16, 64, 256}

// plan returns the rows of a run.
func plan(quick bool) []row {
	var rows []row
	for _, clients := range allClients {
		rows = append(rows, row{"set", clients, 256}, row{"get", clients, 256})
	}
	rows = append(rows, row{"spread-get", 64, 256})
	for _, proposers := range []int{1, 64, 256} {
		rows = append(rows, row{"propose", proposers, 256})
	}
	if quick {
		return rows
	}
	for _, clients := range allClients {
		rows = append(rows, row{"stale-get", clients, 256}, row{"mixed", clients, 256}, row{"cas", clients, 256})
	}
	rows = append(rows, row{"spread-get", 1, 256}, row{"spread-get", 16, 256}, row{"spread-get", 256, 256})
	for _, clients := range []int{1, 16} {
		rows = append(rows, row{"list", clients, 256})
	}
	for _, bytes := range []int{16, 4 << 10, 64 << 10} {
		rows = append(rows, row{"set", 1, bytes}, row{"set", 64, bytes}, row{"get", 64, bytes})
	}
	return rows
}
