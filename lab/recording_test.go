package lab

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"kvorum/raft/script"
)

// isPlayed demands that a script plays as it is written.
func isPlayed(t *testing.T, name, text string) {
	t.Helper()
	again, err := script.Play(text)
	if err != nil {
		t.Errorf("%s: the script has a mistake: %v", name, err)
	} else if again != text {
		t.Errorf("%s: the script does not play as it is written", name)
	}
}

// refusals counts runs that no script can say, by what stands in the way.
type refusals map[string]int

// take takes a run away as a script, and plays that. Script compares all servers, or
// refuses.
func (r refusals) take(t *testing.T, run Run, at int) {
	t.Helper()
	text, why := Script(run, at)
	if why == "" {
		isPlayed(t, run.Link(at), text)
		return
	}
	for _, known := range []string{"is damaged, and an older one takes its place", "leaves on its disk a part of what was being written"} {
		if strings.Contains(why, known) {
			r[known]++
			return
		}
	}
	t.Errorf("%s: %s", run.Link(at), why)
}

// interfered returns a calm run in which anything is done that can be.
func interfered(t *testing.T, seed uint64) (Run, int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	p, err := NewPlayer(Run{Seed: seed, Servers: 3 + 2*r.IntN(2), Clients: r.IntN(3) == 0})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	seek(t, p, 100)
	for range 30 {
		p.Do(anything(r, p)) //nolint:errcheck // not all can be done
		seek(t, p, p.at+1+r.IntN(60))
		if v := p.Violation(); v != nil {
			t.Fatalf("%s: %s: %s", p.Link(), v.Invariant, v.Text)
		}
	}
	return p.Run(), p.at
}

// anything returns some command of the simulator's, which may well be none that can be
// done now.
func anything(r *rand.Rand, p *Player) string {
	c := commands[r.IntN(len(commands))]
	words := strings.NewReplacer("[", "", "]", "", "SERVER ...", "SERVER SERVER", "LINK", "SERVER SERVER").Replace(c.Use)
	if i := strings.Index(words, " at "); i > 0 && r.IntN(2) == 0 {
		words = words[:i]
	}
	var line []string
	f := p.Frame()
	for word := range strings.FieldsSeq(words) {
		switch word {
		case "SERVER":
			word = f.Servers[r.IntN(len(f.Servers))].ID
		case "MESSAGE":
			if len(f.Messages) > 0 {
				word = fmt.Sprint(f.Messages[r.IntN(len(f.Messages))].Number)
			}
		case "KEY", "VALUE", "OLD", "NEW":
			word = string(rune('a' + r.IntN(3)))
		case "LEVEL":
			word = "linearizable"
		case "MS":
			word = fmt.Sprint(r.IntN(400))
		case "N":
			word = fmt.Sprint(1 + r.IntN(12))
		case "SPEED":
			word = fmt.Sprint(0.5 + r.Float64())
		}
		line = append(line, word)
	}
	return strings.Join(line, " ")
}

func TestWhateverIsDoneIsTakenAwayAsAScript(t *testing.T) {
	t.Parallel()
	refused, done := refusals{}, map[string]bool{}
	for seed := range uint64(30) {
		run, at := interfered(t, seed)
		for _, a := range run.Do {
			name, _, _ := strings.Cut(a.Line, " ")
			done[name] = true
		}
		refused.take(t, run, at)
	}
	if len(refused) > 0 || len(done) < 25 {
		t.Errorf("of 30 runs, in which %d different things were done, refused: %v", len(done), refused)
	}
}

// A run in which a broken rule shows is told by the broken core, and says what broke;
// also where the core itself gives up.
func TestARunThatBreaksIsTakenAwayAsAScript(t *testing.T) {
	t.Parallel()
	const text = `package lab

import "testing"

func TestARunOfTheLab(t *testing.T) {
	text, why := Script(%s, 1<<30)
	if why != "" {
		t.Fatal(why)
	}
	t.Errorf("%%s", text)
}
`
	for mutation, want := range map[string]struct {
		run  Run
		says string
	}{
		"vote-without-log-check":      {Run{Seed: 6, Chaos: true, Short: true}, "Leader Completeness: n3 leads term 4 without entry"},
		"truncate-without-a-conflict": {Run{Seed: 1, Chaos: true}, "raft: State Machine Safety: a leader replaces"},
	} {
		source := fmt.Sprintf(text, strings.ReplaceAll(runText(want.run), "lab.", ""))
		if out, err := runAsTest(t, source, mutation); err == nil || !strings.Contains(out, "cluster n1") || !strings.Contains(out, want.says) {
			t.Errorf("%s: %v, %s", mutation, err, out[max(0, len(out)-2000):])
		}
	}
}
