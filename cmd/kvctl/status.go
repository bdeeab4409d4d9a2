package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

func (k *kvctl) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what each server says of itself",
		Long: `Ask each member, and each of --servers, for its own state, and print a row for each.
LAG is how many entries it has applied fewer than are known to be committed
anywhere. HASH is of all its keys and values at APPLIED: two servers with the same
APPLIED must show the same HASH. Fails only if no server answers.`,
		Example: "  kvctl status\n  kvctl status --output json",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = k.reads(func(ctx context.Context, c *client.Client, _ []string) error {
		got, err := c.GetServers(ctx)
		if err != nil {
			return failure{"status", err}
		}
		return k.printStatus(k.survey(ctx, c, got.GetServers()))
	})
	return cmd
}

// report is what is known of one server.
type report struct {
	ID      string `json:"id"`
	RPCAddr string `json:"rpc_addr,omitempty"`
	Error   string `json:"error,omitempty"` // why it did not answer
	*answer        // nil if it did not
}

type answer struct {
	Role          string `json:"role"`
	Term          uint64 `json:"term"`
	LeaderID      string `json:"leader_id"`
	CommitIndex   uint64 `json:"commit_index"`
	AppliedIndex  uint64 `json:"applied_index"`
	Lag           uint64 `json:"lag"`
	SnapshotIndex uint64 `json:"snapshot_index"`
	StateHash     string `json:"state_hash"` // 16 hex digits: JSON numbers lose the low bits
	Version       string `json:"version"`
}

// survey asks all members at once, and the given servers too: one that is
// reached there, but not by the address it advertises, counts as reached.
func (k *kvctl) survey(ctx context.Context, c *client.Client, members []*kvorumv1.Server) []report {
	reports := make([]report, len(members)+len(k.servers))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() {
			reports[i] = k.ask(ctx, c, m.GetId())
			reports[i].RPCAddr = m.GetRpcAddr()
		})
	}
	for i, addr := range k.servers {
		group.Go(func() { reports[len(members)+i] = k.ask(ctx, c, addr) })
	}
	group.Wait()
	reports = merge(reports, len(members))
	measureLag(reports)
	return reports
}

func (k *kvctl) ask(ctx context.Context, c *client.Client, server string) report {
	got, err := c.Status(ctx, server)
	if err != nil {
		return report{ID: server, Error: k.happened(err)}
	}
	return report{ID: got.GetServerId(), answer: &answer{
		Role: got.GetRole(), Term: got.GetTerm(), LeaderID: got.GetLeaderId(),
		CommitIndex: got.GetCommitIndex(), AppliedIndex: got.GetAppliedIndex(), SnapshotIndex: got.GetSnapshotIndex(),
		StateHash: fmt.Sprintf("%016x", got.GetStateHash()), Version: got.GetVersion(),
	}}
}

// merge makes one report for each server, in the order of their names. The first
// n reports are of members, the others of addresses: of those only answers count.
func merge(reports []report, n int) []report {
	byID := make(map[string]report)
	for i, r := range reports {
		known, seen := byID[r.ID]
		switch {
		case !seen && (i < n || r.answer != nil):
			byID[r.ID] = r
		case seen && known.answer == nil && r.answer != nil:
			byID[r.ID] = report{ID: r.ID, RPCAddr: known.RPCAddr, answer: r.answer}
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b report) int { return cmp.Compare(a.ID, b.ID) })
}

// measureLag compares each server with the highest commit index that any reports.
func measureLag(reports []report) {
	var committed uint64
	for _, r := range reports {
		if r.answer != nil {
			committed = max(committed, r.CommitIndex)
		}
	}
	for _, r := range reports {
		if r.answer != nil {
			r.Lag = committed - min(committed, r.AppliedIndex)
		}
	}
}

func (k *kvctl) printStatus(reports []report) error {
	if k.json() {
		return k.printJSON(reports)
	}
	var rows []string
	for _, r := range reports {
		if r.answer == nil {
			rows = append(rows, fmt.Sprintf("%s\tunreachable\t\t\t\t\t\t\t\t%s", r.ID, r.RPCAddr))
			continue
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s\t%s", r.ID, r.Role, r.Term, cmp.Or(r.LeaderID, "none"),
			r.CommitIndex, r.AppliedIndex, r.Lag, r.SnapshotIndex, r.StateHash, r.RPCAddr))
	}
	return k.printTable("SERVER\tROLE\tTERM\tLEADER\tCOMMIT\tAPPLIED\tLAG\tSNAPSHOT\tHASH\tADDRESS", rows)
}
