package sim

import (
	"context"
	"testing"
)

func TestABatchPlaysEachSeedOnceAndEnds(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 4} {
		calls := 0
		total := RunSeeds(context.Background(), Batch{First: 5, Seeds: n, Progress: func(so Total) {
			if calls++; so.Seeds != calls {
				t.Errorf("after %d runs, %d are counted", calls, so.Seeds)
			}
			if calls > n {
				panic("more seeds than were asked for") // or it might never end
			}
		}})
		events := 0
		for seed := range uint64(n) {
			events += Run(5+seed, nil).Events
		}
		if total.Seeds != n || total.Events != events || len(total.Violations) > 0 {
			t.Errorf("%d seeds were asked for; they have %d events in all: got %v", n, events, total.String())
		}
	}
}
