package lab

import (
	"fmt"
	"strings"

	"kvorum/raft/script"
)

// storyText returns a story as a script: its file or, if it was left, what of it was
// told and what was done then. In the middle of a command that cannot be said.
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
	for _, a := range done {
		if r.event != a.At {
			return "", fmt.Errorf("`%s` was done in the middle of `%s`, which a script cannot say: go to the end of a command first", a.Line, r.last)
		}
		r.do(a.Line)
	}
	return script.Play(r.b.String())
}

// retelling is a story that is played anew, to count the events that its commands are.
type retelling struct {
	b     strings.Builder
	stage *script.Stage
	event int
	last  string // command
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
				r.do(line)
			}
		}
	}
}

func (r *retelling) do(line string) {
	r.last = line
	r.b.WriteString(line + "\n")
	r.stage.Do(line) //nolint:errcheck // it was done before
}
