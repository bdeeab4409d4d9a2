package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
)

func TestWhatIsMeasuredAgainTakesThePlaceOfTheOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	measure := func(x int, value float64) {
		g := &growth{series: allSeries[1]}
		g.add("kvorum", x, "sets/s", value)
		if err := g.write(dir); err != nil {
			t.Fatal(err)
		}
	}
	measure(3, 1)
	measure(5, 2)
	measure(3, 4)
	text, err := os.ReadFile(filepath.Join(dir, "growth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got []point
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	name := allSeries[1].name
	want := []point{{name, "kvorum", 5, "sets/s", 2}, {name, "kvorum", 3, "sets/s", 4}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, name+".svg")); err != nil {
		t.Error("two sizes, and no chart:", err)
	}
}

// kvorum lists the keys after one, etcd those from one on: the lists must be the same.
func TestNoKeyLiesBetweenBeforeAndItsKey(t *testing.T) {
	t.Parallel()
	for i := range 1100 {
		if b := before(key(i)); b >= key(i) || i > 0 && b <= key(i-1) {
			t.Errorf("%q is not between %q and %q", b, key(max(i-1, 0)), key(i))
		}
	}
}

func TestRepeatDoesEachOnceAndStopsAtAFailure(t *testing.T) {
	t.Parallel()
	done := make([]atomic.Int32, 1000)
	if _, err := repeat(t.Context(), "", len(done), 16, func(_ context.Context, _, i int) error {
		done[i].Add(1)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if n := done[i].Load(); n != 1 {
			t.Errorf("%d was done %d times", i, n)
		}
	}
	failure := errors.New("a failure")
	var later atomic.Int32
	_, err := repeat(t.Context(), "", len(done), 1, func(_ context.Context, _, i int) error {
		if i > 10 {
			later.Add(1)
		}
		if i == 10 {
			return failure
		}
		return nil
	})
	if !errors.Is(err, failure) || later.Load() > 0 {
		t.Errorf("got %v, and %d were done after it", err, later.Load())
	}
}

func TestSizesAreShort(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 256: "256", 1000: "1k", 1024: "1Ki", 64 << 10: "64Ki", 1e7: "10M", 1 << 20: "1Mi", 1500: "1500"} {
		if got := shortInt(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestTheUsualSizesAreThoseThatWerePublished(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("results", "growth", "growth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var published []point
	if err := json.Unmarshal(text, &published); err != nil {
		t.Fatal(err)
	}
	for _, s := range allSeries {
		for _, size := range s.sizes {
			if !slices.ContainsFunc(published, func(p point) bool { return p.Series == s.name && p.X == size }) {
				t.Errorf("%s: %d is measured, and not published", s.name, size)
			}
		}
	}
}
