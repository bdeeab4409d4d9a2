package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"kvorum/raft"
	"kvorum/raft/wal"
)

func (l *raftlab) walDump() *cobra.Command {
	var d dump
	cmd := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print all that is in a server's folder",
		Long: `dump prints the identity, every record of the log and what it says, the snapshots,
and what a server would make of it all. A record is what one fdatasync made durable;
it has a number for ` + "`raftlab wal damage`" + `, its offset and length in bytes, and its
checksum (CRC-32C). An entry is written index.term.

It exits with 1 if a server would refuse to start on the folder, and says why as
the server does. A server may be running on it: then a record that is being written
at that moment looks like one that a crash has torn.`,
		Example: "  raftlab wal dump kvorum-demo/n1\n  raftlab wal dump kvorum-demo/n1 --from 10 --until 12 --values",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l.begun = true
			in, err := wal.Inspect(args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(l.stdout)
			d.out = out
			d.print(in)
			if err := out.Flush(); err != nil {
				return fmt.Errorf("print: %w", err)
			}
			return refusal(args[0], in)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&d.from, "from", 0, "of the log, print only entries from this index on")
	f.Uint64Var(&d.until, "until", 0, "of the log, print only entries up to this index; 0: up to the last")
	f.BoolVar(&d.say.values, "values", false, "print the values of keys, and not only their lengths")
	return cmd
}

// dump prints an inspection.
type dump struct {
	out         io.Writer
	from, until uint64 // indexes of entries; 0: no limit
	say         description

	record int        // how many records there were so far
	last   raft.Index // of the log, as far as it was printed
}

func (d *dump) printf(format string, args ...any) {
	fmt.Fprintf(d.out, format, args...)
}

func (d *dump) print(in *wal.Inspection) {
	d.identity(in.Identity)
	for i, s := range in.Segments {
		if i > 0 && s.Number > in.Segments[i-1].Number+1 {
			d.printf("\nsegment %d is missing\n", in.Segments[i-1].Number+1)
		}
		next := wal.SegmentFile{}
		if i+1 < len(in.Segments) {
			next = in.Segments[i+1]
		}
		d.segment(s, next)
	}
	for _, s := range in.Snapshots {
		d.snapshot(s)
	}
	for _, name := range in.Leftovers {
		d.printf("\n%s: not finished; a start removes it\n", name)
	}
	d.verdict(in)
}

func (d *dump) identity(id wal.Identity) {
	if id.Name == "" {
		d.printf("identity: none that can be read\n")
		return
	}
	d.printf("identity: server %s", id.ServerID())
	if id.ClusterID != "" {
		d.printf(", cluster %s", id.ClusterID)
	}
	if len(id.Voters) > 0 {
		d.printf(", formed as %v", raft.Configuration{Voters: id.Voters})
	}
	d.printf("\n")
}

func (d *dump) segment(s, next wal.SegmentFile) {
	d.printf("\n%s: segment %d, %d bytes\n", filepath.Base(s.File), s.Number, s.Size)
	if s.Damage != nil {
		d.printf("%s\n", reason(s.Damage))
	}
	d.printf("record    offset    length  crc\n")
	for i, part := range s.Stretches {
		if part.IsRecord() {
			d.printRecord(part)
		} else {
			d.printf("%6s  %8d  %8d  %8s  %s\n", "-", part.Offset, part.Length, "-", noRecord(s.Stretches[i:], next))
		}
	}
}

// noRecord says what the first of the stretches is, since it is no record. They
// are the rest of a segment.
func noRecord(rest []wal.Stretch, next wal.SegmentFile) string {
	first, text := rest[0], "no record"
	switch {
	case first.Zero:
		text = "zeros"
	case first.BadPayload:
		text = "the header of a record, and not what it announces"
	}
	switch {
	case len(rest) > 1 && rest[1].IsRecord():
		return text + ": damage, since a good record follows"
	case next.PrevEnd > first.Offset:
		return fmt.Sprintf("%s: damage, since segment %d says that records go on to offset %d", text, next.Number, next.PrevEnd)
	case first.Zero:
		return text + ", written ahead"
	case next.Number > 0:
		return fmt.Sprintf("%s, and not in use: segment %d says that records end before", text, next.Number)
	}
	return text + ", and no good one follows: a write that a crash has torn, or that is under way"
}

// printRecord prints a line for each item of a record.
func (d *dump) printRecord(part wal.Stretch) {
	d.record++
	prefix := fmt.Sprintf("%6d  %8d  %8d  %08x", d.record, part.Offset, part.Length, part.CRC())
	items, err := part.Items()
	for _, item := range items {
		text := d.say.item(item) + d.replaced(item)
		if d.wants(item) {
			d.printf("%s  %s\n", prefix, text)
			prefix = fmt.Sprintf("%*s", len(prefix), "")
		}
	}
	if err != nil {
		d.printf("%s  it makes no sense: %v\n", prefix, err)
	}
}

// wants reports whether an item is to be printed.
func (d *dump) wants(item wal.Item) bool {
	if d.from == 0 && d.until == 0 {
		return true
	}
	e, ok := item.(wal.EntryItem)
	return ok && uint64(e.Index) >= d.from && (d.until == 0 || uint64(e.Index) <= d.until)
}

// replaced follows where the log ends, and says which entries an item replaces.
func (d *dump) replaced(item wal.Item) (text string) {
	switch i := item.(type) {
	case wal.HeadItem:
		d.last = i.Last
	case wal.ResetItem:
		d.last = i.Last
	case wal.EntryItem:
		if i.Index <= d.last {
			text = fmt.Sprintf("  (replaces entries %d to %d)", i.Index, d.last)
		}
		d.last = i.Index
	}
	return text
}

func (d *dump) snapshot(s wal.SnapshotFile) {
	d.printf("\n%s: %d bytes, crc %08x", filepath.Base(s.File), s.Size, s.CRC)
	if s.Damage != nil {
		d.printf("\n%s\n", reason(s.Damage))
		return
	}
	d.printf(", as it should be\nthe state up to %v, configuration %v\n", s.Meta.ID(), s.Meta.Config)
}

// reason says what is wrong with a file, without its name and what to do.
func reason(err error) string {
	var c *wal.CorruptError
	if errors.As(err, &c) {
		return fmt.Sprintf("damaged at offset %d: %s", c.Offset, c.Reason)
	}
	return err.Error()
}

func (d *dump) verdict(in *wal.Inspection) {
	if in.Refusal != nil {
		d.printf("\na server that starts here refuses\n")
		return
	}
	config, at := configuration(in.Saved)
	since := fmt.Sprintf("since index %d", at)
	if at == in.Saved.Snapshot.LastIncludedIndex && at > 0 { // which does not say since when
		since = "as in the snapshot"
	}
	d.printf("\na server that starts here has %s\nand configuration %v, %s\n", stateOf(in.Saved), config, since)
	for _, line := range in.Repairs {
		d.printf("and logs: %s", line)
	}
}
