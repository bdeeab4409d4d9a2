package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var (
	seeds   = flag.Int("seeds", 200, "how many seeds TestSeeds plays")
	minutes = flag.Float64("minutes", 0, "how many minutes of processor time TestSeeds plays instead")
	base    = flag.Uint64("base", 1, "the first of them")
	brief   = flag.Bool("brief", false, "play short runs")
)

// TestSeeds plays many seeds: no invariant breaks, every cluster settles, and
// together they have been in every rare situation.
func TestSeeds(t *testing.T) {
	b := Batch{First: *base, Seeds: *seeds, Short: *brief}
	if *minutes > 0 {
		b.Seeds, b.CPU = 0, time.Duration(*minutes*float64(time.Minute))
	}
	total := RunSeeds(t.Context(), b)
	for _, r := range total.Violations {
		replay := fmt.Sprintf("go run ./cmd/raftlab replay %d", r.Seed)
		if *brief {
			replay += " --short"
		}
		t.Errorf("seed %d: %v\nreplay: %s", r.Seed, r.Err, replay)
	}
	if total.Seeds >= Telling && !*brief && !t.Failed() {
		for _, s := range total.Unseen() {
			t.Errorf("vacuous: in %d seeds, never: %s", total.Seeds, s)
		}
	}
	if median := total.SettledWithin(500); total.Seeds >= Telling && median > 3 {
		t.Errorf("half of the clusters took more than %.1f election timeouts to settle", median)
	}
	t.Logf("settled: half within %.1f election timeouts, 99 %% within %.1f, all within %.1f",
		total.SettledWithin(500), total.SettledWithin(990), total.SettledWithin(1000))
	t.Log(total.Counts)
	fmt.Println(total.String())
}

// TestOneSeedIsOneRun is what makes a failing seed worth printing.
func TestOneSeedIsOneRun(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		a, b := Run(seed, nil), Run(seed, func(string) {})
		if a.Digest != b.Digest || a.Events != b.Events || a.Digest == 0 {
			t.Errorf("seed %d: two runs differ: %+v and %+v", seed, a, b)
		}
		if c := Run(seed+1, nil); c.Digest == a.Digest {
			t.Errorf("seeds %d and %d are the same run", seed, seed+1)
		}
	}
}

// TestDigests prints what wasm.sh compares.
func TestDigests(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r := Play(Options{Seed: 100 + seed, Short: seed%3 == 2})
		if r.Err != nil || r.Digest == 0 {
			t.Errorf("seed %d: %+v", r.Seed, r)
		}
		fmt.Printf("digest %d %016x %d\n", r.Seed, r.Digest, r.Events)
	}
}
