package sim

import (
	"context"
	"slices"
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
	if _, err := Shrink(context.Background(), Options{Seed: 1}, nil); err == nil {
		t.Error("seed 1 breaks no invariant, and was shrunk")
	}
}

// TestShrinkLeavesWhatIsNeeded: of forty actions two break the invariant
// together. Nobody has to listen.
func TestShrinkLeavesWhatIsNeeded(t *testing.T) {
	t.Parallel()
	told, plays := 0, 0
	for _, tell := range []func(int, time.Duration){nil, func(int, time.Duration) { told++ }} {
		s := shrinking{tell: tell, play: func(o Options) Result {
			plays++
			if slices.Contains(o.Drop, 3) || slices.Contains(o.Drop, 17) {
				return Result{Actions: 40}
			}
			return Result{Actions: 40, Events: 40 - len(o.Drop), Err: &Violation{"I1", 18 * time.Second, ""}}
		}}
		got, err := s.shrink(t.Context(), Options{Seed: 5})
		if kept := s.kept(); err != nil || !slices.Equal(kept, []int{3, 17}) || got.Whole.Events != 40 || got.Result.Events != 2 {
			t.Errorf("got %+v, actions %d, %v; want 3 and 17 kept", got, kept, err)
		}
	}
	if told == 0 || plays > 100 {
		t.Errorf("told %d times, played %d times", told, plays)
	}
}
