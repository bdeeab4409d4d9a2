package transcript

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft/script"
)

// merge writes the lines of a block: commands that follow each other, and deliver a
// message each, as one where there is one that does the same; and copies together.
func merge(commands []command) (lines []string) {
	for len(commands) > 0 {
		n, line := longest(commands)
		commands = commands[n:]
		if last := len(lines) - 1; last >= 0 && areCopies(lines[last], line) {
			lines[last] += strings.TrimPrefix(line, "duplicate")
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

// longest returns the line that does what the first n commands do, for the largest n for
// which there is one.
func longest(commands []command) (n int, line string) {
	for n < len(commands) && commands[n].delivers != nil {
		n++
	}
	for ; n > 1; n-- {
		if line := together(commands[:n]); line != "" {
			return n, line
		}
	}
	return 1, commands[0].text
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

// together returns the line that delivers what several commands do, in the same order;
// empty: there is none. It tries all messages, then those on the same links: each must
// be the first such where it was delivered, and the line counts them if others remain.
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
