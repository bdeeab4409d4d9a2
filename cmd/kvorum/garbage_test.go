package main

import (
	"runtime"
	runtimemetrics "runtime/metrics"
	"testing"
	"time"
)

func TestGarbageIsBoundedByHalfOfWhatIsAliveOr32MiB(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct{ live, want uint64 }{
		{0, 32 * mib}, {4 * mib, 32 * mib}, {16 * mib, 32 * mib}, {64 * mib, 32 * mib},
		{100 * mib, 50 * mib}, {1024 * mib, 512 * mib}, {100_000 * mib, 50_000 * mib},
	} {
		got := max(c.live, 4*mib) * uint64(gcPercent(c.live)) / 100
		if got > c.want || got < c.want*8/10 {
			t.Errorf("%d MiB alive: garbage may be %d MiB, want %d", c.live/mib, got/mib, c.want/mib)
		}
	}
}

// Not parallel, so that what other tests keep alive does not count.
func TestTheBoundFollowsWhatIsAliveFromCollectionToCollection(t *testing.T) {
	adjustGC(0)
	alive := make([]byte, 64<<20)
	collectUntil(t, "64 MiB are alive", func(percent uint64) bool { return percent == 50 })
	runtime.KeepAlive(alive)
	collectUntil(t, "they are dead", func(percent uint64) bool { return percent >= 100 })
}

// collectUntil collects garbage until the percentage is as it should be.
func collectUntil(t *testing.T, when string, isRight func(percent uint64) bool) {
	t.Helper()
	percent := []runtimemetrics.Sample{{Name: "/gc/gogc:percent"}}
	for began := time.Now(); ; {
		runtime.GC()
		runtimemetrics.Read(percent)
		got := percent[0].Value.Uint64()
		if isRight(got) {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%s, and garbage may still be %d%% of what is alive", when, got)
		}
	}
}
