package sim

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// A situation that is not in the list would never be missed.
func TestEverySituationIsListed(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("situations.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := Situations()
	declared := regexp.MustCompile(`(?m)^\t\w+ +Situation = "(.+)"$`).FindAllSubmatch(src, -1)
	for _, d := range declared {
		if !slices.Contains(listed, Situation(d[1])) {
			t.Errorf("%q is not listed", d[1])
		}
	}
	if len(declared) < 30 || len(declared) != len(listed) {
		t.Errorf("%d situations are declared, %d listed", len(declared), len(listed))
	}
}
