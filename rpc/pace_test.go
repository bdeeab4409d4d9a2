package rpc

import (
	"fmt"
	"testing"
	"time"
)

// link is a line with a deep queue in front of it, in a time of its own.
type link struct {
	rate   float64 // bytes a second
	oneWay time.Duration
	now    time.Duration
	free   time.Duration   // when the queue will be empty
	acks   []time.Duration // when the acknowledgements under way will be back
}

func (l *link) clock() time.Time { return time.Unix(0, 0).Add(l.now) }

// queue is how long a heartbeat that is sent now would wait.
func (l *link) queue() time.Duration { return max(l.free-l.now, 0) }

func (l *link) send(n int) {
	l.free = max(l.free, l.now) + time.Duration(float64(n)/l.rate*1e9)
	l.acks = append(l.acks, l.free+2*l.oneWay)
}

// TestSnapshotsFillAnyLinkAndNoQueue: on a slow line with a deep queue as on a fast
// or long one, most of what it carries is used, and a heartbeat is hardly delayed.
func TestSnapshotsFillAnyLinkAndNoQueue(t *testing.T) {
	t.Parallel()
	const patience = 50 * time.Millisecond
	for _, test := range []struct {
		rate     float64
		oneWay   time.Duration
		size     int64
		maxQueue time.Duration
		minUse   float64 // of what the line could carry
	}{
		{32e3, 100 * time.Microsecond, 1 << 20, 2 * patience, 0.95}, // 256 kbit/s
		{32e3, 50 * time.Millisecond, 1 << 20, 3 * patience, 0.9},
		{1.25e6, 50 * time.Millisecond, 64 << 20, 3 * patience, 0.9}, // across an ocean
		{12.5e6, 20 * time.Millisecond, 256 << 20, 3 * patience, 0.9},
		{125e6, 10 * time.Millisecond, 2 << 30, 3 * patience, 0.9},
		{1e9, 100 * time.Microsecond, 2 << 30, 2 * patience, 0.9},
	} {
		t.Run(fmt.Sprintf("%.0f bytes a second, %v away", test.rate, test.oneWay), func(t *testing.T) {
			t.Parallel()
			l, p := &link{rate: test.rate, oneWay: test.oneWay}, newPace(patience)
			longest := time.Duration(0)
			for rest := test.size; rest > 0 || len(l.acks) > 0; {
				for chunk := p.next(rest); len(chunk) > 0; chunk = p.next(rest) {
					l.send(len(chunk))
					p.sent(len(chunk), l.clock())
					rest -= int64(len(chunk))
				}
				longest = max(longest, l.queue())
				l.now, l.acks = l.acks[0], l.acks[1:]
				p.acknowledged(l.clock())
			}
			ideal := time.Duration(float64(test.size)/test.rate*1e9) + 2*test.oneWay
			if use := ideal.Seconds() / l.now.Seconds(); longest > test.maxQueue || use < test.minUse {
				t.Errorf("a heartbeat may wait %v, want at most %v; used %.2f of the line, want at least %.2f",
					longest, test.maxQueue, use, test.minUse)
			}
		})
	}
}

// TestPaceSurvivesAStall: after a receiver was paused, one chunk at a time goes out,
// and then as many as before.
func TestPaceSurvivesAStall(t *testing.T) {
	t.Parallel()
	p, now := newPace(50*time.Millisecond), time.Unix(0, 0)
	round := func(delay time.Duration) {
		for p.next(1<<30) != nil {
			p.sent(len(p.next(1<<30)), now)
		}
		for now = now.Add(delay); p.underWay > 0; {
			p.acknowledged(now)
		}
	}
	for range 20 {
		round(time.Millisecond)
	}
	if p.window != maxUnderWay {
		t.Fatalf("on an idle link %d bytes may be under way, want %d", p.window, maxUnderWay)
	}
	round(time.Hour)
	if p.window != minChunk || p.next(1<<30) == nil {
		t.Fatalf("after the stall %d bytes may be under way, want %d", p.window, minChunk)
	}
	for range 20 {
		round(time.Millisecond)
	}
	if p.window != maxUnderWay {
		t.Errorf("later %d bytes may be under way, want %d", p.window, maxUnderWay)
	}
}
