package script

import (
	"fmt"
	"strings"
)

// Script is a story in blocks.
type Script struct {
	Blocks []Block
}

// Block is a few commands with the comment before them.
type Block struct {
	Comment string   // without the marks
	Lines   []string // the commands
	input   string   // all of it as it is written
}

// Title is what the script says of itself first, up to a full stop or a colon.
func (s Script) Title() string {
	title := s.Blocks[0].Comment
	if end := strings.IndexAny(title, ":."); end > 0 {
		for end+1 < len(title) && title[end+1] != ' ' { // as in §5.2
			next := strings.IndexAny(title[end+1:], ":.")
			if next < 0 {
				return title
			}
			end += 1 + next
		}
		title = title[:end]
	}
	return title
}

// Parse reads a script; what happened last time is left out.
func Parse(src string) Script {
	var s Script
	for _, text := range strings.Split(strings.TrimRight(src, "\n"), "\n\n") {
		input, _, _ := strings.Cut(text, "\n----")
		b := Block{input: input}
		for line := range strings.Lines(input + "\n") {
			line = strings.TrimSpace(line)
			if comment, is := strings.CutPrefix(line, "#"); is {
				b.Comment = strings.TrimSpace(b.Comment + " " + strings.TrimSpace(comment))
			} else if line != "" {
				b.Lines = append(b.Lines, line)
			}
		}
		s.Blocks = append(s.Blocks, b)
	}
	return s
}

// Play returns src with what happens as it is now. An error is the script's mistake.
func Play(src string) (string, error) {
	s := New(nil)
	var out strings.Builder
	for i, b := range Parse(src).Blocks {
		if i > 0 {
			out.WriteString("\n")
		}
		s.out.Reset()
		for _, line := range b.Lines {
			if err := s.Do(line); err != nil {
				return "", fmt.Errorf("%q: %w", line, err)
			}
		}
		out.WriteString(b.input + "\n")
		if s.out.Len() > 0 {
			out.WriteString("----\n" + s.out.String())
		}
	}
	return out.String(), nil
}
