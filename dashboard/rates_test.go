package dashboard

import (
	"testing"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// writes are n writes that took at most 1 ms, and slow ones that took 1 to 2 ms.
func writes(n, slow uint64) []*kvorumv1.Timings {
	return []*kvorumv1.Timings{{Kind: kindWrite, Count: n + slow, Bounds: []float64{0.001, 0.002}, Counts: []uint64{n, n + slow}}}
}

func TestLoadIsWhatHappenedSinceTheMark(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, c *cluster, look *collector) {
		all := func(f func(string) []*kvorumv1.Timings) {
			for name, st := range c.servers {
				st.Detail.Timings = f(name)
			}
		}
		all(func(string) []*kvorumv1.Timings { return writes(1000, 1000) })
		if s := look.collect(t.Context()); s.Load != nil {
			t.Errorf("from one answer alone: got %+v", s.Load)
		}
		look.mark()
		time.Sleep(2 * time.Second)
		all(func(name string) []*kvorumv1.Timings {
			if name == "n1" {
				return writes(1090, 1010) // 90 fast, 10 slow
			}
			return writes(1100, 1000)
		})
		s := look.collect(t.Context())
		got := s.Load.Write
		if got.PerSecond < 99 || got.PerSecond > 100 {
			t.Errorf("200 writes in 2 s and a little: got %v a second", got.PerSecond)
		}
		// Of 200 the 100th is 100/190 into the first bucket, the 198th 8/10 into the second.
		if got.P50 < 0.0005 || got.P50 > 0.0006 || got.P99 < 0.00179 || got.P99 > 0.00181 {
			t.Errorf("got p50 %v and p99 %v, want 0.53 and 1.8 ms", got.P50, got.P99)
		}
		if s.Load.Read != (Rate{}) || s.Servers[1].Load.Write.P99 > 0.001 {
			t.Errorf("reads: %+v, writes at n2: %+v", s.Load.Read, s.Servers[1].Load.Write)
		}
	})
}

func TestRestartIsNoNegativeLoad(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, c *cluster, look *collector) {
		time.Sleep(time.Minute)
		c.servers["n1"].Detail.Timings = writes(1000, 0)
		look.collect(t.Context())
		look.mark()
		c.started = time.Now()
		c.servers["n1"].Detail.Timings = writes(5, 0)
		if s := look.collect(t.Context()); s.Load != nil || s.Servers[0].Load != nil {
			t.Errorf("got %+v", s.Load)
		}
	})
}
