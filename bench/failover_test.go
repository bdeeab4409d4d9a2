package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuantilesAreOutagesThatHappened(t *testing.T) {
	t.Parallel()
	gaps := []time.Duration{5 * time.Second, time.Second, 3 * time.Second, 2 * time.Second, 4 * time.Second}
	for percent, want := range map[int]time.Duration{1: time.Second, 20: time.Second, 21: 2 * time.Second, 50: 3 * time.Second, 90: 5 * time.Second, 100: 5 * time.Second} {
		if got := quantile(gaps, percent); got != want {
			t.Errorf("%d%%: got %v, want %v", percent, got, want)
		}
	}
}

// A writer succeeds every 10 ms, but not between 0.3 and 1.1 s.
func TestTheLongestGapIsOfTheOutageThatAFaultBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &writer{timeout: 250 * time.Millisecond, done: []time.Time{time.Now()}}
		var fault time.Time
		for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
			at := time.Since(began)
			if at == 300*time.Millisecond {
				fault = time.Now()
			}
			if at < 300*time.Millisecond || at >= 1100*time.Millisecond {
				w.succeeded()
			}
			if calm := !fault.IsZero() && w.isCalm(fault); calm != (at > 2300*time.Millisecond) {
				t.Fatalf("after %v: calm is %v", at, calm)
			}
		}
		// From the last success, 10 ms before the fault.
		if got, want := w.longestGap(fault), 810*time.Millisecond; got != want {
			t.Errorf("the gap is %v, want %v", got, want)
		}
		if got := w.longestGap(fault.Add(time.Second)); got != 10*time.Millisecond {
			t.Errorf("when all was over there is a gap of %v", got)
		}
	})
}

func TestAnOutageThatDoesNotEndIsNotCalm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &writer{timeout: 250 * time.Millisecond, done: []time.Time{time.Now()}}
		fault := time.Now()
		time.Sleep(20 * time.Second)
		if w.isCalm(fault) || w.longestGap(fault) != 20*time.Second {
			t.Errorf("calm is %v, and the gap %v", w.isCalm(fault), w.longestGap(fault))
		}
	})
}

func TestSystemsAndFaultsAreChosenByName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		only string
		want string
	}{
		{"", "kvorum etcd kill pause"},
		{"etcd", "etcd kill pause"},
		{"pause", "kvorum etcd pause"},
		{"kvorum,kill", "kvorum kill"},
	} {
		var got []string
		for _, kind := range [][]string{{"kvorum", "etcd"}, {"kill", "pause"}} {
			for _, name := range kind {
				if wanted(name, c.only, kind...) {
					got = append(got, name)
				}
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %v, want %s", c.only, got, c.want)
		}
	}
}

func TestEveryKindOfFaultHasALineWithItsMedian(t *testing.T) {
	t.Parallel()
	gaps := []time.Duration{100 * time.Millisecond, 150 * time.Millisecond, 2 * time.Second}
	var out bytes.Buffer
	printOutages(&out, []outages{
		{"kvorum", "kill", 250 * time.Millisecond, gaps, gaps},
		{"etcd", "partition", time.Second, gaps[2:], gaps[:1]},
	})
	for _, want := range []string{"\nfailover kvorum 250ms 0.150\n", "\nfailover-partition etcd 1s 2.000\n", " 150ms   2s   2s                    150ms     2s\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
