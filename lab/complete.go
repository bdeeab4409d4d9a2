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
	before, last := words[:len(words)-1], words[len(words)-1]
	all := []string{}
	if len(before) == 0 {
		all = p.words("COMMAND", last)
	} else if c, args, err := find(p.scene.commands(), strings.Join(before, " ")); err == nil {
		for _, place := range places(useOf(c), args) {
			all = append(all, p.words(place, last)...)
		}
		if len(args) > 0 && strings.Contains(c.Use, "SERVER SERVER ...") {
			args = args[1:] // who leads the change may be one of the voters, too
		}
		all = slices.DeleteFunc(all, func(w string) bool { return slices.Contains(args, w) && w != "|" })
	}
	return slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, last) })
}

// useOf returns the words of how a command is written, and the brackets.
func useOf(c Command) []string {
	return strings.Fields(strings.NewReplacer("[", " [ ", "]", " ] ").Replace(c.Use))[1:]
}

// places returns what in the use of a command may come after the given words.
func places(use, words []string) []string {
	if len(use) == 0 {
		return nil
	}
	place, rest := use[0], use[1:]
	switch {
	case place == "[":
		end := closing(use)
		after := use[end+1:]
		return append(places(slices.Concat(use[1:end], after), words), places(after, words)...)
	case len(rest) > 0 && rest[0] == "...": // X ... is X [X ...]
		again := slices.Concat([]string{place, "[", place, "...", "]"}, rest[1:])
		return places(again, words)
	case len(words) == 0:
		return []string{place}
	case place == "LINK" && !strings.Contains(words[0], "->"): // n1 n2 is a link, too
		return places(slices.Concat([]string{"SERVER", "SERVER"}, rest), words)
	case mayBe(place, words[0]):
		return places(rest, words[1:])
	}
	return nil
}

// closing returns where the bracket is closed with which a use begins.
func closing(use []string) int {
	open := 0
	for i, word := range use {
		switch word {
		case "[":
			open++
		case "]":
			if open--; open == 0 {
				return i
			}
		}
	}
	return len(use) // never
}

var levels = []string{"linearizable", "lease", "bounded", "stale"}

// mayBe reports whether a word may stand at a place.
func mayBe(place, word string) bool {
	name, _, is := strings.Cut(place, "=") // as in term=N
	switch {
	case is:
		return strings.HasPrefix(word, name+"=")
	case place == "LEVEL":
		return slices.Contains(levels, word)
	case place == strings.ToUpper(place) && place != "|":
		return !slices.Contains([]string{"at", "with", "learners", "|"}, word)
	}
	return place == word
}

// words returns what may stand at a place of a command, where last is begun.
func (p *Player) words(place, last string) []string {
	var all []string
	switch f := p.look(); place {
	case "SERVER":
		all = serverNames(f)
	case "LINK":
		all = serverNames(f)
		from, _, _ := strings.Cut(last, "->")
		for _, to := range serverNames(f) {
			if slices.Contains(all, from) && to != from {
				all = append(all, from+"->"+to)
			}
		}
	case "MESSAGE":
		all = messageWords(f)
	case "COMMAND":
		for _, c := range p.scene.commands() {
			all = append(all, c.Name)
		}
	case "LEVEL":
		all = slices.Clone(levels)
	case "SPEED":
		all = []string{"0.5", "1", "2"}
	default:
		if place == "|" || place != strings.ToUpper(place) { // a word of the command itself
			all = []string{place}
		}
	}
	return all
}

// serverNames returns the servers that are not gone.
func serverNames(f *Frame) (all []string) {
	for _, s := range f.Servers {
		if s.Process != "gone" {
			all = append(all, s.ID)
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
