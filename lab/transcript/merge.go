package transcript

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft/script"
)

// merge writes commands that follow each other, and deliver a message each, as one
// that delivers them all in the same order, where there is one; and copies together.
func merge(commands []command) (merged []command) {
	for len(commands) > 0 {
		if n := len(merged) - 1; n >= 0 && areCopies(merged[n].text, commands[0].text) {
			merged[n].text += strings.TrimPrefix(commands[0].text, "duplicate")
			commands = commands[1:]
			continue
		}
		end := 0
		for end < len(commands) && commands[end].delivers != nil {
			end++
		}
		text := ""
		for ; end > 1 && text == ""; end-- {
			text = together(commands[:end])
		}
		if text == "" {
			merged, commands = append(merged, commands[0]), commands[1:]
		} else {
			merged, commands = append(merged, command{text: text}), commands[end+1:]
		}
	}
	return merged
}

// areCopies reports whether two commands copy a message each, the second a later one:
// copies are made in the order in which the messages wait.
func areCopies(one, other string) bool {
	if !strings.HasPrefix(one, "duplicate #") || !strings.HasPrefix(other, "duplicate #") {
		return false
	}
	number := func(line string) int {
		n, _ := strconv.Atoi(line[strings.LastIndex(line, "#")+1:])
		return n
	}
	return number(one) < number(other)
}

// together returns the command that does what several do; empty: there is none.
func together(commands []command) string {
	var links []string
	for _, c := range commands {
		if l := link(*c.delivers); !slices.Contains(links, l) {
			links = append(links, l)
		}
	}
	for _, words := range [][]string{nil, links} {
		f, _ := script.ParseFilter(words) // never fails
		if !slices.ContainsFunc(commands, func(c command) bool { return first(f, c.before) != c.delivers.Number }) {
			line := strings.TrimSpace("deliver " + strings.Join(words, " "))
			if first(f, commands[len(commands)-1].after) == 0 {
				return line
			}
			return strings.Replace(line, "deliver", fmt.Sprintf("deliver %d", len(commands)), 1)
		}
	}
	return ""
}

// first returns the number of the first message that f picks; 0: none.
func first(f script.Filter, letters []script.Letter) int {
	for _, l := range letters {
		if f.Picks(l.Message) {
			return l.Number
		}
	}
	return 0
}
