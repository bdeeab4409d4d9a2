package transcript

import (
	"fmt"
	"maps"
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

// longest returns a line that does what the first n commands do, for the largest n for
// which there is one. It delivers all messages, or those on the same links: so none may
// be passed over there.
func longest(commands []command) (n int, line string) {
	var links []script.Link
	passed, passesNone := map[script.Link]bool{}, true
	for _, c := range commands {
		if c.delivers == nil {
			break
		}
		if !slices.Contains(links, c.delivers.link) {
			links = append(links, c.delivers.link)
		}
		maps.Copy(passed, c.delivers.passed)
		if slices.ContainsFunc(links, func(l script.Link) bool { return passed[l] }) {
			break
		}
		n, passesNone = n+1, len(passed) == 0
	}
	if n < 2 {
		return 1, commands[0].text
	}
	return n, together(commands[:n], passesNone)
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

// together returns the line that delivers what several commands do: all messages, or
// those on the same links. It counts them if others remain.
func together(commands []command, all bool) string {
	var links []string
	left := commands[len(commands)-1].delivers.left
	remain := all && len(left) > 0
	for _, c := range commands {
		if l := c.delivers.link; !all && !slices.Contains(links, l.String()) {
			links = append(links, l.String())
			remain = remain || left[l]
		}
	}
	line := "deliver"
	if remain {
		line = fmt.Sprintf("deliver %d", len(commands))
	}
	return strings.Join(append([]string{line}, links...), " ")
}
