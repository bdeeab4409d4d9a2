package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

func (k *kvctl) listServers() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "servers",
		Short:   "List the members",
		Example: "  kvctl servers\n  kvctl servers --server n3",
		Args:    cobra.NoArgs,
	}
	k.serverFlag(cmd)
	cmd.RunE = k.reads(func(ctx context.Context, c *client.Client, _ []string) error {
		got, err := c.GetServers(ctx, k.callOptions()...)
		if err != nil {
			return failure{"servers", err}
		}
		return k.printServers(got.GetServers())
	})
	return cmd
}

type member struct {
	ID         string `json:"id"`
	RPCAddr    string `json:"rpc_addr"`
	Membership string `json:"membership"`
	IsLeader   bool   `json:"is_leader"`
}

func memberOf(s *kvorumv1.Server) member {
	membership := strings.ToLower(strings.TrimPrefix(s.GetMembership().String(), "MEMBERSHIP_"))
	return member{ID: s.GetId(), RPCAddr: s.GetRpcAddr(), Membership: membership, IsLeader: s.GetIsLeader()}
}

func (k *kvctl) printServers(servers []*kvorumv1.Server) error {
	members := make([]member, 0, len(servers))
	var rows []string
	for _, s := range servers {
		m := memberOf(s)
		members = append(members, m)
		row := m.ID + "\t" + m.RPCAddr + "\t" + m.Membership
		if m.IsLeader {
			row += "\tleader"
		}
		rows = append(rows, row)
	}
	if k.json() {
		return k.printJSON(members)
	}
	return k.printTable("SERVER\tADDRESS\tMEMBERSHIP\tLEADER", rows)
}

// change is a command that changes the cluster and prints the servers after it.
func (k *kvctl) change(cmd *cobra.Command, call func(context.Context, *client.Client, []string) (*kvorumv1.ChangeResponse, error)) *cobra.Command {
	cmd.RunE = k.writes(func(ctx context.Context, c *client.Client, args []string) error {
		k.members = true
		got, err := call(ctx, c, args)
		if err != nil {
			return failure{cmd.Name(), err}
		}
		return k.printServers(got.GetServers())
	})
	return cmd
}

func (k *kvctl) add() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME ADDRESS",
		Short: "Add a server, or readmit a removed one",
		Long: `Add the server NAME, which listens for gRPC at ADDRESS. It gets a vote once it has
caught up. Servers that find the cluster with --join need no add, unless they
were removed.`,
		Example: "  kvctl add n4 10.0.0.4:8400\n  kvctl add reader 10.0.0.9:8400 --learner",
		Args:    cobra.ExactArgs(2),
	}
	learner := cmd.Flags().Bool("learner", false, "it stays without a vote")
	return k.change(cmd, func(ctx context.Context, c *client.Client, args []string) (*kvorumv1.ChangeResponse, error) {
		return c.AddServer(ctx, args[0], args[1], *learner)
	})
}

func (k *kvctl) promote() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "promote NAME",
		Short:   "Give a learner that has caught up a vote",
		Example: "  kvctl promote n4",
		Args:    cobra.ExactArgs(1),
	}
	return k.change(cmd, func(ctx context.Context, c *client.Client, args []string) (*kvorumv1.ChangeResponse, error) {
		return c.PromoteServer(ctx, args[0])
	})
}

func (k *kvctl) remove() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove NAME",
		Aliases: []string{"leave"},
		Short:   "Take a server out of the cluster, running or not",
		Long: `Take a server out of the cluster, running or not. It is not let in again by itself,
even if it still runs or restarts: kvctl add readmits it. Merely stopping a
server removes nothing.`,
		Example: "  kvctl remove n4",
		Args:    cobra.ExactArgs(1),
	}
	return k.change(cmd, func(ctx context.Context, c *client.Client, args []string) (*kvorumv1.ChangeResponse, error) {
		return c.RemoveServer(ctx, args[0])
	})
}

func (k *kvctl) transfer() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "transfer [NAME]",
		Short:   "Hand leadership to a server, or to the most up-to-date one",
		Example: "  kvctl transfer n2\n  kvctl transfer",
		Args:    cobra.MaximumNArgs(1),
	}
	return k.change(cmd, func(ctx context.Context, c *client.Client, args []string) (*kvorumv1.ChangeResponse, error) {
		return c.TransferLeadership(ctx, strings.Join(args, ""))
	})
}

func (k *kvctl) snapshot() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot SERVER",
		Short: "Make one server write a snapshot of its state and cut its log",
		Long: `Make one server write a snapshot of its state and cut its log, as servers do by
themselves every now and then. It is written slowly, so that clients hardly notice: give
a state of a gigabyte --timeout 1m. A server whose answer comes too late goes on with it.`,
		Example: "  kvctl snapshot n2\n  kvctl snapshot n2 --timeout 1m",
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = k.writes(func(ctx context.Context, c *client.Client, args []string) error {
		got, err := c.TakeSnapshot(ctx, args[0])
		switch {
		case err != nil:
			return failure{fmt.Sprintf("snapshot %q", args[0]), err}
		case k.json():
			return k.printJSON(map[string]uint64{"index": got.GetIndex(), "bytes": got.GetBytes()})
		}
		return k.printf("OK, %d bytes up to index %d\n", got.GetBytes(), got.GetIndex())
	})
	return cmd
}
