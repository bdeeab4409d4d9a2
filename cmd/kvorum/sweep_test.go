//go:build strace

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// sweep is how many positions the sweeps of crash points kill at, in percent of all.
var sweep = flag.Int("sweep", 10, "percent of the crash points that are tried")

// crashPoint is a kind of position at which a process is killed: as it enters a
// system call, so that the call does not happen.
type crashPoint struct {
	call      string
	positions int      // of a whole sweep
	length    int      // of the values written
	fresh     bool     // each position on a new server: the k-th in its k-th set
	args      []string // of the server
}

// oftenSaved has a snapshot due every seven entries, so that its files are at stake, too.
var oftenSaved = []string{"--snapshot-entries", "7", "--snapshot-tail", "3"}

// Of the large values 16 fill a segment of the log, and the next begins.
var crashPoints = []crashPoint{
	{"fdatasync", 100, 600, true, nil},
	{"fdatasync", 100, 600, false, oftenSaved},
	{"pwrite64", 30, 600, false, oftenSaved},
	{"renameat", 10, 600, false, oftenSaved},
	{"fsync", 10, 600, false, oftenSaved},
	{"unlinkat", 10, 600, false, oftenSaved},
	{"renameat", 5, 1e6, false, nil},
	{"fsync", 5, 1e6, false, nil},
}

// folder says what the server starts on each time.
func (p crashPoint) folder() string {
	if p.fresh {
		return "new"
	}
	return "the same"
}

// tally is what a sweep comes to.
type tally struct{ killed, cut, acked, kept, lost int }

// TestEveryCrashPointKeepsWhatWasAcknowledged kills a server as it enters a call of
// each kind, while sets are under way, starts it on what is left, and kills it at the
// next, as often as the kind has positions; or else kills new servers, each a set later
// than the one before. Every second time the power fails, too: what was not synced is
// lost, or of each sector one in two. After each restart every acknowledged set is
// there, and none that nobody sent.
func TestEveryCrashPointKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	results := make([]tally, len(crashPoints))
	t.Run("kinds", func(t *testing.T) {
		for i, p := range crashPoints {
			t.Run(fmt.Sprintf("%s of %d bytes, folder %s", p.call, p.length, p.folder()), func(t *testing.T) {
				t.Parallel()
				if p.fresh {
					results[i] = p.sweepRun(t, max(1, 100 / *sweep))
				} else {
					results[i] = p.sweep(t, max(2, p.positions**sweep/100))
				}
			})
		}
	})
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "call\tvalue\tfolder\tpositions killed\tpower cut\tacknowledged\tlost\tin flight, kept\t")
	for i, p := range crashPoints {
		r := results[i]
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t\n", p.call, p.length, p.folder(), r.killed, r.cut, r.acked, r.lost, r.kept)
		if r.lost > 0 {
			t.Errorf("killed at %s: %d acknowledged sets are lost", p.call, r.lost)
		}
	}
	w.Flush()
	t.Logf("\n%s", table.String())
}

// sweep kills a server that many times, once for each of its next calls, and
// starts it again on what is left.
func (p crashPoint) sweep(t *testing.T, positions int) (sum tally) {
	data, l := dir(t), newLedger()
	args := append(append([]string{"--bootstrap"}, quick...), p.args...)
	for position := range positions + 1 {
		s := serveOn(t, data, "n1", args...)
		c := clientOf(t, s)
		if err := l.set(s.dying(), c, p.length); err != nil {
			t.Fatalf("after %d crashes: %v", position, err)
		}
		acked, lost, kept := l.check(t, c)
		sum.acked, sum.lost, sum.kept = acked, lost, sum.kept+kept
		if position == positions || lost > 0 || t.Failed() {
			s.stop()
			return sum
		}
		p.crash(t, s, l, &sum)
		c.Close()
	}
	return sum
}

// sweepRun kills a new server in every step-th set of a run.
func (p crashPoint) sweepRun(t *testing.T, step int) (sum tally) {
	for k := step; k <= p.positions; k += step {
		t.Run(fmt.Sprint("set ", k), func(t *testing.T) { p.dieInSet(t, k, &sum) })
	}
	return sum
}

