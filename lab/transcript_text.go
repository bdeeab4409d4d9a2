package lab

import (
	"fmt"
	"strings"
	"unicode"

	"kvorum/kv"
	"kvorum/raft/script"
)

// draft is a script as it is written, and the stage on which it is played meanwhile.
type draft struct {
	stage    *script.Stage
	text     strings.Builder
	comments []string
	lines    []command
	panicked string // the core, in the last line
}

func newDraft() *draft { return &draft{stage: script.New(nil)} }

// linesOfABlock is how many commands stand together at most.
const linesOfABlock = 12

// room reports whether a block has room for another command: those that deliver are
// merged.
func (s *draft) room() bool {
	n := 0
	for i, c := range s.lines {
		if c.delivers == nil || i == 0 || s.lines[i-1].delivers == nil {
			n++
		}
	}
	return n < linesOfABlock
}

// command is a line, and of one that delivers a single message which that was.
type command struct {
	text          string
	delivers      *script.Letter
	before, after []script.Letter // what waited
}

func (s *draft) do(line string) (err error) {
	s.lines = append(s.lines, command{text: line})
	defer func() {
		if p := recover(); p != nil { // the core names broken properties itself
			s.panicked = fmt.Sprint(p)
		}
	}()
	return s.stage.Do(line)
}

// turn ends a block.
func (s *draft) turn() {
	if len(s.lines) == 0 {
		return
	}
	if s.text.Len() > 0 {
		s.text.WriteString("\n")
	}
	for _, c := range s.comments {
		s.text.WriteString(wrap(c))
	}
	for _, c := range merge(s.lines) {
		s.text.WriteString(c.text + "\n")
	}
	if out := s.stage.Printed(); out != "" {
		s.text.WriteString("----\n" + out)
	}
	s.comments, s.lines = nil, nil
	s.stage.Turn()
}

// turn ends a block; what was lost meanwhile is dropped.
func (t *transcript) turn() {
	if len(t.lost) > 0 {
		t.dropLost(false)
	}
	t.draft.turn()
}

// delivered notes which message the last command has delivered.
func (s *draft) delivered(l script.Letter, before []script.Letter) {
	c := &s.lines[len(s.lines)-1]
	c.delivers, c.before, c.after = &l, before, s.stage.Letters()
}

// comment begins a block.
func (s *draft) comment(text string) {
	s.turn()
	s.comments = append(s.comments, text)
}

func (s *draft) String() string {
	s.turn()
	if len(s.comments) > 0 {
		s.text.WriteString("\n")
	}
	for _, c := range s.comments {
		s.text.WriteString(wrap(c))
	}
	return s.text.String()
}

// wrap writes a comment in lines.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		if width+1+len(word) > 88 || width == 0 {
			if width > 0 {
				b.WriteString("\n")
			}
			b.WriteString("#")
			width = 1
		}
		b.WriteString(" " + word)
		width += 1 + len(word)
	}
	return b.String() + "\n"
}

// title says which run it is.
func (s *draft) title(r Run, at int, scene *worldScene) {
	kind := "calm"
	switch {
	case r.Chaos && r.Short:
		kind = "short"
	case r.Chaos:
		kind = "chaotic"
	}
	s.comment(fmt.Sprintf("A %s run of the simulator with seed %d, up to event %d, at %.3fs. Its link in the lab is %s",
		kind, r.Seed, at, scene.now()/1000, r.Link(at)))
}

// remark begins a block with what was said. What the simulator says of something that
// somebody does needs not be said twice.
func (t *transcript) remark(a *act) {
	t.turn()
	comments := t.draft.comments
	if n := len(comments); n > 0 && strings.Contains(comments[n-1], "s: > ") && !a.breaks {
		return
	}
	t.draft.comment(a.said)
}

// word writes a command as a word of a script. Where a limit counts bytes it is as
// long as the command.
func (t *transcript) word(command []byte) string {
	kind, text := "command", ""
	if c, err := kv.Decode(command); err == nil {
		switch c := c.(type) {
		case kv.Set:
			text = c.Key + "=" + string(c.Value)
		case kv.Delete:
			text = c.Key + "=nothing"
		case kv.CompareAndSet:
			text = c.Key + "=" + string(c.Value) + "?"
		default:
			kind = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", c), "kv.Open"))
			kind = strings.TrimPrefix(kind, "kv.")
		}
	}
	if text == "" {
		text = kind
	}
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r) || r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, text)
	if !t.countsBytes {
		return shorten(strings.TrimRight(text, "."))
	}
	return (text + strings.Repeat(".", len(command)))[:len(command)]
}
