package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// table prints each result as soon as it is there.
type table struct {
	out     io.Writer
	json    bool
	started bool
}

func (t *table) add(r *result) error {
	if t.json {
		return json.NewEncoder(t.out).Encode(summaryOf(r))
	}
	if !t.started {
		t.started = true
		if _, err := fmt.Fprintf(t.out, "%s\n%7s %9s %9s %9s %9s %9s %9s  %s\n",
			r.workload, "clients", "ops/s", "p50", "p90", "p99", "p99.9", "max", "errors"); err != nil {
			return err
		}
	}
	s := summaryOf(r)
	failures := cmp.Or(r.failures(), "none")
	_, err := fmt.Fprintf(t.out, "%7d %9.0f %9s %9s %9s %9s %9s  %s\n", s.Clients, s.OpsPerSecond,
		short(s.Latency.P50), short(s.Latency.P90), short(s.Latency.P99), short(s.Latency.P999), short(s.Latency.Max), failures)
	return err
}

// short prints microseconds with about three digits.
func short(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// summary is a result as --output json prints it.
type summary struct {
	Workload     string                    `json:"workload"`
	Clients      int                       `json:"clients"`
	Seconds      float64                   `json:"seconds"`
	Ops          int64                     `json:"ops"` // that succeeded
	OpsPerSecond float64                   `json:"ops_per_second"`
	Latency      percentiles               `json:"latency_us"`
	Errors       map[string]map[string]int `json:"errors"` // by outcome and reason
}

// percentiles are in microseconds.
type percentiles struct {
	P50  int64 `json:"p50"`
	P90  int64 `json:"p90"`
	P99  int64 `json:"p99"`
	P999 int64 `json:"p99_9"`
	Max  int64 `json:"max"`
}

func summaryOf(r *result) summary {
	h := r.latency
	return summary{
		Workload: r.workload, Clients: r.clients, Seconds: r.elapsed.Seconds(),
		Ops: h.TotalCount(), OpsPerSecond: r.rate(), Errors: r.errors,
		Latency: percentiles{
			P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Max: h.Max(),
		},
	}
}
