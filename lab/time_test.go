package lab

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// longRun returns a run of some 20,000 events, at its end.
func longRun(t *testing.T) *Player {
	t.Helper()
	p, err := NewPlayer(Run{Seed: 1, Chaos: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	seek(t, p, 1<<30)
	return p
}

// What is shown back and forth is what a fresh player shows that only goes forth.
func TestFramesThatAreKeptAreThoseOfTheRun(t *testing.T) {
	t.Parallel()
	p := longRun(t)
	seen := map[int]string{}
	look := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		f := seek(t, p, p.at) + fmt.Sprint(p.Frame().Time)
		if before, known := seen[p.at]; known && before != f {
			t.Errorf("event %d is shown as\n%s\nand then as\n%s", p.at, before, f)
		}
		seen[p.at] = f
	}
	end := p.at
	for _, from := range []int{end, end / 2, 1000, 3} {
		look(p.Seek(from))
		for _, n := range []int{-1, -1, 1, -20, 3, -1, 40, -2, 2} {
			look(p.Step(n))
			look(p.Step(n))
		}
		look(p.SeekTime(max(0, p.clock-1000)))
		look(p.SeekTime(p.clock + 700))
	}
	q, err := NewPlayer(p.Run())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for _, at := range slices.Sorted(maps.Keys(seen)) {
		if fresh := seek(t, q, at) + fmt.Sprint(q.Frame().Time); fresh != seen[at] {
			t.Errorf("event %d is shown as\n%s\nand by a fresh player as\n%s", at, seen[at], fresh)
		}
	}
	if q.opened != 1 || len(seen) < 50 {
		t.Errorf("%d events were seen, and a player that goes forth opened %d scenes", len(seen), q.opened)
	}
}

// To go back costs a replay, and then no more for as far as frames are kept.
func TestStepsBackInALongRunCostFewReplays(t *testing.T) {
	t.Parallel()
	p := longRun(t)
	for range 200 {
		if err := p.Step(-1); err != nil {
			t.Fatal(err)
		}
		p.Frame()
	}
	for range 200 {
		if err := p.Step(1); err != nil {
			t.Fatal(err)
		}
		p.Frame()
	}
	if p.opened > 1+2 {
		t.Errorf("%d scenes were opened", p.opened)
	}
}

// What is done while a kept frame is shown is done there, and not where the scene is.
func TestWhatIsDoneAtAKeptFrameIsDoneThere(t *testing.T) {
	t.Parallel()
	p := told(t)
	opened := p.opened
	if err := p.Step(-2); err != nil {
		t.Fatal(err)
	}
	p.Frame()
	if err := p.Step(-1); err != nil {
		t.Fatal(err)
	}
	at := p.at
	if at >= p.scene.events() || p.opened != opened+1 {
		t.Fatalf("event %d is shown, the scene is at %d, %d were opened", at, p.scene.events(), p.opened-opened)
	}
	if _, err := p.Do("crash n2"); err != nil {
		t.Fatal(err)
	}
	if f := p.Frame(); f.Event != at+1 || f.Furthest.Event != at+1 || f.Servers[1].Process != "down" || len(f.Said) < 2 {
		t.Errorf("done at %d, it is %+v", at, f)
	}
	p.Advance(500)
	end := seek(t, p, p.at)
	q, err := NewPlayer(p.Run())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if fresh := seek(t, q, p.at); fresh != end {
		t.Errorf("it goes on as\n%s\nand in a fresh player as\n%s", end, fresh)
	}
}

func TestTheWindowOfAKeptFrameIsTheOneAskedFor(t *testing.T) {
	t.Parallel()
	p := longRun(t)
	if err := p.Step(-5); err != nil {
		t.Fatal(err)
	}
	if err := p.Window(2, 3); err != nil {
		t.Fatal(err)
	}
	if f := p.Frame(); f.Event != p.at || slices.ContainsFunc(f.Servers, func(s Server) bool { return len(s.Log) > 2 }) {
		t.Errorf("it shows event %d of %d: %+v", f.Event, p.at, f.Servers)
	}
}

// A calm run has no end of its own: who goes on and on is told where it ends.
func TestARunWithoutAnEndIsEnded(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(p *Player) error{
		"seek":    func(p *Player) error { return p.Seek(1 << 40) },
		"step":    func(p *Player) error { return p.Step(1 << 40) },
		"advance": func(p *Player) error { return p.Advance(1e15) },
		"digests": func(p *Player) error { p.Digests(1 << 40); return p.Seek(1 << 40) },
	} {
		p, err := NewPlayer(Run{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.most = 1000
		if err := play(p); err != nil {
			t.Fatal(err)
		}
		f := p.Frame()
		if f.Event != 1000 || !f.Over || f.Time != p.now() || len(f.Said) == 0 || f.Said[len(f.Said)-1].Text != errMost.Error() {
			t.Errorf("%s ends at event %d, over %t, and says %v", name, f.Event, f.Over, f.Said)
		}
		if _, err := p.Do("crash n1"); err != errMost {
			t.Errorf("%s: then something is done: %v", name, err)
		}
		said, _ := p.Said(1000, 1<<40, 200)
		seek(t, p, 900)
		if seek(t, p, 1<<40); p.at != 1000 || !p.Frame().Over {
			t.Errorf("%s: again it ends at event %d", name, p.at)
		}
		if again, _ := p.Said(1000, 1<<40, 200); len(again) != len(said) {
			t.Errorf("%s: again it is said %v", name, again)
		}
		p.Step(-1 << 40)
		if p.at != 0 {
			t.Errorf("%s: it goes back to event %d", name, p.at)
		}
	}
}

// How long it takes to go back in a long run: a step after it was played, twenty more,
// and to its middle.
func BenchmarkGoingBack(b *testing.B) {
	const far = 100_000
	p, err := NewPlayer(Run{Seed: 1, Clients: true})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for name, do := range map[string]func() error{
		"first step":    func() error { return p.Step(-1) },
		"20 more steps": func() error { return p.Step(-20) },
		"to the middle": func() error { return p.Seek(far / 2) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				err := p.play(far, 0)
				if p.at, p.kept = far, [keeps]*Frame{}; name != "first step" {
					err = errors.Join(err, p.Step(-1))
				}
				b.StartTimer()
				if err = errors.Join(err, do()); err != nil {
					b.Fatal(err)
				}
				p.Frame()
			}
		})
	}
}
