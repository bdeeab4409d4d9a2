package main

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

// leastGarbage is how much garbage may pile up, in bytes, before it is collected,
// or half of what is alive if that is more. Go's default, as much as is alive, is too
// little for a server with few keys, which would collect several times a second, and
// too much for one with many, where memory is what limits their number.
const leastGarbage = 32 << 20

// boundGarbage keeps that bound from now on, unless the variable GOGC gives another.
func boundGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	adjustGC(0)
}

// adjustGC sets the percentage that follows from what is alive, and has itself
// called again after the next collection, when that is known anew: whoever asks at
// intervals is late where a snapshot of a gigabyte is restored.
func adjustGC(before int) {
	live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(live)
	percent := gcPercent(live[0].Value.Uint64())
	if percent != before {
		debug.SetGCPercent(percent) // it stops everything for a moment
	}
	// Nobody refers to this object, so the next collection finds it dead. It holds a
	// pointer because Go may put small objects without one together.
	runtime.AddCleanup(new(*int), adjustGC, percent)
}

// gcPercent returns how many percent garbage may be of what is alive. Steps of a
// tenth keep it from changing each time.
func gcPercent(live uint64) int {
	const least = 4 << 20 // as if so much were alive, at a start
	percent := max(50, 100*leastGarbage/max(live, least))
	return int(percent - percent%10)
}
