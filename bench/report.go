package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// describeMachine prints what a reader must know to judge the figures.
func describeMachine(out io.Writer, program, dir string, started time.Time) {
	fmt.Fprintf(out, "%s, %d processors (%s), %s/%s, %s, data on %s; took %v\n",
		started.Format(time.DateOnly), runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH, runtime.Version(), fileSystem(dir), time.Since(started).Round(time.Second))
	fmt.Fprintf(out, "kvorum %s\n", revision(program))
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			switch dep.Path {
			case "go.etcd.io/etcd/server/v3", "github.com/hashicorp/raft", "github.com/hashicorp/raft-wal", "google.golang.org/grpc":
				fmt.Fprintf(out, "%s %s\n", dep.Path, dep.Version)
			}
		}
	}
}

// revision tells from which commit a program was built.
func revision(program string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "of an unknown commit: " + err.Error()
	}
	at := "of an unknown commit, built without -buildvcs"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			at = s.Value
		case s.Key == "vcs.modified" && s.Value == "true": // comes after the revision
			at += ", modified"
		}
	}
	return at
}

func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem names the file system of a folder.
func fileSystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err.Error()
	}
	const tmpfs = 0x01021994
	if s.Type == tmpfs {
		return inMemory
	}
	return fmt.Sprintf("file system type %#x", s.Type)
}

const inMemory = "tmpfs, WHICH NEVER SYNCS"

// warnOfMemory says so before anything is measured that would mean nothing.
func warnOfMemory(out io.Writer, dir string) {
	if fileSystem(dir) == inMemory {
		fmt.Fprintf(out, "%s is on %s: the figures will mean nothing. Give a folder on a disk with -dir.\n", dir, inMemory)
	}
}

func (b *bench) find(system string, r row) (result, bool) {
	i := slices.IndexFunc(b.results, func(got result) bool { return got.System == system && got.row() == r })
	if i < 0 {
		return result{}, false
	}
	return b.results[i], true
}

// printTables prints every result, a row for each system.
func (b *bench) printTables() {
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nworkload\tclients\tbytes\tsystem\tops/s\tp50\tp99\tmax\tserver CPU/op\tof each (µs)\tclient CPU/op\t")
	for _, r := range b.results {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%.0f\t%v\t%v\t%v\t%v\t%s\t%v\t\n", r.Workload, r.Clients, r.Bytes, r.System, r.PerSecond,
			r.P50, r.P99, r.Max.Round(100*time.Microsecond), r.CPU.Round(time.Microsecond), ofEach(r), r.CPUOfClients.Round(time.Microsecond))
	}
	w.Flush() //nolint:errcheck // it is the terminal
}

// ofEach tells what a request costs each server: 61+22+21.
func ofEach(r result) string {
	var parts []string
	for _, used := range r.CPUOfEach {
		parts = append(parts, strconv.FormatInt(used.Round(time.Microsecond).Microseconds(), 10))
	}
	return strings.Join(parts, "+")
}

// ratio compares two systems in the rows of one workload with values of 256 bytes.
type ratio struct {
	name, of, to string
	workload     string
	value        func(of, to result) float64
}

func perSecond(of, to result) float64 { return of.PerSecond / to.PerSecond }

var ratios = []ratio{
	{"set/etcd", "kvorum", "etcd", "set", perSecond},
	{"set/echo", "kvorum", "echo", "set", perSecond},
	{"set-p99/etcd", "kvorum", "etcd", "set", func(of, to result) float64 { return float64(of.P99) / float64(to.P99) }},
	{"set-cpu/etcd", "kvorum", "etcd", "set", func(of, to result) float64 { return float64(of.CPU) / float64(to.CPU) }},
	{"get/etcd", "kvorum", "etcd", "get", perSecond},
	{"get/echo", "kvorum", "echo", "get", perSecond},
	{"spread-get/etcd", "kvorum", "etcd", "spread-get", perSecond},
	{"stale-get/etcd", "kvorum", "etcd", "stale-get", perSecond},
	{"mixed/etcd", "kvorum", "etcd", "mixed", perSecond},
	{"cas/etcd", "kvorum", "etcd", "cas", perSecond},
	{"list/etcd", "kvorum", "etcd", "list", perSecond},
	{"set/baseline", "kvorum", "baseline", "set", perSecond},
	{"get/baseline", "kvorum", "baseline", "get", perSecond},
	{"spread-get/baseline", "kvorum", "baseline", "spread-get", perSecond},
	{"propose/hashicorp", "raft+node+wal", "hashicorp/raft+raft-wal", "propose", perSecond},
}

// printRatios prints lines for programs to read: ratio NAME CLIENTS VALUE, and, of
// what has a target that is no ratio, figure set-cpu-us CLIENTS VALUE: the processor
// time of all of kvorum's servers for a set.
func (b *bench) printRatios() {
	fmt.Fprintln(b.out)
	for _, r := range ratios {
		for _, clients := range allClients {
			at := row{r.workload, clients, 256}
			of, ok := b.find(r.of, at)
			to, also := b.find(r.to, at)
			if ok && also {
				fmt.Fprintf(b.out, "ratio %s %d %.2f\n", r.name, clients, r.value(of, to))
			}
		}
	}
	for _, clients := range allClients {
		if set, ok := b.find("kvorum", row{"set", clients, 256}); ok {
			fmt.Fprintf(b.out, "figure set-cpu-us %d %d\n", clients, set.CPU.Round(time.Microsecond).Microseconds())
		}
	}
}

func (b *bench) writeJSON(file string) error {
	text, err := json.MarshalIndent(b.results, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
