package mutants

import (
	"fmt"
	"strconv"
	"strings"
)

// parse reads the zoo's own format: see the head of zoo.txt.
func parse(text string) (all []Mutation, err error) {
	for _, block := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(block, "#") {
			continue
		}
		m, err := parseMutation(strings.Split(strings.TrimRight(block, "\n"), "\n"))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func parseMutation(lines []string) (m Mutation, err error) {
	number, name, _ := strings.Cut(lines[0], " ")
	if m.Number, err = strconv.Atoi(number); err != nil || name == "" {
		return m, fmt.Errorf("%q is not a number and a name", lines[0])
	}
	m.Name = name
	for _, line := range lines[1:] {
		if err := m.parseLine(line); err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
	}
	return m, nil
}

func (m *Mutation) parseLine(line string) error {
	if line != "" && strings.Contains("-+ ", line[:1]) {
		if len(m.Edits) == 0 {
			return fmt.Errorf("%q: in which file?", line)
		}
		e := &m.Edits[len(m.Edits)-1]
		e.Diff = append(e.Diff, line)
		return nil
	}
	key, value, isPair := strings.Cut(line, ": ")
	switch {
	case !isPair && strings.HasSuffix(line, ".go"):
		m.Edits = append(m.Edits, Edit{File: line})
	case key == "rule":
		m.Rule = value
	case key == "precedent":
		m.Precedent = value
	case key == "violates":
		m.Violates = value
	case key == "caught by":
		m.CaughtBy = ParseTest(value)
	default:
		return fmt.Errorf("%q is no part of a mutation", line)
	}
	return nil
}
