package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

func (k *kvctl) cas() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cas KEY NEW (--absent | --value OLD | --revision N)",
		Short: "Write a key only if its present state is the expected one",
		Long: `Compare and set: write NEW (- reads it from standard input, --file from a file) only
if the key does not exist, or holds the value OLD, or was last written at revision
N. Exit code 4, and what is there instead, if it is otherwise.`,
		Example: "  kvctl cas lock me --absent\n  kvctl cas counter 8 --value 7\n  kvctl cas config --file new.yaml --revision 412",
	}
	k.serverFlag(cmd)
	f := cmd.Flags()
	file := f.String("file", "", "read the new value from this file")
	f.Bool("absent", false, "expect that the key does not exist")
	value := f.String("value", "", "expect this value")
	revision := f.Uint64("revision", 0, "expect this revision")
	cmd.MarkFlagsOneRequired("absent", "value", "revision")
	cmd.MarkFlagsMutuallyExclusive("absent", "value", "revision")
	cmd.Args = func(cmd *cobra.Command, args []string) error { return valueArgs(cmd, args, 1, *file) }
	cmd.RunE = k.writes(func(ctx context.Context, c *client.Client, args []string) error {
		expected := client.Absent()
		switch {
		case f.Changed("value"):
			expected = client.HasValue([]byte(*value))
		case f.Changed("revision"):
			expected = client.AtRevision(*revision)
		}
		update, err := k.value(args[1:], *file)
		if err != nil {
			return err
		}
		got, err := c.CompareAndSet(ctx, args[0], expected, update, k.callOptions()...)
		if err != nil {
			return failure{fmt.Sprintf("cas %q", args[0]), err}
		}
		return k.printSwap(args[0], got)
	})
	return cmd
}

// printSwap prints the answer of a cas, and is an error if nothing was swapped.
func (k *kvctl) printSwap(key string, got *kvorumv1.CompareAndSetResponse) error {
	var err error
	switch {
	case k.json():
		err = k.printJSON(swapOf(got))
	case got.GetSwapped():
		err = k.printf("OK, revision %d\n", got.GetRevision())
	}
	switch {
	case err != nil:
		return err
	case got.GetSwapped():
		return nil
	case got.GetExisted():
		return fmt.Errorf("cas %q: %w: it holds %q at revision %d", key, errCompareFailed, got.GetValue(), got.GetRevision())
	}
	return fmt.Errorf("cas %q: %w: the key does not exist", key, errCompareFailed)
}
