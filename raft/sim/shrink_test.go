package sim

import (
	"context"
	"testing"
	"time"
)

// TestActionsThatAreLeftOutDoNotHappen is what Shrink rests on, as is that the
// rest of the run does not depend on what comes after its end.
func TestActionsThatAreLeftOutDoNotHappen(t *testing.T) {
	t.Parallel()
	const end = 8 * time.Second
	whole := Play(Options{Seed: 7, Until: end})
	if whole.Err != nil || whole.Actions == 0 || whole.Time != end || whole.Counts[Acknowledged] == 0 {
		t.Fatalf("want %v of a run in which something happens, got %+v", end, whole)
	}
	var all []int
	for n := range whole.Actions {
		all = append(all, n)
	}
	if quiet := Play(Options{Seed: 7, Until: end, Drop: all}); quiet.Err != nil || quiet.Counts[Acknowledged] > 0 {
		t.Errorf("nobody did anything, but: %+v", quiet)
	}
	if again := Play(Options{Seed: 7, Until: end, Drop: []int{whole.Actions, whole.Actions + 1}}); again.Digest != whole.Digest {
		t.Error("what was left out after the end changed the run")
	}
}

func TestShrinkFindsNothingInAGoodRun(t *testing.T) {
	t.Parallel()
	if _, _, err := Shrink(context.Background(), Options{Seed: 1}, nil); err == nil {
		t.Error("seed 1 breaks no invariant, and was shrunk")
	}
}
