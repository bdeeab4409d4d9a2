package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ledRun returns a calm run of three servers and who leads it, with nothing on its way
// but heartbeats.
func ledRun(t *testing.T) (p *Player, leader string, followers []string) {
	t.Helper()
	p, err := NewPlayer(Run{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	p.Advance(3000)
	for _, s := range p.Frame().Servers {
		if s.Role == "leader" {
			leader = s.ID
		} else {
			followers = append(followers, s.ID)
		}
	}
	return p, leader, followers
}

func named(p *Player, id string) Server {
	all := p.Frame().Servers
	return all[slices.IndexFunc(all, func(s Server) bool { return s.ID == id })]
}

// What a script can say can be said to a run of the simulator, too.
func TestAFreeRunUnderstandsScripts(t *testing.T) {
	t.Parallel()
	p, leader, followers := ledRun(t)
	if _, err := p.Do("propose " + followers[0] + " x"); err == nil || !strings.Contains(err.Error(), followers[0]+" answers: ") {
		t.Errorf("a follower that proposes: %v", err)
	}
	do(t, p, "propose "+leader+" x=1 y")
	if n := named(p, leader).Last.Index; n < 3 {
		t.Errorf("after two proposals the log ends at %d", n)
	}
	p.Advance(500)
	if s := named(p, followers[0]); s.State[0] != (KeyVal{"x", "1", s.Last.Index - 1}) || s.State[1].Value != "y" {
		t.Errorf("it holds %v", s.State)
	}
	do(t, p, "read "+followers[0])
	p.Advance(500)
	if o := p.Frame().Operations; o[len(o)-1].Text != "get x is 1" || o[len(o)-1].Client != "you" || o[0].Text != "set x = 1" || o[0].State != "ok" {
		t.Errorf("what was asked: %+v", o)
	}
	do(t, p, "hold "+followers[1])
	if named(p, followers[1]).Trouble != "stuck" {
		t.Error("its disk is not held")
	}
	do(t, p, "persist "+followers[1])
	do(t, p, "compact "+leader)
	p.Advance(500)
	if named(p, leader).Snapshot.Index == 0 || named(p, followers[1]).Trouble != "" {
		t.Errorf("after persist and compact: %+v", p.Frame().Servers)
	}
	before := len(p.Frame().Messages)
	do(t, p, "heartbeat "+leader)
	if n := len(p.Frame().Messages); n < before+2 {
		t.Errorf("%d messages after heartbeats, %d before", n, before)
	}
	do(t, p, "crash "+leader)
	p.Advance(100)
	do(t, p, fmt.Sprintf("elect %s with %s", followers[0], followers[1]))
	if p.Advance(300); named(p, followers[0]).Role != "leader" {
		t.Errorf("who was elected is %+v", named(p, followers[0]))
	}
	q, err := NewPlayer(p.Run())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if want, got := seek(t, p, p.at), seek(t, q, p.at); got != want {
		t.Errorf("its run is\n%s\nand not\n%s", got, want)
	}
}

func TestMessagesOfAFreeRunArePicked(t *testing.T) {
	t.Parallel()
	p, leader, followers := ledRun(t)
	there := func() (all []string) {
		for _, m := range p.Frame().Messages {
			all = append(all, fmt.Sprint(m.Number))
		}
		return all
	}
	do(t, p, "propose "+leader+" x")
	m := p.Frame().Messages
	if len(m) < 2 {
		t.Fatalf("only %v", m)
	}
	event := p.at
	for _, c := range []struct {
		line string
		left int // of the messages
	}{
		{"drop " + there()[0], len(m) - 1}, {"drop #" + there()[1], len(m) - 1},
		{"drop AppendEntries #" + there()[0], len(m) - 1}, {"drop 1 AppendEntries", len(m) - 1}, {"drop AppendEntries", 0}, {"drop AppendEntries " + leader + "->" + followers[0], len(m) - 1},
		{"duplicate AppendEntries", 2 * len(m)}, {"duplicate 1 " + leader + "->" + followers[0], len(m) + 1},
	} {
		seek(t, p, event)
		do(t, p, c.line)
		if left := there(); len(left) != c.left || p.at != event+1 {
			t.Errorf("%s: of %v there are %v", c.line, m, left)
		}
	}
	seek(t, p, event)
	do(t, p, "deliver AppendEntries")
	for _, now := range p.Frame().Messages {
		if now.Type == "AppendEntries" {
			t.Errorf("%v is still on its way", now)
		}
	}
}

func TestQuestionsAreNoEvents(t *testing.T) {
	t.Parallel()
	p, leader, followers := ledRun(t)
	do(t, p, "propose "+leader+" x")
	event := p.at
	for line, want := range map[string]string{
		"status " + leader: leader + " up leader term=1",
		"logs":             "n1 term 1  1* ",
		"network":          " AppendEntries term=1 prev=1.1 entries=[2.1]",
		"help logs":        "logs ",
		"mark":             fmt.Sprintf("event %d is marked", event),
	} {
		if answer := do(t, p, line); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", line, answer)
		}
	}
	if status := do(t, p, "status "+leader); !strings.Contains(status, "\n  "+followers[0]+" match=1 next=3 replicate") {
		t.Errorf("its status is %s", status)
	}
	if p.at != event || len(p.Run().Do) != 1 {
		t.Errorf("event %d was %d", p.at, event)
	}
	before := frame(p)
	p.Advance(700)
	do(t, p, "crash "+leader)
	do(t, p, "rewind")
	if seek(t, p, p.at) != before || len(p.Run().Do) != 2 {
		t.Errorf("it goes back to event %d", p.at)
	}
	seek(t, p, event-1)
	do(t, p, "crash "+leader) // then the mark was never
	if _, err := p.Do("rewind"); err == nil {
		t.Error("it goes back to what was never")
	}
}

// Reads at every level, at a server that is cut off and at one that is well.
func TestAnyReadLevelCanBeAsked(t *testing.T) {
	t.Parallel()
	p, leader, followers := ledRun(t)
	do(t, p, "set x 1")
	p.Advance(300)
	do(t, p, "split "+followers[0]+" | "+leader+" "+followers[1])
	do(t, p, "set x 2")
	p.Advance(2000)
	last := func(line string) Operation {
		t.Helper()
		do(t, p, line)
		p.Advance(6000)
		all := p.Frame().Operations
		return all[len(all)-1]
	}
	for line, want := range map[string]string{
		"stale":        "get x stale is 1",
		"bounded 200":  "get x bounded 200ms: TOO_STALE",
		"linearizable": "get x",
	} {
		if o := last(fmt.Sprintf("get x at %s %s", followers[0], line)); o.Text != want || (o.State == "ok") != (line == "stale") {
			t.Errorf("%s of a server that is cut off: %+v", line, o)
		}
	}
	for line, want := range map[string]string{"stale": "get x stale is 2", "bounded 200": "get x bounded 200ms is 2", "lease": "get x is 2", "": "get x is 2"} {
		if o := last(fmt.Sprintf("get x at %s %s", followers[1], line)); o.Text != want || o.State != "ok" {
			t.Errorf("%q of a server that is well: %+v", line, o)
		}
	}
}

// What is so already cannot be made so once more.
func TestWhatIsDoneTwiceIsAMistake(t *testing.T) {
	t.Parallel()
	p, leader, followers := ledRun(t)
	a, b := followers[0], followers[1]
	for _, c := range []struct{ line, again string }{
		{"stall " + a, a + "'s disk is stuck already"},
		{"hold " + b, b + "'s disk is stuck already"},
		{"unstall " + a, a + "'s disk is not stuck"},
		{"cut " + a + "->" + b, "the link from " + a + " to " + b + " is cut already"},
		{"cut " + a + " " + b, "the link from " + a + " to " + b + " is cut already"}, // in the other direction it was not
		{"pause " + leader, leader + " is paused"},
		{"crash " + b, b + " is down already"},
	} {
		do(t, p, c.line)
		if _, err := p.Do(c.line); err == nil || err.Error() != c.again {
			t.Errorf("%s, twice: %v", c.line, err)
		}
	}
	do(t, p, "wipe "+b)
	for _, line := range []string{"stall " + b, "unstall " + b, "clock " + b + " 2"} {
		if _, err := p.Do(line); err == nil || err.Error() != b+" is gone: another server has its name" {
			t.Errorf("%s, which is gone: %v", line, err)
		}
	}
}

func TestAWordBecomesWhatMayStandThere(t *testing.T) {
	t.Parallel()
	p, _, _ := ledRun(t)
	expectCompletions(t, p, map[string]string{
		"cra":                      "crash",
		"crash n":                  "n1 n2 n3",
		"crash n1 ":                "unsynced",
		"crash n1 unsynced ":       "",
		"dance ":                   "",
		"cut ":                     "n1 n2 n3",
		"cut n1":                   "n1 n1->n2 n1->n3",
		"cut n1->":                 "n1->n2 n1->n3",
		"cut n9->":                 "",
		"cut n1 n":                 "n2 n3",
		"cut n1->n2 ":              "",
		"heal n3->":                "n3->n1 n3->n2",
		"get x ":                   "at linearizable lease bounded stale",
		"get x bo":                 "bounded",
		"get x at ":                "n1 n2 n3",
		"get x at n1 st":           "stale",
		"get x bounded ":           "",
		"set x 1 ":                 "at",
		"split n1 ":                "n2 n3 |",
		"split n1 | ":              "n2 n3",
		"config n1 n2 ":            "n3 learners",
		"config n1 learners n2 ":   "n3",
		"elect n1 with n2 ":        "n3",
		"transfer n1 ":             "n2 n3",
		"suspect n1 ":              "n2 n3",
		"clock n1 ":                "0.5 1 2",
		"help hea":                 "heartbeat heal",
		"propose ":                 "n1 n2 n3",
		"set x 1 at n1 and more x": "",
	})
	story := openStory(t, "section-5.2-election")
	seek(t, story, 1)
	expectCompletions(t, story, map[string]string{
		"config S1 S":         "S1 S2 S3 S4",
		"config S1 S1 ":       "S2 S3 S4 learners",
		"compact S1 upto 3 k": "keep",
		"disk S1 term=1 ":     "log=T.T.T",
	})
}

func expectCompletions(t *testing.T, p *Player, wants map[string]string) {
	t.Helper()
	for line, want := range wants {
		if got := strings.Join(p.Complete(line), " "); got != want {
			t.Errorf("%q may become %q, want %q", line, got, want)
		}
	}
}
