package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kvorum/raft/script"
	"kvorum/raft/testdata"
)

// Scenario is a script of raft/testdata.
type Scenario struct {
	Name   string `json:"name"`   // of the file, without .txt
	Title  string `json:"title"`  // what it says of itself first
	Blocks int    `json:"blocks"` // how many captions it has
}

// Scenarios lists them: what the paper tells first, then the thesis, then incidents.
func Scenarios() []Scenario {
	files, _ := testdata.Scripts.ReadDir(".") // never fails
	var all []Scenario
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".txt")
		src, _ := readScenario(name)
		s := script.Parse(src)
		all = append(all, Scenario{name, s.Title(), len(s.Blocks)})
	}
	chapter := func(s Scenario) int {
		return slices.IndexFunc([]string{"section-5", "figure", "section-", "thesis-", ""}, func(prefix string) bool {
			return strings.HasPrefix(s.Name, prefix)
		})
	}
	slices.SortStableFunc(all, func(a, b Scenario) int {
		return cmp.Or(cmp.Compare(chapter(a), chapter(b)), cmp.Compare(numbers(a.Name), numbers(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// numbers makes figure7 come before figure10.
func numbers(name string) (n int) {
	for _, c := range name {
		if '0' <= c && c <= '9' {
			n = 10*n + int(c-'0')
		}
	}
	if strings.HasPrefix(name, "figure") {
		return n
	}
	return 0
}

func readScenario(name string) (string, error) {
	src, err := testdata.Scripts.ReadFile(name + ".txt")
	if err != nil {
		return "", fmt.Errorf("there is no scenario %q", name)
	}
	return string(src), nil
}
