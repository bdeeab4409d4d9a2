package lab

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// story is a run with something of everything.
var story = Run{Seed: 3, Servers: 3}

// told plays the story for the first time: the commands come as they are given.
func told(t *testing.T) *Player {
	t.Helper()
	p, err := NewPlayer(story)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	p.Advance(3000)
	for _, line := range []string{
		"set x 1", "get x stale", "cas x 1 2 at n1", "get x at n2", "cut n1->n2", "slow n2 n3 40", "heal n1->n2", "server", "add n4",
		"promote n4", "snapshot n2", "stall n3", "unstall n3", "clock n1 0.5", "tick n2", "pause n3", "resume n3", "suspect n1 n2",
		"split n1 n2 | n3", "heal", "config n1 n2 n3", "crash n1 unsynced", "restart n1", "wipe n3", "add n3@2", "delete x", "remove n3", "remove n3",
	} {
		if _, err := p.Do(line); err != nil && !strings.Contains(err.Error(), "nobody leads") && !strings.Contains(err.Error(), "is no member") {
			t.Errorf("%s: %v", line, err)
		}
		p.Advance(1500)
	}
	if v := p.Violation(); v != nil {
		t.Errorf("%v", v)
	}
	return p
}

// frame returns what is shown as JSON, without what is not the run's but the player's.
func frame(p *Player) string {
	f := p.Frame()
	f.Furthest, f.Time = Point{}, 0
	b, _ := json.Marshal(f)
	return string(b)
}

func seek(t *testing.T, p *Player, event int) string {
	t.Helper()
	if err := p.Seek(event); err != nil {
		t.Fatal(err)
	}
	return frame(p)
}

// The same run is the same frames, forth, back, and from a link.
func TestARunIsTheSameForthAndBack(t *testing.T) {
	t.Parallel()
	p := told(t)
	end := p.at
	last := seek(t, p, end)
	link := p.Link()
	events := []int{0, 1, 77, 500, 501, end / 2, end - 1}
	var first []string
	for _, at := range events {
		first = append(first, seek(t, p, at))
	}
	if again := seek(t, p, end); again != last {
		t.Errorf("the end is not what it was:\n%s\n%s", again, last)
	}
	r, at, err := ParseLink("#" + link)
	if err != nil || at != end {
		t.Fatalf("%s: %v, at %d", link, err, at)
	}
	q, err := NewPlayer(r)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for i, at := range slices.Backward(events) {
		if again := seek(t, q, at); again != first[i] {
			t.Errorf("event %d is not what it was:\n%s\n%s", at, again, first[i])
		}
	}
	ours, _, err := p.Digests(end)
	if err != nil {
		t.Fatal(err)
	}
	if at, _, err := q.Parts(ours); err != nil || at.Event != 0 || len(ours) != end {
		t.Errorf("the runs part at %v, %v; %d digests of %d events", at, err, len(ours), end)
	}
}

// What is done in the past is a new future.
func TestWhatIsDoneBackThenForgetsWhatCameLater(t *testing.T) {
	t.Parallel()
	p := told(t)
	before, _, _ := p.Digests(600)
	actions := len(p.Run().Do)
	seek(t, p, 600)
	later := slices.IndexFunc(p.Run().Do, func(a Action) bool { return a.At >= 600 })
	if answer := do(t, p, "crash n2"); later < 0 || answer != fmt.Sprintf("forgotten: %d later commands", actions-later) {
		t.Errorf("%d of %d commands are later: %s", actions-later, actions, answer)
	}
	p.Advance(1000)
	if now := p.Run().Do; len(now) >= actions || now[len(now)-1] != (Action{600, "crash n2"}) {
		t.Errorf("it has %v", now)
	}
	after, _, _ := p.Digests(800)
	if !slices.Equal(before, after[:600]) {
		t.Error("the past has changed")
	}
	if err := p.Undo(); err != nil || p.at != 600 || p.Frame().Furthest.Event != 600 {
		t.Errorf("after undo: %v, event %d of %v", err, p.at, p.Frame().Furthest)
	}
	if s := p.Frame().Servers[1]; s.Process != "up" {
		t.Errorf("n2 is %s", s.Process)
	}
	do(t, p, "heal")
	seek(t, p, 500)
	if answer := do(t, p, "server"); !strings.HasSuffix(answer, "makes it a learner\nforgotten: 1 later command") {
		t.Errorf("the answer is %q", answer)
	}
}

