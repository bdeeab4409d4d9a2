package dashboard

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

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

func TestProgramsThatCountDifferentlyAreNotCompared(t *testing.T) {
	t.Parallel()
	at := func(seconds int, counts ...uint64) sample {
		timings := &kvorumv1.Timings{Kind: kindWrite, Bounds: make([]float64, len(counts)), Counts: counts}
		return sample{&kvorumv1.StatusResponse{Detail: &kvorumv1.Detail{Timings: []*kvorumv1.Timings{timings}}}, time.Unix(int64(seconds), 0)}
	}
	if got := between(at(0, 1, 2, 3), at(1, 1, 2)); len(got) != 0 {
		t.Errorf("fewer buckets than before: got %v", got)
	}
	sum := between(at(0, 1, 2), at(1, 4, 6))
	sum.add(between(at(0, 1, 2, 3), at(1, 1, 2, 9)))
	if got := sum[kindWrite].counts; len(got) != 2 || got[0] != 3 || got[1] != 4 {
		t.Errorf("with another's buckets: got %v, want those of the first alone", got)
	}
}

func TestNoLoadIsMadeOfOneMoment(t *testing.T) {
	t.Parallel()
	at := func(seconds, uptime int) sample {
		return sample{&kvorumv1.StatusResponse{Detail: &kvorumv1.Detail{Uptime: durationpb.New(time.Duration(uptime))}}, time.Unix(int64(seconds), 0)}
	}
	if at(1, 2).follows(at(1, 1)) || !at(2, 2).follows(at(1, 1)) {
		t.Error("an answer follows one of the same moment, or does not follow an earlier one")
	}
	if s := (&sighting{base: at(1, 1), last: at(2, 2), problem: "it is paused"}); s.period() != nil {
		t.Error("a server that does not answer has a load")
	}
}

func TestPastTheLastBoundTheQuantileIsThat(t *testing.T) {
	t.Parallel()
	h := &histogram{bounds: []float64{0.001, 0.002}, counts: []uint64{1, 2}, count: 100}
	if got := h.quantile(0.99); got != 0.002 {
		t.Errorf("got %v, want 0.002", got)
	}
}
