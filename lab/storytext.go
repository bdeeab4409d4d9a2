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
	if err != nil || len(r.Do) == 0 {
		return src, reasonOf(err)
	}
	defer func() {
		if p := recover(); p != nil {
			text, why = "", fmt.Sprint(p) // of a core that is broken on purpose
		}
	}()
	var b strings.Builder
	event, last := 0, ""
	stage := script.New(func() { event++ })
	do := func(line string) {
		b.WriteString(line + "\n")
		last = line
		stage.Do(line) //nolint:errcheck // it was done before
	}
	for i, block := range strings.Split(strings.TrimRight(src, "\n"), "\n\n") {
		if i > 0 {
			if event >= r.Do[0].At {
				break
			}
			if event++; event == r.Do[0].At { // a block is an event, too
				break
			}
			b.WriteString("\n")
		}
		input, _, _ := strings.Cut(block, "\n----")
		for line := range strings.SplitSeq(input, "\n") {
			if strings.HasPrefix(line, "#") {
				b.WriteString(line + "\n")
			} else if event < r.Do[0].At {
				do(line)
			}
		}
	}
	b.WriteString("\n# From here on it is another story.\n")
	for _, a := range r.Do {
		if event != a.At {
			return "", fmt.Sprintf("`%s` was done in the middle of `%s`, which a script cannot say: go to the end of a command first", a.Line, last)
		}
		do(a.Line)
	}
	text, err = script.Play(b.String())
	return text, reasonOf(err)
}

func reasonOf(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}
