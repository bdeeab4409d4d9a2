package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kvorum/rpc/client"
)

// kvctl is one run of the program: its streams, its global flags.
type kvctl struct {
	stdin  io.Reader
	stdout io.Writer

	servers []string
	server  string // the only one to ask; empty: any
	timeout time.Duration
	output  choice
	tls     tlsFiles

	begun   bool // the command line was right, and its command runs
	write   bool // the command changes something: a failure has an outcome
	members bool // and that is the cluster: kvctl servers shows what came of it
}

type tlsFiles struct{ cert, key, ca string }

func (k *kvctl) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "kvctl",
		Short: "Read, write and administer a kvorum cluster",
		Long: `kvctl reads, writes and administers a kvorum cluster.

It is given one server or more with --servers or KVORUM_SERVERS, and learns the
others from them. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the key does not
exist, 4 the comparison failed. Planned, and not there yet: txn, explain.`,
		Example:       "  kvctl set greeting hello\n  kvctl get greeting\n  kvctl --servers 10.0.0.1:8400,10.0.0.2:8400 status",
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
	k.globalFlags(root)
	root.AddCommand(k.get(), k.set(), k.delete(), k.cas(), k.list(), k.watch())
	root.AddCommand(k.listServers(), k.status(), k.add(), k.promote(), k.remove(), k.transfer(), k.snapshot())
	root.AddCommand(k.backup(), k.restore())
	return root
}

func (k *kvctl) globalFlags(root *cobra.Command) {
	servers := []string{"127.0.0.1:8400"}
	if s := os.Getenv("KVORUM_SERVERS"); s != "" {
		servers = strings.Split(s, ",")
	}
	k.output = choice{value: "text", allowed: []string{"text", "json"}}
	f := root.PersistentFlags()
	f.StringSliceVar(&k.servers, "servers", servers, "servers to start from, host:port,... (or KVORUM_SERVERS)")
	f.DurationVar(&k.timeout, "timeout", 5*time.Second, "give up after this long")
	f.Var(&k.output, "output", "how to print: text or json")
	f.StringVar(&k.tls.cert, "tls-cert", "", "file of this client's certificate (PEM)")
	f.StringVar(&k.tls.key, "tls-key", "", "file of its private key (PEM)")
	f.StringVar(&k.tls.ca, "tls-ca", "", "file of the authority that signed the servers' certificates (PEM)")
	root.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

// serverFlag adds --server to a command.
func (k *kvctl) serverFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.server, "server", "", "ask this server only, by name or host:port")
}

// body is what a command does once its command line is understood.
type body func(ctx context.Context, c *client.Client, args []string) error

// reads and writes make a body a cobra command's. After a failed write people
// must know whether it may have happened; after a failed read it does not matter.
func (k *kvctl) reads(b body) func(*cobra.Command, []string) error { return k.runs(b, false) }

func (k *kvctl) writes(b body) func(*cobra.Command, []string) error { return k.runs(b, true) }

func (k *kvctl) runs(b body, write bool) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		k.begun, k.write = true, write
		c, err := k.connect()
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // nothing is left to lose
		ctx, cancel := context.WithTimeout(cmd.Context(), k.timeout)
		defer cancel()
		return b(ctx, c, args)
	}
}

func (k *kvctl) connect() (*client.Client, error) {
	var opts []client.Option
	if k.tls != (tlsFiles{}) {
		cfg, err := client.LoadTLS(k.tls.cert, k.tls.key, k.tls.ca)
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithTLS(cfg))
	}
	seeds := k.servers
	if _, _, err := net.SplitHostPort(k.server); err == nil {
		seeds = append(slices.Clone(seeds), k.server) // it need not be a member
	}
	return client.New(seeds, opts...)
}

// callOptions direct a call to --server, if given.
func (k *kvctl) callOptions() []client.CallOption {
	if k.server == "" {
		return nil
	}
	return []client.CallOption{client.AtServer(k.server)}
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}
