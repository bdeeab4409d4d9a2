package main

import "testing"

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
