package node

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// pieces is a state that is written in so many pieces.
type pieces int

func (n pieces) WriteTo(w io.Writer) (written int64, err error) {
	for range n {
		m, err := w.Write(make([]byte, 100))
		written += int64(m)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// slowWriter takes a while for each piece.
type slowWriter time.Duration

func (d slowWriter) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(d)) // in a bubble
	return len(p), nil
}

func never() bool { return false }

func TestASnapshotTakesATenthOfTheTime(t *testing.T) {
	t.Parallel()
	for _, piece := range []time.Duration{100 * time.Microsecond, 30 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			n, err := unhurried{t.Context(), pieces(1000), never}.WriteTo(slowWriter(piece))
			if err != nil || n != 100_000 {
				t.Fatalf("wrote %d bytes, %v", n, err)
			}
			if took, work := time.Since(start), 1000*piece; took < 9*work || took > 10*work {
				t.Errorf("%v of work took %v, want ten times as long", work, took)
			}
		})
	}
}

// TestAnUrgentSnapshotDoesNotRest: else the log would grow as long as it rests.
func TestAnUrgentSnapshotDoesNotRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		urgent := func() bool { return time.Since(start) > time.Second }
		if _, err := (unhurried{t.Context(), pieces(100), urgent}).WriteTo(slowWriter(30 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if took, want := time.Since(start), 4*300*time.Millisecond+96*30*time.Millisecond; took != want {
			t.Errorf("it took %v, want %v: four pieces with rests, and then the others without", took, want)
		}
	})
}

func TestAStopEndsASnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := unhurried{ctx, pieces(1000), never}.WriteTo(slowWriter(30 * time.Millisecond))
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > time.Second+30*time.Millisecond {
			t.Errorf("got %v after %v, want it to end with the context, after a second", err, took)
		}
	})
}
