package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kvorum/raft/wal"
)

func (l *raftlab) walDamage() *cobra.Command {
	var d damage
	cmd := &cobra.Command{
		Use:   "damage DIR OUT",
		Short: "Make a damaged copy of a server's folder",
		Long: `damage copies the folder DIR to OUT, which must not exist, and damages the copy. Say
how, and where: at a record, by the number that ` + "`raftlab wal dump`" + ` prints; at an offset
of a file; or in any record or snapshot, by a seed that decides. It says what it did,
and what a server makes of it: it does not start, or cuts off the last write as torn,
or needs no more than what is left.

No server should be running on DIR: files that change while they are copied may be
torn in the copy.`,
		Example: `  raftlab wal damage kvorum-demo/n1 hurt --flip --record 3
  raftlab wal damage kvorum-demo/n1 hurt --zero --at log-0000000000000001:600
  raftlab wal damage kvorum-demo/n1 hurt --truncate --seed 7`,
		Args: cobra.ExactArgs(2),
	}
	w := where{flags: cmd.Flags()}
	d.addTo(cmd)
	w.addTo(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		l.begun = true
		in, err := wal.Inspect(args[0])
		if err != nil {
			return err
		}
		if d.spot, err = w.spot(args[0], in); err != nil {
			return usageError{err}
		}
		return l.damage(d, in, args[0], args[1])
	}
	return cmd
}

// damage is what is done to a copy, and where.
type damage struct {
	flip, zero, truncate, remove bool
	spot                         spot
}

// spot is a place in a file, and what it is a part of.
type spot struct {
	file   string // its name in the folder
	lo, hi int64  // a record, or a sector; the byte at hi is not a part of it
	offset int64  // of the byte that is meant
}

func (d *damage) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&d.flip, "flip", false, "flip a bit, in the middle of a record")
	f.BoolVar(&d.zero, "zero", false, "write zeros over a record, or over the 512 bytes around an offset, as a disk that has lost a sector")
	f.BoolVar(&d.truncate, "truncate", false, "cut the file off, in the middle of a record")
	f.BoolVar(&d.remove, "remove", false, "remove the file")
	needOne(cmd, "flip", "zero", "truncate", "remove")
}

func needOne(cmd *cobra.Command, flags ...string) {
	cmd.MarkFlagsOneRequired(flags...)
	cmd.MarkFlagsMutuallyExclusive(flags...)
}

// where is how a spot is asked for: one of these.
type where struct {
	flags  *pflag.FlagSet
	record int
	at     string
	seed   uint64
}

func (w *where) addTo(cmd *cobra.Command) {
	w.flags.IntVar(&w.record, "record", 0, "where: the number of a record; -1 is the last one")
	w.flags.StringVar(&w.at, "at", "", "where: FILE:OFFSET, a name in DIR and a number of bytes")
	w.flags.Uint64Var(&w.seed, "seed", 0, "where: a number that decides")
	needOne(cmd, "record", "at", "seed")
}

func (w *where) spot(dir string, in *wal.Inspection) (spot, error) {
	switch {
	case w.flags.Changed("record"):
		return spotOfRecord(in, w.record)
	case w.flags.Changed("at"):
		return spotAt(dir, w.at)
	}
	return anySpot(in, w.seed)
}

const sector = 512 // bytes that a disk writes or loses as one

func sectorOf(file string, offset, size int64) spot {
	lo := offset - offset%sector
	return spot{file, lo, min(lo+sector, size), offset}
}

func spotAt(dir, text string) (spot, error) {
	name, digits, _ := strings.Cut(text, ":")
	offset, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || offset < 0 || name != filepath.Base(name) {
		return spot{}, fmt.Errorf("--at %s: want FILE:OFFSET, as in identity:20", text)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return spot{}, fmt.Errorf("--at: %w", err)
	}
	if offset >= info.Size() {
		return spot{}, fmt.Errorf("--at %s: the file has %d bytes", text, info.Size())
	}
	return sectorOf(name, offset, info.Size()), nil
}

func spotOfRecord(in *wal.Inspection, number int) (spot, error) {
	all := records(in)
	i := number - 1
	if number < 0 {
		i = len(all) + number
	}
	if i < 0 || i >= len(all) {
		return spot{}, fmt.Errorf("--record %d: there are records 1 to %d", number, len(all))
	}
	return all[i], nil
}

// records returns where the records of the log are; the byte in the middle is meant.
func records(in *wal.Inspection) (all []spot) {
	for _, s := range in.Segments {
		for _, r := range s.Stretches {
			if r.IsRecord() {
				all = append(all, spot{filepath.Base(s.File), r.Offset, r.Offset + r.Length, r.Offset + r.Length/2})
			}
		}
	}
	return all
}

// anySpot returns a byte of a record or of a snapshot.
func anySpot(in *wal.Inspection, seed uint64) (spot, error) {
	random := rand.New(rand.NewPCG(seed, 0))
	all := records(in)
	i := random.IntN(max(1, len(all)+len(in.Snapshots)))
	switch {
	case i < len(all):
		all[i].offset = all[i].lo + random.Int64N(all[i].hi-all[i].lo)
		return all[i], nil
	case i < len(all)+len(in.Snapshots) && in.Snapshots[i-len(all)].Size > 0:
		s := in.Snapshots[i-len(all)]
		return sectorOf(filepath.Base(s.File), random.Int64N(s.Size), s.Size), nil
	}
	return spot{}, errors.New("--seed: there is nothing here to damage any more")
}

// damage makes the damaged copy, and says what a server makes of it.
func (l *raftlab) damage(d damage, before *wal.Inspection, dir, out string) error {
	if err := copyFolder(dir, out); err != nil {
		return fmt.Errorf("copy %s: %w", dir, err)
	}
	if err := d.do(filepath.Join(out, d.spot.file)); err != nil {
		return fmt.Errorf("damage the copy: %w", err)
	}
	fmt.Fprintf(l.stdout, "%s: %s\n", out, d)
	after, err := wal.Inspect(out)
	if err != nil {
		return err
	}
	if after.Refusal != nil {
		fmt.Fprintf(l.stdout, "a server does not start on it: %v\n", after.Refusal)
		return nil
	}
	fmt.Fprintf(l.stdout, "a server starts on it and has %s\n", stateOf(after.Saved))
	if stateOf(before.Saved) != stateOf(after.Saved) {
		fmt.Fprintf(l.stdout, "                instead of    %s\n", stateOf(before.Saved))
	}
	for _, line := range after.Repairs {
		fmt.Fprintf(l.stdout, "and logs: %s", line)
	}
	return nil
}

func (d damage) do(file string) error {
	switch {
	case d.remove:
		return os.Remove(file)
	case d.truncate:
		return os.Truncate(file, d.spot.offset)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	part := make([]byte, d.spot.hi-d.spot.lo)
	if _, err := f.ReadAt(part, d.spot.lo); err != nil {
		return errors.Join(err, f.Close())
	}
	if d.zero {
		clear(part)
	} else {
		part[d.spot.offset-d.spot.lo] ^= 1
	}
	_, err = f.WriteAt(part, d.spot.lo)
	return errors.Join(err, f.Close())
}

func (d damage) String() string {
	switch s := d.spot; {
	case d.remove:
		return "removed " + s.file
	case d.truncate:
		return fmt.Sprintf("cut off %s at offset %d", s.file, s.offset)
	case d.zero:
		return fmt.Sprintf("zeros in %s from offset %d to %d", s.file, s.lo, s.hi-1)
	default:
		return fmt.Sprintf("flipped a bit of %s at offset %d", s.file, s.offset)
	}
}
