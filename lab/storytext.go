package lab

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft/script"
)

// storyText returns a story as a script: its file or, if it was left, what of it was
// told and what was done then. In the middle of some commands that cannot be said.
func storyText(r Run) (text, why string) {
	src, err := readScenario(r.Scenario)
	if err == nil && len(r.Do) > 0 {
		text, err = retell(src, r.Do)
	} else {
		text = src
	}
	if err != nil {
		return "", err.Error()
	}
	return text, ""
}

func retell(src string, done []Action) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			text, err = "", fmt.Errorf("%v", p) // of a core that is broken on purpose
		}
	}()
	r := retelling{}
	r.stage = script.New(func() { r.event++ })
	r.tell(src, done[0].At)
	r.b.WriteString("\n# From here on it is another story.\n")
	for i, a := range done {
		if r.unsaid != "" {
			return "", fmt.Errorf("`%s` was done in the middle of `%s`, which a script cannot say: go to the end of a command first", a.Line, r.unsaid)
		}
		end := math.MaxInt
		if i+1 < len(done) {
			end = done[i+1].At
		}
		r.do(a.Line, end)
	}
	return script.Play(r.b.String())
}

// retelling is a story that is played anew, to count the events that its commands are.
type retelling struct {
	b      strings.Builder
	stage  *script.Stage
	event  int
	unsaid string // a command of which a part happened that no command is
}

// tell tells a story from its beginning to the event at which it was left.
func (r *retelling) tell(src string, left int) {
	for i, block := range strings.Split(strings.TrimRight(src, "\n"), "\n\n") {
		if i > 0 {
			if r.event >= left {
				return
			}
			if r.event++; r.event == left { // a block is an event, too
				return
			}
			r.b.WriteString("\n")
		}
		input, _, _ := strings.Cut(block, "\n----")
		for line := range strings.SplitSeq(input, "\n") {
			if strings.HasPrefix(line, "#") {
				r.b.WriteString(line + "\n")
			} else if r.event < left {
				r.do(line, left)
			}
		}
	}
}

// do does a line, or so much of it as happened up to the given event.
func (r *retelling) do(line string, end int) {
	turns, _ := rehearse(r.stage, line) // it was done before
	happened := end - r.event
	if happened < turns-1 { // in the last turn it is only over
		short := shortened(line, happened)
		if short == "" {
			r.unsaid, r.event = line, end
			return
		}
		line = short
	}
	r.b.WriteString(line + "\n")
	r.stage.Do(line) //nolint:errcheck // as above
	r.event = min(r.event, end)
}

// shortened is a command of which only so many things have happened; empty: there is
// no such command.
func shortened(line string, happened int) string {
	words := strings.Fields(line)
	switch words[0] {
	case "deliver", "drop":
		rest := slices.DeleteFunc(words[1:], func(word string) bool {
			_, err := strconv.Atoi(word)
			return err == nil // how many it is about
		})
		return strings.Join(append([]string{words[0], strconv.Itoa(happened)}, rest...), " ")
	case "tick":
		return fmt.Sprintf("tick %s %d", words[1], happened)
	}
	return ""
}
