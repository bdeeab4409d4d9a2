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

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	kvorum := flags.String("kvorum", "../bin/kvorum", "the program that is measured")
	baseline := flags.String("baseline", "", "another build of it, to compare with")
	dir := flags.String("dir", "", "where the servers keep their data, on the disk that is measured; empty: a temporary folder")
	quick := flags.Bool("quick", false, "only the rows that the ratios need")
	turn := flags.Duration("turn", time.Second, "length of a turn")
	turns := flags.Int("turns", 3, "turns of each system in each row")
	only := flags.String("only", "", "only the rows whose workload, or with -failover the systems and faults whose name, is in this list, such as set,get")
	at := flags.Int("clients", 0, "only the rows with so many clients; 0: all")
	flags.IntVar(&connectionsToServer, "connections", connectionsToServer, "connections to a server, which its clients share")
	failover := flags.Bool("failover", false, "instead, kill, pause and cut off leaders, and restart all servers, and measure how long no write succeeds")
	kills := flags.Int("kills", 20, "with -failover: how often a leader is killed; other faults are rarer")
	growing := flags.String("growth", "", "instead, measure how cost grows: all, or a list of "+usualSeries+",tiny-keys")
	listed := flags.String("sizes", "", "with -growth: measure these instead of the sizes of the series")
	report := flags.String("report", "", "also write results.json and plots to this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		if *dir, err = os.MkdirTemp("", "kvorum-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(*dir)) }()
	}
	if *failover {
		return measureFailover(ctx, out, *kvorum, *dir, *only, *kills)
	}
	started := time.Now()
	if *growing != "" {
		g := &growth{out: out, program: *kvorum, dir: *dir, turn: *turn, turns: *turns}
		return g.report(ctx, *growing, *listed, *report)
	}
	b := &bench{out: out, turn: *turn, turns: *turns}
	rows := plan(*quick)
	if *only != "" {
		rows = slices.DeleteFunc(rows, func(r row) bool { return !slices.Contains(strings.Split(*only, ","), r.workload) })
	}
	if *at != 0 {
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.clients != *at })
	}
	if err := b.measure(ctx, *kvorum, *baseline, *dir, rows); err != nil {
		return err
	}
	describeMachine(out, *dir, started)
	b.printTables()
	b.printRatios()
	if *report != "" {
		return b.write(*report)
	}
	return nil
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
