package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

// readFlags are the flags of commands that read keys.
type readFlags struct {
	consistency  choice
	maxStaleness time.Duration
	minRevision  uint64
}

var consistencies = map[string]kvorumv1.Consistency{
	"linearizable": kvorumv1.Consistency_CONSISTENCY_LINEARIZABLE,
	"lease":        kvorumv1.Consistency_CONSISTENCY_LEASE,
	"bounded":      kvorumv1.Consistency_CONSISTENCY_BOUNDED,
	"stale":        kvorumv1.Consistency_CONSISTENCY_STALE,
}

func (k *kvctl) readFlags(cmd *cobra.Command) *readFlags {
	k.serverFlag(cmd)
	r := &readFlags{consistency: choice{value: "linearizable", allowed: []string{"linearizable", "lease", "bounded", "stale"}}}
	f := cmd.Flags()
	f.Var(&r.consistency, "consistency", "what the read guarantees")
	f.DurationVar(&r.maxStaleness, "max-staleness", time.Second, "how old the answer of a bounded read may be")
	f.Uint64Var(&r.minRevision, "min-revision", 0, "wait until the server has applied this revision")
	return r
}

func (k *kvctl) readOptions(r *readFlags) []client.CallOption {
	opts := append(k.callOptions(), client.MinRevision(r.minRevision))
	if r.consistency.value == "bounded" {
		return append(opts, client.Bounded(r.maxStaleness))
	}
	return append(opts, client.WithConsistency(consistencies[r.consistency.value]))
}

func (k *kvctl) get() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `Print the value of a key and a newline. Exit code 3 if the key does not exist.

The read is linearizable, whichever server answers, unless --consistency asks
for less: bounded answers from one server's own state if that is no older than
--max-staleness; stale answers from it at once. lease will trust the servers'
clocks; so far it is served as linearizable.`,
		Example: "  kvctl get greeting\n  kvctl get greeting --consistency stale --server n2\n  kvctl get photo --raw > photo.jpg",
		Args:    cobra.ExactArgs(1),
	}
	r := k.readFlags(cmd)
	raw := cmd.Flags().Bool("raw", false, "print the value without a newline after it")
	cmd.RunE = k.reads(func(ctx context.Context, c *client.Client, args []string) error {
		got, err := c.Get(ctx, args[0], k.readOptions(r)...)
		switch {
		case err != nil:
			return failure{fmt.Sprintf("get %q", args[0]), err}
		case k.json():
			return k.printJSON(entryOf(got))
		case *raw:
			_, err = k.stdout.Write(got.GetValue())
			return err
		}
		return k.printf("%s\n", got.GetValue())
	})
	return cmd
}

func (k *kvctl) set() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set KEY VALUE | set KEY - | set KEY --file FILE",
		Short: "Write a key",
		Long: `Write a key. The value is the argument; - reads it from standard input, --file
from a file, both to the last byte. Put -- before a value that begins with a dash.`,
		Example: "  kvctl set greeting hello\n  echo -n hello | kvctl set greeting -\n  kvctl set photo --file photo.jpg\n  kvctl set depth -- -3",
	}
	k.serverFlag(cmd)
	file := cmd.Flags().String("file", "", "read the value from this file")
	cmd.Args = func(cmd *cobra.Command, args []string) error { return valueArgs(cmd, args, 1, *file) }
	cmd.RunE = k.writes(func(ctx context.Context, c *client.Client, args []string) error {
		value, err := k.value(args[1:], *file)
		if err != nil {
			return err
		}
		got, err := c.Set(ctx, args[0], value, k.callOptions()...)
		if err != nil {
			return failure{fmt.Sprintf("set %q", args[0]), err}
		}
		if k.json() {
			return k.printJSON(written{Revision: got.GetRevision()})
		}
		return k.printf("OK, revision %d\n", got.GetRevision())
	})
	return cmd
}

// valueArgs checks that there are n arguments, and then a value if no file gives it.
func valueArgs(cmd *cobra.Command, args []string, n int, file string) error {
	if file == "" {
		n++
	}
	return cobra.ExactArgs(n)(cmd, args)
}

// value is the value a command is given: an argument, a file or standard input.
func (k *kvctl) value(args []string, file string) ([]byte, error) {
	var value []byte
	var err error
	switch {
	case file != "":
		value, err = os.ReadFile(file)
	case args[0] == "-":
		value, err = io.ReadAll(k.stdin)
	default:
		return []byte(args[0]), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	return value, nil
}

func (k *kvctl) delete() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete KEY",
		Short:   "Remove a key; one that does not exist is no error",
		Example: "  kvctl delete greeting",
		Args:    cobra.ExactArgs(1),
	}
	k.serverFlag(cmd)
	cmd.RunE = k.writes(func(ctx context.Context, c *client.Client, args []string) error {
		got, err := c.Delete(ctx, args[0], k.callOptions()...)
		switch {
		case err != nil:
			return failure{fmt.Sprintf("delete %q", args[0]), err}
		case k.json():
			existed := got.GetExisted()
			return k.printJSON(written{Revision: got.GetRevision(), Existed: &existed})
		case !got.GetExisted():
			return k.printf("OK, it did not exist\n")
		}
		return k.printf("OK, revision %d\n", got.GetRevision())
	})
	return cmd
}

func (k *kvctl) list() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "Print keys and values in key order",
		Long: `Print the keys that begin with PREFIX, or all keys, with their values, in key
order and as of one moment: one line each, a tab between. What cannot be
printed as it is, is quoted. With --output json, one object a line.`,
		Example: "  kvctl list\n  kvctl list users/ --keys-only --limit 100\n  kvctl list users/ --start-after users/eve",
		Args:    cobra.MaximumNArgs(1),
	}
	r := k.readFlags(cmd)
	req := &kvorumv1.ListRequest{}
	cmd.Flags().BoolVar(&req.KeysOnly, "keys-only", false, "leave the values out")
	cmd.Flags().Uint32Var(&req.Limit, "limit", 0, "print this many keys at most; 0: all")
	cmd.Flags().StringVar(&req.StartAfter, "start-after", "", "begin after this key")
	cmd.RunE = k.reads(func(ctx context.Context, c *client.Client, args []string) error {
		if len(args) == 1 {
			req.Prefix = args[0]
		}
		for got, err := range c.List(ctx, req, k.readOptions(r)...) {
			if err != nil {
				return failure{"list", err}
			}
			if err := k.printListed(got, req.GetKeysOnly()); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

func (k *kvctl) printListed(got *kvorumv1.GetResponse, keysOnly bool) error {
	switch {
	case k.json() && keysOnly:
		return k.printJSON(entry{Key: got.GetKey(), Revision: got.GetRevision()})
	case k.json():
		return k.printJSON(entryOf(got))
	case keysOnly:
		return k.printf("%s\n", printable(got.GetKey()))
	}
	return k.printf("%s\t%s\n", printable(got.GetKey()), printable(string(got.GetValue())))
}
