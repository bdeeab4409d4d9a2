package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kvorum/raft"
	"kvorum/raft/wal"
)

func (l *raftlab) wal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wal",
		Short: "Look into the folders of servers: dump, compare, damage a copy",
		Long: `wal reads what servers have on their disks: the log, snapshots, the identity, as
raft/wal/doc.go describes them. It changes nothing in the folders it reads and takes
no lock, so servers may be running on them.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("a command is needed")
			}
			return fmt.Errorf("unknown command %q", args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // never: Args refuses all
	}
	cmd.AddCommand(l.walDump(), l.walDiff(), l.walDamage())
	return cmd
}

// refusal is the error of a command about a folder that a server refuses; nil
// if it does not.
func refusal(dir string, in *wal.Inspection) error {
	if in.Refusal == nil {
		return nil
	}
	return fmt.Errorf("a server does not start on %s: %w", dir, in.Refusal)
}

func vote(id raft.ServerID) string {
	if id == raft.None {
		return "no vote"
	}
	return "vote " + string(id)
}

// lastEntry returns the last entry's index and term; that may be the last that
// a snapshot covers.
func lastEntry(saved raft.Saved) raft.EntryID {
	if n := len(saved.Entries); n > 0 {
		return saved.Entries[n-1].EntryID
	}
	return saved.Snapshot.ID()
}

// configuration returns the latest configuration, committed or not, and where it is.
func configuration(saved raft.Saved) (c raft.Configuration, at raft.Index) {
	c, at = saved.Snapshot.Config, saved.Snapshot.LastIncludedIndex
	for _, e := range saved.Entries {
		if e.Config != nil && e.Index > at {
			c, at = *e.Config, e.Index
		}
	}
	return c, at
}

func logOf(saved raft.Saved) string {
	if len(saved.Entries) == 0 {
		return "no entries"
	}
	return fmt.Sprintf("entries %v to %v", saved.Entries[0].EntryID, lastEntry(saved))
}

func snapshotOf(saved raft.Saved) string {
	if saved.Snapshot.LastIncludedIndex == 0 {
		return "no snapshot"
	}
	return fmt.Sprintf("a snapshot up to %v", saved.Snapshot.ID())
}

func stateOf(saved raft.Saved) string {
	return strings.Join([]string{
		fmt.Sprintf("term %d", saved.HardState.CurrentTerm), vote(saved.HardState.VotedFor), snapshotOf(saved), logOf(saved),
	}, ", ")
}
