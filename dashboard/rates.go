package dashboard

import (
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// sample is what a server told at a moment, to compare with what it tells later.
type sample struct {
	status *kvorumv1.StatusResponse
	at     time.Time
}

// follows reports whether the same process told s after before.
func (s sample) follows(before sample) bool {
	return before.status != nil && s.at.After(before.at) &&
		s.status.GetDetail().GetUptime().AsDuration() > before.status.GetDetail().GetUptime().AsDuration()
}

// period is what happened at one server or several between two samples.
type period map[string]*histogram // by kind

// histogram counts by duration.
type histogram struct {
	perSecond float64
	bounds    []float64 // seconds, ascending
	counts    []uint64  // how many took at most as long
	count     uint64
}

// between returns what happened from one sample to the next.
func between(before, now sample) period {
	seconds := now.at.Sub(before.at).Seconds()
	old := map[string]*kvorumv1.Timings{}
	for _, t := range before.status.GetDetail().GetTimings() {
		old[t.GetKind()] = t
	}
	p := period{}
	for _, t := range now.status.GetDetail().GetTimings() {
		was := old[t.GetKind()]
		if len(t.GetCounts()) != len(t.GetBounds()) || len(was.GetCounts()) > len(t.GetCounts()) {
			continue // of a program that counts differently
		}
		h := &histogram{bounds: t.GetBounds(), counts: append([]uint64(nil), t.GetCounts()...), count: t.GetCount() - was.GetCount()}
		for i, n := range was.GetCounts() {
			h.counts[i] -= n
		}
		h.perSecond = float64(h.count) / seconds
		p[t.GetKind()] = h
	}
	return p
}

// add adds what happened elsewhere in about the same time.
func (p period) add(other period) {
	for kind, h := range other {
		sum, ok := p[kind]
		if !ok {
			sum = &histogram{bounds: h.bounds, counts: make([]uint64, len(h.counts))}
			p[kind] = sum
		}
		if len(sum.counts) != len(h.counts) {
			continue // of a program that counts differently
		}
		for i, n := range h.counts {
			sum.counts[i] += n
		}
		sum.count += h.count
		sum.perSecond += h.perSecond
	}
}

func (p period) load() *Load {
	return &Load{Read: p[kindRead].rate(), Write: p[kindWrite].rate(), Failed: p[kindFailed].rate(), Sync: p[kindSync].rate()}
}

// The kinds of Timings that the dashboard shows.
const (
	kindRead   = "read"
	kindWrite  = "write"
	kindFailed = "failed"
	kindSync   = "sync"
)

func (h *histogram) rate() Rate {
	if h == nil || h.count == 0 {
		return Rate{}
	}
	return Rate{PerSecond: h.perSecond, P50: h.quantile(0.5), P99: h.quantile(0.99)}
}

// quantile returns how long the fastest share q took at most, as if the durations
// in a bucket were spread evenly. Past the last bound it is that bound.
func (h *histogram) quantile(q float64) float64 {
	rank := q * float64(h.count)
	var below, lower float64
	for i, bound := range h.bounds {
		n := float64(h.counts[i])
		if n >= rank {
			return lower + (bound-lower)*(rank-below)/(n-below)
		}
		below, lower = n, bound
	}
	return lower
}
