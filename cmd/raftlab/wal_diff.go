package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"kvorum/raft"
	"kvorum/raft/wal"
)

func (l *raftlab) walDiff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff DIR DIR...",
		Short: "Draw the logs of servers side by side, as Figure 7 does",
		Long: `diff draws the logs of several servers of a cluster: a row each, a column an index,
in it the term of the entry. More than 8 columns that are alike are drawn as one.

  4*    the entry is committed, as these folders prove
  [4]   the last entry that the newest snapshot covers
  .     only the snapshot has it
        nothing: the log is shorter

What is committed is on no disk: the leader counts it anew. These folders prove it
up to the end of every snapshot, and up to an entry of term T that a majority has,
on servers that are still in term T: nobody can lead in a later term without it (§5.4).

It exits with 1 if a folder is one on which a server would not start, or if two logs
break the Log Matching Property (§5.3).`,
		Example: "  raftlab wal diff kvorum-demo/n1 kvorum-demo/n2 kvorum-demo/n3",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			l.begun = true
			rows, refused := readRows(args)
			if len(rows) == 0 {
				return refused
			}
			if err := sameCluster(rows); err != nil {
				return err
			}
			out := bufio.NewWriter(l.stdout)
			compare(out, rows)
			if err := out.Flush(); err != nil {
				return fmt.Errorf("print: %w", err)
			}
			return errors.Join(refused, logMatching(rows), equalSnapshots(rows))
		},
	}
}

// row is the log of one server.
type row struct {
	name      string
	identity  wal.Identity
	saved     raft.Saved
	snapshots []wal.SnapshotFile
	commit    raft.Index // the entries up to here are known to be committed
}

// readRows returns the folders on which a server would start, and an error about the others.
func readRows(dirs []string) (rows []row, refused error) {
	for _, dir := range dirs {
		in, err := wal.Inspect(dir)
		if err == nil {
			err = refusal(dir, in)
		}
		if err != nil {
			refused = errors.Join(refused, err)
			continue
		}
		rows = append(rows, row{name: in.Identity.Name, identity: in.Identity, saved: in.Saved, snapshots: in.Snapshots})
		isAmbiguous := func(r row) bool { return r.name == in.Identity.Name }
		if slices.ContainsFunc(rows[:len(rows)-1], isAmbiguous) {
			rows[len(rows)-1].name = dir
		}
	}
	return rows, refused
}

func sameCluster(rows []row) error {
	for _, r := range rows[1:] {
		if a, b := rows[0].identity.ClusterID, r.identity.ClusterID; a != "" && b != "" && a != b {
			return fmt.Errorf("%s is of cluster %s, %s of cluster %s: compare servers of one cluster", rows[0].name, a, r.name, b)
		}
	}
	return nil
}

func (r row) last() raft.EntryID { return lastEntry(r.saved) }

// first returns the first index whose term is known; past the last one if none is.
func (r row) first() raft.Index {
	if len(r.saved.Entries) > 0 {
		return r.saved.Entries[0].Index
	}
	return max(1, r.saved.Snapshot.LastIncludedIndex)
}

// entry returns the entry at index, if the log holds it.
func (r row) entry(index raft.Index) (e raft.Entry, ok bool) {
	if len(r.saved.Entries) == 0 || index < r.first() || index > r.last().Index {
		return e, false
	}
	return r.saved.Entries[index-r.first()], true
}

// term returns the term of the entry at index; 0 if it is not known.
func (r row) term(index raft.Index) raft.Term {
	if index == r.saved.Snapshot.LastIncludedIndex {
		return r.saved.Snapshot.LastIncludedTerm
	}
	e, _ := r.entry(index)
	return e.Term
}

// compare draws the logs and says in words what to see.
func compare(out *bufio.Writer, rows []row) {
	summary(out, rows)
	proof := markCommitted(rows)
	draw(out, rows)
	fmt.Fprintln(out, proof)
	best := mostUpToDate(rows)
	fmt.Fprintf(out, "%s has the most up-to-date log (§5.4.1), up to %v.\n", best.name, best.last())
	for _, r := range rows {
		if r.name != best.name {
			fmt.Fprintln(out, parting(r, best))
		}
	}
}

func summary(out io.Writer, rows []row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tTERM\tVOTE\tLAST\tSNAPSHOT")
	for _, r := range rows {
		snapshot := "-"
		if r.saved.Snapshot.LastIncludedIndex > 0 {
			snapshot = r.saved.Snapshot.ID().String()
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%v\t%s\n", r.name, r.saved.HardState.CurrentTerm,
			cmp.Or(string(r.saved.HardState.VotedFor), "-"), r.last(), snapshot)
	}
	w.Flush()
}

func mostUpToDate(rows []row) row {
	return slices.MaxFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.last().Term, b.last().Term), cmp.Compare(a.last().Index, b.last().Index))
	})
}

// parting says where a log parts from the most up-to-date one.
func parting(r, best row) string {
	lo, hi := max(r.first(), best.first()), min(r.last().Index, best.last().Index)
	for i := lo; i <= hi; i++ {
		if r.term(i) == best.term(i) {
			continue
		}
		text := fmt.Sprintf("%s agrees up to %d, and parts: at %d", r.name, i-1, i)
		if i == lo && lo > 1 {
			text = fmt.Sprintf("%s parts at %d or before: there", r.name, i)
		}
		return fmt.Sprintf("%s it has %d.%d where %s has %d.%d. From there on, up to its end at %v, they have nothing in common.",
			text, i, r.term(i), best.name, i, best.term(i), r.last())
	}
	switch {
	case r.last() == best.last():
		return fmt.Sprintf("%s has the same log.", r.name)
	case r.last().Index == 0:
		return fmt.Sprintf("%s has an empty log.", r.name)
	case hi < lo:
		return fmt.Sprintf("%s ends at %v, and %s begins at %d: there is nothing to compare.", r.name, r.last(), best.name, best.first())
	}
	return fmt.Sprintf("%s agrees up to %v, and ends there: it lacks %d to %v.", r.name, r.last(), r.last().Index+1, best.last())
}
