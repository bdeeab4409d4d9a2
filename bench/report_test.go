package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRatioLinesCompareTheSameRow(t *testing.T) {
	t.Parallel()
	of := func(system, workload string, clients, bytes int, perSecond float64, p99, cpu time.Duration) result {
		return result{System: system, Workload: workload, Clients: clients, Bytes: bytes, PerSecond: perSecond, P99: p99, CPU: cpu}
	}
	var out bytes.Buffer
	b := &bench{out: &out, results: []result{
		of("echo", "set", 64, 256, 20_000, time.Millisecond, 10*time.Microsecond),
		of("kvorum", "set", 64, 256, 10_000, 3*time.Millisecond, 100*time.Microsecond),
		of("etcd", "set", 64, 256, 4_000, 12*time.Millisecond, 400*time.Microsecond),
		of("kvorum", "set", 64, 16, 11_000, 0, 0), // of another value size, and so of no ratio
		of("etcd", "set", 64, 16, 1, 1, 1),
		of("kvorum", "set", 1, 256, 800, 0, 250*time.Microsecond), // beside nothing
		of("kvorum", "get", 16, 256, 9_000, 0, 0),
		of("etcd", "get", 16, 256, 6_000, 0, 0),
		of("raft+node+wal", "propose", 1, 256, 1_500, 0, 0),
		of("hashicorp/raft+raft-wal", "propose", 1, 256, 1_000, 0, 0),
	}}
	b.printRatios()
	want := `
ratio set/etcd 64 2.50
ratio set/echo 64 0.50
ratio set-p99/etcd 64 0.25
ratio set-cpu/etcd 64 0.25
ratio get/etcd 16 1.50
ratio propose/hashicorp 1 1.50
figure set-cpu-us 1 250
figure set-cpu-us 64 100
`
	if out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}

// A run that was interrupted may have no more than that.
func TestOneRowIsEnoughForAReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := &bench{results: []result{{System: "kvorum", Workload: "set", Clients: 1, Bytes: 256, PerSecond: 1000}}}
	if err := b.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"results.json", "set.svg"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
}

func TestEverySystemThatIsComparedHasAColour(t *testing.T) {
	t.Parallel()
	for _, r := range ratios {
		if colourOf[r.of] == nil || colourOf[r.to] == nil || colourOf[r.of] == colourOf[r.to] {
			t.Errorf("%s and %s have no colours, or one", r.of, r.to)
		}
	}
}
