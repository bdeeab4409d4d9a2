package sim

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 200, "how many seeds TestSeeds plays")
	base  = flag.Uint64("base", 1, "the first of them")
	seed  = flag.Int64("seed", -1, "play only this seed; with -v, say what happens")
)

// TestSeeds plays many seeds: no invariant breaks, every cluster settles, and
// together they have been in every rare situation.
func TestSeeds(t *testing.T) {
	if *seed >= 0 {
		playOne(t, uint64(*seed))
		return
	}
	begun := time.Now()
	total, failed := play(t, *base, *seeds)
	if !failed && *seeds >= 100 {
		for _, s := range Situations() {
			if total.Counts[s] == 0 {
				t.Errorf("vacuous: in %d seeds, never: %s", *seeds, s)
			}
		}
	}
	fmt.Printf("raft/sim: %d seeds, %d events, %.0f virtual seconds in %.1f s; settled in at most %.1f election timeouts; %v\n",
		*seeds, total.Events, total.Time.Seconds(), time.Since(begun).Seconds(), float64(total.Settled)/float64(ElectionTimeout), total.Counts)
}

// play plays n seeds from base on, as many at a time as there are processors.
func play(t *testing.T, base uint64, n int) (total Result, failed bool) {
	total.Counts = map[Situation]int{}
	var mu sync.Mutex // seeds are played in parallel and summed up in any order
	t.Run("group", func(t *testing.T) {
		for i := range n {
			seed := base + uint64(i)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				r := Run(seed, nil)
				mu.Lock()
				defer mu.Unlock()
				if r.Err != nil {
					failed = true
					t.Errorf("%v\nreplay: go test ./raft/sim -run TestSeeds -seed %d -v", r.Err, seed)
				}
				total.Events += r.Events
				total.Time += r.Time
				total.Settled = max(total.Settled, r.Settled)
				for s, count := range r.Counts {
					total.Counts[s] += count
				}
			})
		}
	})
	return total, failed
}

func playOne(t *testing.T, seed uint64) {
	var trace func(string)
	if testing.Verbose() {
		trace = func(line string) { fmt.Println(line) }
	}
	r := Run(seed, trace)
	if r.Err != nil {
		t.Error(r.Err)
	}
	t.Logf("%+v", r)
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
