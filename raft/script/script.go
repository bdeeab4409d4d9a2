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

// Title is the first sentence that the script says of itself.
func (s Script) Title() string {
	title, _, _ := strings.Cut(s.Blocks[0].Comment, ". ")
	return strings.TrimSuffix(title, ".")
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
