package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestAroundHasItsMean(t *testing.T) {
	t.Parallel()
	const n, mean = 200_000, 40 * time.Millisecond
	r := rand.New(rand.NewPCG(1, 2))
	var sum, longest time.Duration
	for range n {
		d := around(r, mean)
		if d < 0 {
			t.Fatalf("drew %v", d)
		}
		sum, longest = sum+d, max(longest, d)
	}
	if got := sum / n; got < mean*95/100 || got > mean*105/100 || longest < 8*mean {
		t.Errorf("drew %v on average and %v at most, want a mean of %v and a long tail", got, longest, mean)
	}
}

func TestEventsHappenInOrder(t *testing.T) {
	t.Parallel()
	const n = 5000
	r := rand.New(rand.NewPCG(3, 4))
	var e events
	for range n {
		e.add(time.Duration(r.IntN(50)), nil)
	}
	last := e.next()
	for range n - 1 {
		next := e.next()
		if !last.before(next) {
			t.Fatalf("event %d at %v comes after event %d at %v", next.order, next.at, last.order, last.at)
		}
		last = next
	}
}
