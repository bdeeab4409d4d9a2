package main

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/durationpb"

	"kvorum/dashboard"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/node"
)

// witness knows of this process what its status tells in detail.
type witness struct {
	started  time.Time
	httpAddr string
	metrics  *metrics
	journal  dashboard.Journal

	mu    sync.Mutex // guards since, which the node sets, and handlers of requests read
	since time.Time  // when leadership last changed
}

// observe is called by the node at each change of leadership.
func (w *witness) observe(now node.Leadership) {
	w.metrics.observeLeadership(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
}

// describe adds to a detailed status what package rpc does not know.
func (w *witness) describe(d *kvorumv1.Detail) {
	w.mu.Lock()
	if !w.since.IsZero() {
		d.LeadershipAge = durationpb.New(time.Since(w.since))
	}
	w.mu.Unlock()
	d.Uptime = durationpb.New(time.Since(w.started))
	d.HttpAddr = w.httpAddr
	for _, kind := range clientKinds {
		d.Timings = append(d.Timings, timings(kind, w.metrics.clients[kind]))
	}
	d.Timings = append(d.Timings, timings("sync", w.metrics.fsync))
	d.Log = w.journal.Records()
}

// timings returns what a histogram has counted.
func timings(kind string, of prometheus.Observer) *kvorumv1.Timings {
	t := &kvorumv1.Timings{Kind: kind}
	var m dto.Metric
	if err := of.(prometheus.Metric).Write(&m); err != nil {
		return t // a histogram of constant buckets has no error
	}
	t.Count = m.GetHistogram().GetSampleCount()
	for _, b := range m.GetHistogram().GetBucket() {
		t.Bounds = append(t.Bounds, b.GetUpperBound())
		t.Counts = append(t.Counts, b.GetCumulativeCount())
	}
	return t
}
