package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"kvorum/rpc/client"
)

// bench is one run of the program.
type bench struct {
	stdout, stderr io.Writer

	servers     []string
	workload    string
	clients     []int // one measurement for each
	connections int
	valueBytes  int
	keys        int
	chosen      string  // how: the name of a distribution
	rate        float64 // requests a second; 0: closed loops
	duration    time.Duration
	timeout     time.Duration
	output      string
	cert        string // files, for TLS
	key, ca     string

	begun bool // the command line was right
}

func (b *bench) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kvbench",
		Short: "Load a kvorum cluster and print throughput and latencies",
		Long: `kvbench loads a kvorum cluster and prints throughput and latencies, one row for
each number of clients. It writes keys that begin with ` + keyPrefix + ` and leaves them there.

Every client is a closed loop; with --rate, requests are due at fixed times, and
latency counts from then, so that the wait for a client that is free is part
of it. A request that waited for longer than --timeout is not sent, and counts
as the error OVERDUE.

Latencies are of the requests that succeeded; errors are counted by reason, and
as definite (the request had and will have no effect) or unknown. Ctrl-C ends the
run, and prints what was measured until then.

Workloads: set; get (linearizable); stale-get; mixed, half gets and half
sets; cas, by revision, where a failed comparison counts as an error; list, 100
keys at a time.`,
		Example:       "  kvbench --workload set --clients 1,16,64,256\n  kvbench --workload get --clients 64 --rate 5000 --duration 30s",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PreRunE:       func(*cobra.Command, []string) error { return b.check() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			conns, err := b.connect()
			if err != nil {
				return err
			}
			defer closeAll(conns)
			b.begun = true
			return b.run(cmd.Context(), conns)
		},
	}
	b.flags(cmd)
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return cmd
}

func (b *bench) flags(cmd *cobra.Command) {
	servers := []string{"127.0.0.1:8400"}
	if s := os.Getenv("KVORUM_SERVERS"); s != "" {
		servers = strings.Split(s, ",")
	}
	f := cmd.Flags()
	f.StringSliceVar(&b.servers, "servers", servers, "servers to start from, host:port,... (or KVORUM_SERVERS)")
	f.StringVar(&b.workload, "workload", "set", "what the clients do: "+strings.Join(workloadNames(), ", "))
	f.IntSliceVar(&b.clients, "clients", []int{1, 16, 64, 256}, "numbers of concurrent clients to measure")
	f.IntVar(&b.connections, "connections", 1, "sets of connections that the clients share")
	f.IntVar(&b.valueBytes, "value-bytes", 256, "size of a value")
	f.IntVar(&b.keys, "keys", 1000, "number of keys")
	f.StringVar(&b.chosen, "distribution", "uniform", "how the keys are chosen: uniform; zipf, few of them often (exponent 1.1)")
	f.Float64Var(&b.rate, "rate", 0, "requests due a second, over all clients; 0: as fast as they go")
	f.DurationVar(&b.duration, "duration", 5*time.Second, "length of each measurement")
	f.DurationVar(&b.timeout, "timeout", 10*time.Second, "give up a request after this long")
	f.StringVar(&b.output, "output", "text", "how to print: text or json, one object a line")
	f.StringVar(&b.cert, "tls-cert", "", "file of this client's certificate (PEM)")
	f.StringVar(&b.key, "tls-key", "", "file of its private key (PEM)")
	f.StringVar(&b.ca, "tls-ca", "", "file of the authority that signed the servers' certificates (PEM)")
}

func (b *bench) check() error {
	switch {
	case !slices.Contains(workloadNames(), b.workload):
		return fmt.Errorf("unknown workload %q", b.workload)
	case distributions[b.chosen] == nil:
		return fmt.Errorf("unknown distribution %q", b.chosen)
	case b.output != "text" && b.output != "json":
		return fmt.Errorf("unknown output %q", b.output)
	case len(b.clients) == 0 || slices.Min(b.clients) < 1:
		return errors.New("--clients must be at least 1")
	case b.connections < 1, b.keys < 1, b.duration <= 0, b.timeout <= 0:
		return errors.New("--connections, --keys, --duration and --timeout must be above 0")
	case b.valueBytes < 0:
		return errors.New("--value-bytes must not be negative")
	case !(b.rate >= 0), math.IsInf(b.rate, 0):
		return errors.New("--rate must be a number, and not negative")
	}
	return nil
}

func (b *bench) run(ctx context.Context, conns []*client.Client) error {
	known, err := b.fill(ctx, conns)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted before anything was measured")
	case err != nil:
		return fmt.Errorf("write the %d keys to work on: %w", b.keys, err)
	}
	w := &table{out: b.stdout, json: b.output == "json"}
	for _, n := range b.clients {
		r := b.measure(ctx, conns, known, n)
		if err := w.add(r); err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("interrupted: the last row is of %.1f s", r.elapsed.Seconds())
		case r.latency.TotalCount() == 0:
			return fmt.Errorf("no request of %d clients succeeded: %s", n, r.failures())
		}
	}
	return nil
}

func (b *bench) connect() ([]*client.Client, error) {
	var opts []client.Option
	if b.cert+b.key+b.ca != "" {
		config, err := client.LoadTLS(b.cert, b.key, b.ca)
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithTLS(config))
	}
	var conns []*client.Client
	for range b.connections {
		c, err := client.New(b.servers, opts...)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*client.Client) {
	for _, c := range conns {
		c.Close() //nolint:errcheck // nothing is left to lose
	}
}

// fill writes every key once: reads must find something, and the connections be warm.
func (b *bench) fill(ctx context.Context, conns []*client.Client) (*keys, error) {
	known := &keys{revisions: make([]atomic.Uint64, b.keys)}
	p := startProgress(b.stderr, fmt.Sprintf("write %d keys", b.keys))
	defer p.stop()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i := range b.keys {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, b.timeout)
			defer cancel()
			got, err := conns[i%len(conns)].Set(ctx, key(i), make([]byte, b.valueBytes))
			known.revisions[i].Store(got.GetRevision())
			p.count(err)
			return err
		})
	}
	return known, g.Wait()
}
