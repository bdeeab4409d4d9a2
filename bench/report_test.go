package main

import (
	"bytes"
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
		of("kvorum", "set", 1, 256, 800, 0, 0), // beside nothing
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
`
	if out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}