func TestTimeIsWhatTheClockSays(t *testing.T) {
	t.Parallel()
	p := told(t)
	for _, ms := range []float64{0, 1234.5, 4000, 2500.25} {
		if err := p.SeekTime(ms); err != nil {
			t.Fatal(err)
		}
		f := p.Frame()
		if f.Time != ms || p.now() > ms || p.times[p.at] <= ms {
			t.Errorf("at %v: the clock says %v, the last event was at %v, the next is at %v", ms, f.Time, p.now(), p.times[p.at])
		}
	}
	p.Advance(0.25)
	if f := p.Frame(); f.Time != 2500.5 {
		t.Errorf("the clock says %v", f.Time)
	}
	event := p.at
	if p.Step(1); p.at <= event || len(p.Frame().Said) == 0 {
		t.Errorf("a step goes from %d to %d and says %v", event, p.at, p.Frame().Said)
	}
	if p.Step(-2); p.at > event || len(p.Frame().Said) == 0 {
		t.Errorf("two steps back lead to %d from %d", p.at, event)
	}
}

// A seed of the simulator is the run that it is there.
func TestASeedWithItsFaultsIsPlayed(t *testing.T) {
	t.Parallel()
	p, err := NewPlayer(Run{Seed: 5, Chaos: true, Short: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	end := seek(t, p, 1<<30)
	if f := p.Frame(); !f.Over || f.Violation != nil || f.Event < 100 {
		t.Errorf("it ends %+v", f)
	}
	if seek(t, p, p.at-1); p.Frame().Over {
		t.Error("it is over before its last event")
	}
	all, _ := p.Said(0, p.at+1, 1<<30)
	for _, s := range all {
		if strings.HasPrefix(s.Text, "action ") {
			t.Errorf("it is said that %s", s.Text)
		}
	}
	seek(t, p, 50)
	if again := seek(t, p, 1<<30); again != end {
		t.Error("it ends otherwise the second time")
	}
}

func TestEveryScenarioPlaysToItsEnd(t *testing.T) {
	t.Parallel()
	all := Scenarios()
	if len(all) < 15 {
		t.Errorf("only %d scenarios", len(all))
	}
	for _, s := range all {
		p, err := NewPlayer(Run{Scenario: s.Name})
		if err != nil {
			t.Fatal(err)
		}
		captions := 0
		for block := -1; ; {
			f := p.Frame()
			if f.Scenario.Block != block {
				block = f.Scenario.Block
				captions++
			}
			if f.Over {
				break
			}
			seek(t, p, p.at+1)
		}
		f := p.Frame()
		if !f.Over || f.Violation != nil || captions != s.Blocks || s.Title == "" || len(f.Servers) == 0 {
			t.Errorf("%s: over %t, %v, %d captions of %d, %q", s.Name, f.Over, f.Violation, captions, s.Blocks, s.Title)
		}
		end := seek(t, p, f.Event)
		seek(t, p, f.Event/2)
		if again := seek(t, p, f.Event); again != end {
			t.Errorf("%s ends otherwise the second time:\n%s\n%s", s.Name, again, end)
		}
		p.Close()
	}
}

func TestMistakesInCommandsAreNamed(t *testing.T) {
	t.Parallel()
	p := told(t)
	event := p.at
	for line, want := range map[string]string{
		"":                 "what is to be done?",
		"dance n1":         `there is no command "dance"`,
		"crash":            "that is written crash SERVER [unsynced]",
		"crash n9":         "there is no server n9",
		"crash n1 soon":    "that is written crash",
		"drop 99999":       "message 99999 is not on its way",
		"drop":             "that is written drop MESSAGE",
		"drop it":          "no such kind of message: it",
		"drop n1->n9":      "no such message is on its way",
		"delay it 5":       "that is written delay MESSAGE MS",
		"set x":            "that is written set KEY VALUE [at SERVER]",
		"get x never":      "that is written get",
		"get x bounded":    "that is written get KEY [at SERVER] [LEVEL [MS]]",
		"get x stale 5":    "that is written get",
		"propose n1":       "that is written propose",
		"elect n2 n3":      "that is written elect SERVER [with SERVER ...]",
		"elect n9":         "there is no server n9",
		"elect n2 with n9": "there is no server n9",
		"heartbeat n9":     "n9 does not lead",
		"rewind":           "nothing is marked",
		"status n9":        "there is no server n9",
		"logs n1":          "that is written logs",
		"set x 1 at":       "that is written set",
		"cut n1":           "that is written cut LINK",
		"cut n1->n1":       "there is no link from n1 to n1",
		"clock n1 50":      "a clock runs at 0.1 to 10",
		"split n1":         "that is written split",
		"split |":          "that is written split",
		"split n1 |":       "that is written split",
		"split n1 | n1":    "n1 cannot be on two sides",
		"config":           "that is written config",
		"resume n1":        "n1 is not paused",
	} {
		if _, err := p.Do(line); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s...", line, err, want)
		}
	}
	if p.at != event {
		t.Error("a mistake is an event")
	}
	if answer, err := p.Do("help crash"); err != nil || !strings.HasPrefix(answer, "crash SERVER [unsynced]") {
		t.Errorf("help says %q, %v", answer, err)
	}
}

func TestTheEngineAnswersInJSON(t *testing.T) {
	t.Parallel()
	var e Engine
	for _, c := range []struct{ request, want string }{
		{`{"call":"frame"}`, `{"error":"nothing is open"}`},
		{`nonsense`, `{"error":"this is no request: `},
		{`{"call":"open","link":"seed=1&at=100&do=50:set+x+1+at+n1"}`, `{"frame":{"event":100,`},
		{`{"call":"dance"}`, `{"error":"there is no call \"dance\""}`},
		{`{"call":"advance"}`, `{"error":"how many ms?"}`},
		{`{"call":"seek","event":10}`, `{"frame":{"event":10,`},
		{`{"call":"marks"}`, `{"marks":[{"event":43,`},
		{`{"call":"do","line":"help"}`, `{"frame":`},
		{`{"call":"hello"}`, `{"commands":[{"name":"set",`},
		{`{"call":"run"}`, `{"link":"seed=1\u0026at=10\u0026do=50:set+x+1+at+n1"`},
	} {
		got := e.Call(c.request)
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %.200s, want %s...", c.request, got, c.want)
		}
		if strings.Contains(got, ":null") && !strings.Contains(got, `"violation":null`) {
			t.Errorf("%s: a list is null in %.300s", c.request, got)
		}
	}
}

// There are many messages, and yet the reasons are told.
func TestMessagesDoNotPushOutTheReasons(t *testing.T) {
	t.Parallel()
	p, err := NewPlayer(Run{Seed: 3, Clients: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Advance(6000)
	all, more := p.Said(1, p.at, 1<<20)
	if more {
		t.Error("there is more than all")
	}
	latest := func(limit int) (some []Sentence) {
		count := map[string]int{}
		for _, s := range slices.Backward(all) {
			if count[s.Kind]++; count[s.Kind] <= limit {
				some = append(some, s)
			}
		}
		slices.Reverse(some)
		if count["message"] <= limit || count["reason"] < 2 || count["reason"] > limit {
			t.Errorf("the run says %v", count)
		}
		return some
	}
	if said, more := p.Said(1, p.at, 60); !reflect.DeepEqual(said, latest(60)) || !more {
		t.Errorf("with a limit of 60 there are %d sentences, and not the last of each kind", len(said))
	}
	if said := p.Frame().Said; !reflect.DeepEqual(said, latest(saidInFrame)) {
		t.Errorf("the frame has %d sentences, and not the last of each kind", len(said))
	}
}
