package lab

import (
	"slices"
	"strconv"
	"strings"
)

// Complete returns what the last word of a line may become.
func (p *Player) Complete(line string) []string {
	words := strings.Fields(line)
	if line == "" || strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	var all []string
	if len(words) == 1 {
		for _, c := range p.scene.commands() {
			all = append(all, c.Name)
		}
	} else if c, _, err := find(p.scene.commands(), line); err == nil {
		all = p.words(place(c, words[1:]))
	}
	return slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, last) })
}

// place returns the word of a command's use where the last of the given words stands.
func place(c Command, words []string) string {
	uses := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(c.Use))[1:]
	switch n := len(words) - 1; {
	case n == 1 && uses[0] == "LINK" && !strings.Contains(words[0], "->"):
		return "SERVER" // n1 n2 is a link, too
	case n < len(uses) && uses[n] != "...":
		return uses[n]
	}
	for i, use := range slices.Backward(uses) {
		if use == "..." {
			return uses[i-1] // and again
		}
	}
	return ""
}

// words returns what may stand at a place of a command.
func (p *Player) words(place string) []string {
	var all []string
	switch f := p.look(); place {
	case "SERVER", "LINK":
		for _, s := range f.Servers {
			if s.Process != "gone" {
				all = append(all, s.ID)
			}
		}
	case "MESSAGE":
		all = messageWords(f)
	case "COMMAND":
		for _, c := range p.scene.commands() {
			all = append(all, c.Name)
		}
	case "LEVEL":
		all = []string{"linearizable", "lease", "bounded", "stale"}
	case "SPEED":
		all = []string{"0.5", "1", "2"}
	default:
		if place != strings.ToUpper(place) { // a word of the command itself
			all = []string{place}
		}
	}
	return all
}

// messageWords returns what picks messages that are on their way. In a script, where a
// number alone says how many, that of a message is #17.
func messageWords(f *Frame) (all []string) {
	mark := ""
	if f.Scenario != nil {
		mark = "#"
	}
	for _, m := range f.Messages {
		all = append(all, mark+strconv.Itoa(m.Number))
	}
	for _, m := range f.Messages {
		for _, w := range []string{m.Type, m.From + "->" + m.To} {
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	return all
}