// dieInSet kills a new server in its k-th set, the only one that strace sees, and
// starts it again.
func (p crashPoint) dieInSet(t *testing.T, k int, sum *tally) {
	data, l := dir(t), newLedger()
	args := append(append([]string{"--bootstrap"}, quick...), p.args...)
	s := serveOn(t, data, "n1", args...)
	eventually(t, "the server is ready", s.ready)
	c := clientOf(t, s)
	for range k - 1 {
		if err := l.set(s.dying(), c, p.length); err != nil {
			t.Fatal(err)
		}
	}
	cuts := sum.cut
	p.crash(t, s, l, sum)
	s = serveOn(t, data, "n1", args...)
	acked, lost, kept := l.check(t, clientOf(t, s))
	s.stop()
	if acked != k-1 {
		t.Errorf("%d sets were answered before it died in set %d", acked, k)
	}
	if sum.cut == cuts && kept != 1 {
		t.Errorf("set %d was not written when it died", k) // the kernel would have kept it
	}
	sum.acked, sum.lost, sum.kept = sum.acked+acked, sum.lost+lost, sum.kept+kept
}

// crash kills a server at its next call of the kind. Every second time the power
// fails, too.
func (p crashPoint) crash(t *testing.T, s testServer, l *ledger, sum *tally) {
	t.Helper()
	calls := p.kill(t, s, l)
	if sum.killed%2 == 1 {
		survives := func() bool { return sum.killed%4 == 1 && rand.IntN(2) == 0 }
		afterTrace(t, calls).lose(t, survives)
		sum.cut++
	}
	sum.killed++
}

// kill writes until the server is killed at its next call of the kind, and
// makes sure that this is where it died.
func (p crashPoint) kill(t *testing.T, s testServer, l *ledger) []call {
	t.Helper()
	c := clientOf(t, s)
	defer c.Close()
	trace := attach(t, s.cmd.Process.Pid, p.call+":signal=SIGKILL:when=1")
	dying := s.dying()
	for sets := 0; dying.Err() == nil; sets++ {
		_ = l.set(dying, c, p.length) // the ledger knows what it means
		if sets > 100 {
			t.Fatalf("100 sets and not one %s", p.call)
		}
	}
	s.exits(-1)
	calls := trace.detach()
	for _, c := range calls {
		if c.name == p.call {
			if c.ended != never {
				t.Fatalf("it was not killed at its first %s: %s", p.call, c.text)
			}
			return calls
		}
	}
	t.Fatalf("it was killed before its first %s", p.call)
	return nil
}

// TestCrashWhileTheFolderIsMadeIsHarmless kills a server at every call by which it
// makes its folder. Each time the next start makes it whole.
func TestCrashWhileTheFolderIsMadeIsHarmless(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"mkdirat", "pwrite64", "fdatasync", "renameat", "fsync"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killed := 0
			for k := 1; killAtStart(t, name, k); k += max(1, 30 / *sweep) {
				killed++
			}
			if killed == 0 {
				t.Error("nothing was killed")
			}
			t.Logf("killed at %d positions", killed)
		})
	}
}

// killAtStart kills a server at its k-th call of that name, starts it again, and has it
// write. It reports false if it serves before it makes that many calls. All calls
// are of one thread then, so that strace counts them all.
func killAtStart(t *testing.T, call string, k int) bool {
	t.Helper()
	data := dir(t)
	killer := []string{"strace", "-D", "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, k), os.Args[0]}
	p := launchBy(t, killer, append([]string{"serve", "--id", "n1", "--data-dir", data, "--bootstrap",
		"--rpc-addr", "127.0.0.1:0", "--serf-addr", "127.0.0.1:0", "--http-addr", ""}, quick...)...)
	served := false
	eventually(t, "it is killed or serves", func() bool {
		served = strings.Contains(p.text(), "kvorum serves")
		return served || p.dying().Err() != nil
	})
	if served {
		return false
	}
	p.exits(-1)
	s := serveOn(t, data, "n1", append([]string{"--bootstrap"}, quick...)...)
	put(t, clientOf(t, s), "key", "value")
	expect(t, clientOf(t, s), "key", "value")
	s.stop()
	return true
}
