package lab

import (
	"fmt"
	"strings"
	"testing"
)

// Who plays a run is told what became of it as "you", and a client of the simulator
// has a number.
func TestWhoPlaysIsYou(t *testing.T) {
	t.Parallel()
	for _, r := range []Run{{Seed: 1}, {Seed: 1, Clients: true}} {
		p, err := NewPlayer(r)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.Advance(3000)
		if _, err := p.Do("set mine 1"); err != nil {
			t.Fatal(err)
		}
		p.Advance(1000)
		yours, others := 0, 0
		for _, o := range p.Frame().Operations {
			if (o.Client == "you") != strings.Contains(o.Text, "mine") {
				t.Errorf("%s is asked by %s", o.Text, o.Client)
			}
			if o.Client == "you" {
				yours++
			} else {
				others++
			}
		}
		if yours != 1 || (others > 0) != r.Clients {
			t.Errorf("%+v: %d are yours, %d of others", r, yours, others)
		}
		var said strings.Builder
		all, _ := p.Said(0, p.Frame().Event, 1<<20)
		for _, s := range all {
			if s.Kind == "client" {
				fmt.Fprintf(&said, "%s %s\n", s.Server, s.Text)
			}
		}
		if text := said.String(); !strings.Contains(text, " of you: set mine = 1") || !strings.Contains(text, "\n you: set mine = 1") || strings.Contains(text, "client") != r.Clients {
			t.Errorf("%+v: it is said\n%s", r, text)
		}
	}
}
