package wal

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// What a loss of power keeps of what was not synced, change by change.
var powerCuts = map[string]func(change int) bool{
	"nothing":     func(int) bool { return false },
	"all":         func(int) bool { return true },
	"every other": func(change int) bool { return change%2 == 0 },
}

// crashAt starts a server, lets it do what the seed says, and cuts the power
// before operation point of the file system. It returns the states that may be
// found then; nil: the server did it all.
func (x *trial) crashAt(point, steps int) []model {
	x.countdown = point
	s, err := tryOpen(x.fsys, "d")
	if x.crashed {
		return []model{x.model}
	}
	x.check(err)
	x.store = s
	load(x.t, s)
	for range steps {
		states := x.step()
		if x.crashed {
			return states
		}
		x.model = states[len(states)-1]
	}
	return nil
}

// startAt starts the server again, and cuts the power before operation point.
func (x *trial) startAt(point int, keep func(int) bool) {
	change := -1
	x.fsys.Crash(func() bool {
		change++
		return keep(change)
	})
	x.crashed, x.countdown = false, point
	s, err := tryOpen(x.fsys, "d")
	x.check(err)
	x.store = s
}

// TestACrashAtAnyPointLosesNothingThatWasSaved cuts the power before every
// operation of the file system in a run with all that a server does, and before
// every operation of the two starts that follow.
func TestACrashAtAnyPointLosesNothingThatWasSaved(t *testing.T) {
	t.Parallel()
	points := map[string]int{}
	seeds := uint64(1)
	if *fullCorruption {
		seeds = 20
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		for point, finished := 0, false; !finished; point++ {
			for name, keep := range powerCuts {
				finished = tryPoint(t, seed, point, name, keep, points)
			}
		}
	}
	for _, want := range []string{
		"create identity", "write identity", "sync identity", "rename identity",
		"create log", "write log", "sync log", "rename log", "remove log",
		"create snapshot", "write snapshot", "sync snapshot", "rename snapshot", "remove snapshot",
		"create incoming", "write incoming", "sync incoming", "syncdir d",
	} {
		if points[want] == 0 {
			t.Errorf("no crash before %q, only before %v", want, slices.Sorted(maps.Keys(points)))
		}
	}
	t.Logf("crashes before: %v", points)
}

// tryPoint crashes at one point, and then at each point of the next start, and
// at the same of the one after it. It reports whether there is no such point.
func tryPoint(t *testing.T, seed uint64, point int, name string, keep func(int) bool, points map[string]int) bool {
	for again := 0; ; again++ {
		x := newTrial(t, seed)
		states := x.crashAt(point, 25)
		if states == nil {
			return true
		}
		points[x.crashedAt]++
		x.story = fmt.Sprintf("seed %d, crash at %d, %s; kept: %s; start crashes at %d: ", seed, point, x.crashedAt, name, again)
		x.startAt(again, keep)
		twice := x.crashed
		x.startAt(again, keep)
		if x.crashed {
			x.startAt(-1, keep)
		}
		x.countdown = -1
		x.expect(states)
		x.goOn()
		if !twice {
			return false
		}
	}
}

// goOn works on, and ends in an orderly way.
func (x *trial) goOn() {
	var states []model
	for range 2 {
		states = x.step()
		x.model = states[len(states)-1]
	}
	x.check(x.store.Close())
	s, err := tryOpen(x.fsys, "d")
	x.check(err)
	x.store = s
	x.expect(states[len(states)-1:])
}
