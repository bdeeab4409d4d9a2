package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Shrunk is the smallest run that Shrink found.
type Shrunk struct {
	Options Options // what to play to see it
	Result  Result  // what it finds out
	Whole   Result  // what the run that was to be shrunk found out
}

// Shrink looks for a run like o in which the same invariant breaks no later, and
// in which as few actions of clients and faults happen as it can find. It goes
// on until each one that is left is needed, or ctx ends. After every step, told
// the actions that are left and when the invariant breaks, tell may say so; it
// may be nil.
//
// The error says that o breaks nothing.
func Shrink(ctx context.Context, o Options, tell func(kept int, at time.Duration)) (Shrunk, error) {
	s := shrinking{play: Play, tell: tell}
	return s.shrink(ctx, o)
}

// shrinking is the smallest run that was found yet.
type shrinking struct {
	Shrunk
	broken *Violation // nil before the first run
	play   func(Options) Result
	tell   func(int, time.Duration)
}

func (s *shrinking) shrink(ctx context.Context, o Options) (Shrunk, error) {
	o.Trace = nil
	s.Options = o
	if !s.breaks(o.Drop) {
		return s.Shrunk, fmt.Errorf("seed %d breaks no invariant", o.Seed)
	}
	s.Whole = s.Result
	// Halves of what is left are tried first, then quarters, and in the end each
	// action by itself, until nothing changes any more (delta debugging).
	for size := (len(s.kept()) + 1) / 2; size > 0; {
		switch smaller := s.dropPieces(ctx, size); {
		case ctx.Err() != nil:
			return s.Shrunk, nil
		case size > 1:
			size = min((size+1)/2, max(len(s.kept())/2, 1))
		case !smaller:
			size = 0
		}
	}
	return s.Shrunk, nil
}

// kept returns the numbers of the actions that happen.
func (s *shrinking) kept() []int {
	var kept []int
	for n := range s.Result.Actions {
		if !slices.Contains(s.Options.Drop, n) {
			kept = append(kept, n)
		}
	}
	return kept
}

// dropPieces leaves out pieces of what is left, from the last to the first, and
// reports whether one of them was not needed.
func (s *shrinking) dropPieces(ctx context.Context, size int) (smaller bool) {
	kept := s.kept()
	for end := len(kept); end > 0 && ctx.Err() == nil; end -= size {
		piece := kept[max(end-size, 0):end]
		if piece[0] >= s.Result.Actions {
			continue // the run ends before, since an earlier step
		}
		if s.breaks(append(slices.Clone(s.Options.Drop), piece...)) {
			smaller = true
			if s.tell != nil {
				s.tell(len(s.kept()), s.broken.At)
			}
		}
	}
	return smaller
}

// breaks plays the run without some actions. If the same invariant breaks no
// later, that is now the smallest run.
func (s *shrinking) breaks(drop []int) bool {
	o := s.Options
	o.Drop = drop
	r := s.play(o)
	var v *Violation
	if !errors.As(r.Err, &v) || s.broken != nil && (v.Invariant != s.broken.Invariant || v.At > s.broken.At) {
		return false
	}
	o.Until = v.At
	o.Drop = slices.DeleteFunc(slices.Sorted(slices.Values(drop)), func(n int) bool { return n >= r.Actions })
	s.Options, s.Result, s.broken = o, r, v
	return true
}
