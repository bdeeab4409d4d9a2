package site

import (
	"slices"
	"testing"

	"kvorum/lab"
)

// Without the broken rule, nothing falls in the runs that show it.
func TestTheRunsThatShowABrokenRuleAreWellWithoutIt(t *testing.T) {
	t.Parallel()
	all := mutations(func(string) bool { return false }, true)
	for name, link := range falls {
		if !slices.ContainsFunc(all, func(m Mutation) bool { return m.Name == name && m.Link == link }) {
			t.Errorf("there is no rule %s that can be broken", name)
		}
		r, _, err := lab.ParseLink(link)
		if err != nil {
			t.Fatal(err)
		}
		p, err := lab.NewPlayer(r)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Seek(20000); err != nil || p.Violation() != nil || len(p.Run().Do) != len(r.Do) {
			t.Errorf("%s: %v, %v, %d of %d actions", link, err, p.Violation(), len(p.Run().Do), len(r.Do))
		}
	}
}

func TestWhatAStaticSiteBreaksCanBeBroken(t *testing.T) {
	t.Parallel()
	for _, name := range Shown() {
		if !slices.ContainsFunc(mutations(func(string) bool { return true }, false), func(m Mutation) bool { return m.Name == name }) {
			t.Errorf("there is no rule %s that can be broken", name)
		}
	}
}
