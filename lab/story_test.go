package lab

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kvorum/raft/script"
)

func openStory(t *testing.T, name string) *Player {
	t.Helper()
	p, err := NewPlayer(Run{Scenario: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func do(t *testing.T, p *Player, line string) (answer string) {
	t.Helper()
	answer, err := p.Do(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return answer
}

// Who does something in a story leaves it: what is done is played to its end, and
// nothing else.
func TestAStoryIsLeftByDoingSomething(t *testing.T) {
	t.Parallel()
	p := openStory(t, "section-5.2-election")
	whole := seek(t, p, 1<<30)
	seek(t, p, 6)
	waiting := len(p.Frame().Messages)
	do(t, p, "crash S1")
	f := p.Frame()
	if f.Event != 7 || !f.Over || !f.Scenario.Left || f.Scenario.Block != 0 || f.Servers[0].Process != "down" || f.Said[0].Text != "crash S1" {
		t.Errorf("after a crash: %+v", f)
	}
	do(t, p, "elect S2 with S3 S4")
	if f = p.Frame(); f.Event != 8 || f.Over || len(f.Messages) != waiting+3 {
		t.Errorf("when an election begins: %+v", f)
	}
	p.Advance(100)
	if f = p.Frame(); !f.Over || f.Servers[1].Role != "leader" || f.Event < 12 || f.Event != f.Furthest.Event {
		t.Errorf("after an election: %+v", f)
	}
	do(t, p, "propose S2 x")
	end := seek(t, p, 1<<30)
	r, at, err := ParseLink(p.Link())
	if err != nil || len(r.Do) != 3 || at != p.at {
		t.Fatalf("its link is %s: %v", p.Link(), err)
	}
	q, err := NewPlayer(r)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	q.Advance(1000)
	if again := seek(t, q, q.at); q.at != at || again != end {
		t.Errorf("from its link it ends\n%s\nand not\n%s", again, end)
	}
	seek(t, q, 0)
	if again := seek(t, q, at); again != end {
		t.Errorf("the second time it ends\n%s\nand not\n%s", again, end)
	}
	for range 3 {
		if err := p.Undo(); err != nil {
			t.Fatal(err)
		}
	}
	if p.at != 6 || p.Frame().Over || p.Frame().Scenario.Left || seek(t, p, 1<<30) != whole {
		t.Errorf("after all was undone it is at %d, and not the story that it was", p.at)
	}
	do(t, p, "crash S4") // after its end
	if !p.Frame().Scenario.Left || p.Frame().Servers[3].Process != "down" {
		t.Errorf("after the end %+v", p.Frame())
	}
}

func TestAMistakeInAStoryChangesNothing(t *testing.T) {
	t.Parallel()
	p := openStory(t, "figure8")
	seek(t, p, 9)
	before := frame(p)
	for line, want := range map[string]string{
		"dance S1":     `there is no command "dance"`,
		"set x 1":      `there is no command "set"`,
		"crash":        "which server?",
		"crash S9":     "there is no server S9",
		"deliver soon": "no such kind of message: soon",
		"rewind":       "nothing is marked",
		"status":       "that is written status SERVER",
		"help dance":   `there is no command "dance"`,
	} {
		if _, err := p.Do(line); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s...", line, err, want)
		}
	}
	for _, line := range []string{"status S1", "logs", "network", "help", "help crash"} {
		if do(t, p, line) == "" {
			t.Errorf("%s says nothing", line)
		}
	}
	if after := frame(p); after != before {
		t.Errorf("it is\n%s\nand was\n%s", after, before)
	}
	for line, want := range map[string]string{"he": "heartbeat", "crash S": "S1", "elect S1 ": "with", "help cr": "crash", "tick ": "S2"} {
		if words := p.Complete(line); !slices.Contains(words, want) {
			t.Errorf("%q may become %q, and not %s", line, words, want)
		}
	}
}

// A message of a story is named by its number.
func TestAMessageOfAStoryIsPicked(t *testing.T) {
	t.Parallel()
	p := openStory(t, "section-5.2-election")
	seek(t, p, 2)
	all := p.Frame().Messages
	number := p.Complete("drop ")[1]
	do(t, p, "drop "+number)
	left := p.Frame().Messages
	if len(left) != len(all)-1 || left[0].Number != all[0].Number || left[1].Number != all[2].Number {
		t.Errorf("of %v there are %v after %s was dropped", all, left, number)
	}
}

// What a story has become is a script, where it was left between two commands.
func TestAStoryThatWasLeftIsTakenAway(t *testing.T) {
	t.Parallel()
	p := openStory(t, "section-5.2-election")
	for p.Frame().Scenario.Block == 0 {
		seek(t, p, p.at+1)
	}
	do(t, p, "propose S1 x")
	do(t, p, "elect S2 with S3 S4")
	text, why := p.Script()
	if why != "" || !strings.Contains(text, "\n# From here on it is another story.\npropose S1 x\nelect S2 with S3 S4\n----\n") || strings.Contains(text, "Split vote") {
		t.Errorf("it is %q, because %q", text, why)
	}
	if again, err := script.Play(text); err != nil || again != text {
		t.Errorf("played it is %s, %v", again, err)
	}
	do(t, p, "crash S1")
	if text, why := p.Script(); text != "" || !strings.Contains(why, "`crash S1` was done in the middle of `elect S2 with S3 S4`") {
		t.Errorf("it is %q, because %q", text, why)
	}
}

// A story can be left at every event of it, but in the middle of an election, and be
// taken away: the script comes to where the story was left.
func TestAStoryIsTakenAwayFromTheMiddleOfACommand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"section-5.2-election", "section-7-snapshot"} {
		p := openStory(t, name)
		seek(t, p, 1<<30)
		taken := 0
		for at := range p.at {
			seek(t, p, at)
			do(t, p, "mark")
			text, why := p.Script()
			if why != "" {
				if !strings.Contains(why, "in the middle of `elect ") {
					t.Errorf("%s at event %d: %s", name, at, why)
				}
			} else if got, want := played(t, text), outcome(p.scene.(*scriptScene).stage); got != want {
				t.Errorf("%s at event %d is\n%s\nand as a script\n%s", name, at, want, got)
			} else {
				taken++
			}
			if err := p.Undo(); err != nil {
				t.Fatal(err)
			}
		}
		if taken < p.at/2 {
			t.Errorf("%s: of %d events only %d are a script", name, p.at, taken)
		}
	}
	p := openStory(t, "section-5.2-election")
	seek(t, p, 1<<30)
	do(t, p, "deliver")
	do(t, p, "drop 7 S1->S2 among S1 S2 S3")
	do(t, p, "tick S4 10")
	seek(t, p, p.at+5)
	do(t, p, "crash S4")
	if text, why := p.Script(); !strings.Contains(text, "\ntick S4 6\ncrash S4\n") || !strings.Contains(text, "\ndeliver 1\n") {
		t.Errorf("a deliver and a tick that were cut short are %s, %s", text, why)
	}
}

// played is what a script comes to.
func played(t *testing.T, text string) string {
	t.Helper()
	s := script.New(nil)
	for _, b := range script.Parse(text).Blocks {
		for _, line := range b.Lines {
			if err := s.Do(line); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	return outcome(s)
}

func outcome(s *script.Stage) string {
	return fmt.Sprintf("%+v\n%+v", s.Servers(), slices.Collect(s.Letters()))
}

// The list of commands is that of package script.
func TestTheNotationIsThatOfScripts(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../raft/script/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	table := strings.Join(regexp.MustCompile(`(?m)^//\t.*$`).FindAllString(string(doc), -1), "\n")
	for _, c := range notation {
		if c.Name != "help" && !regexp.MustCompile(`\b`+c.Name+`\b`).MatchString(table) {
			t.Errorf("%s is no word of a script", c.Name)
		}
	}
	src, err := os.ReadFile("../raft/script/commands.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range regexp.MustCompile(`\tcase ((?:"[a-z]+"(?:, )?)+):`).FindAllStringSubmatch(string(src), -1) {
		for _, name := range regexp.MustCompile(`[a-z]+`).FindAllString(list[1], -1) {
			is := slices.ContainsFunc(notation, func(c Command) bool { return c.Name == name })
			if strings.Contains(table, name+" ") && !is && name != "show" {
				t.Errorf("%s is a word of a script, and cannot be done", name)
			}
		}
	}
}

// The words that a server of a story has applied stand in order, and a snapshot for
// what came before.
func TestTheStateOfAStoryIsItsWords(t *testing.T) {
	t.Parallel()
	p := openStory(t, "section-7-snapshot")
	var all []string
	for !p.Frame().Over {
		for _, s := range p.Frame().Servers {
			text := s.ID
			for _, kv := range s.State {
				text += " " + kv.Key + ":" + kv.Value
			}
			all = append(all, text)
		}
		seek(t, p, p.at+1)
	}
	for _, want := range []string{"S1 2:a 3:b 4:c 5:d 6:e 7:f 8:g 9:h 10:i", "S3 1–9:in the snapshot", "S3 1–9:in the snapshot 10:i"} {
		if !slices.Contains(all, want) {
			t.Errorf("never %q", want)
		}
	}
}
