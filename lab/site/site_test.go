package site

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"kvorum/lab"
	"kvorum/raft/mutants"
)

// Without the broken rule, nothing falls in the runs that show it.
func TestRunsThatShowABrokenRuleAreWellWithoutIt(t *testing.T) {
	t.Parallel()
	all := mutations(func(string) bool { return false }, true)
	for name, link := range falls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !slices.ContainsFunc(all, func(m Mutation) bool { return m.Name == name && m.Link == link }) {
				t.Error("there is no such rule that can be broken")
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
			if err := p.Seek(20000); err != nil || len(p.Run().Do) != len(r.Do) {
				t.Errorf("%s: %v, %d of %d actions", link, err, len(p.Run().Do), len(r.Do))
			}
			if v := p.Violation(); v != nil {
				t.Errorf("%s falls at event %d: %s: %s", link, v.Event, v.Invariant, v.Text)
			}
		})
	}
}

// What a static site breaks falls in its run: the test above fails for each, where it
// is compiled with the rule broken.
func TestRunsThatShowABrokenRuleFallWithIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the lab once for each rule")
	}
	t.Parallel()
	root, err := mutants.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Shown() {
		m, _ := mutants.Find(name)
		overlay, err := m.Overlay(t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		test := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay,
			"-run", "^TestRunsThatShowABrokenRuleAreWellWithoutIt$/^"+name+"$", "./lab/site")
		test.Dir = root
		out, err := test.CombinedOutput()
		if err == nil || !strings.Contains(string(out), falls[name]+" falls at event ") {
			t.Errorf("%s: nothing falls: %v\n%s", name, err, out)
		}
	}
}

func TestWhatAStaticSiteBreaksHasARunThatShowsIt(t *testing.T) {
	t.Parallel()
	for _, name := range Shown() {
		if !slices.ContainsFunc(mutations(func(string) bool { return true }, false), func(m Mutation) bool { return m.Name == name && m.Link != "" }) {
			t.Errorf("there is no run for %s", name)
		}
	}
}

// From any server of files, if the engine was built where zstd is installed.
func TestAFirstVisitLoadsLessThanOneAndAHalfMegabytes(t *testing.T) {
	t.Parallel()
	files, err := Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files["mutations.json"], err = json.Marshal(mutations(func(name string) bool { return slices.Contains(Shown(), name) }, false))
	if err != nil {
		t.Fatal(err)
	}
	plain, compressed := firstVisit(files)
	if compressed >= 1_500_000 {
		t.Errorf("with compressed text it loads %d bytes", compressed)
	}
	if _, err := exec.LookPath("zstd"); err == nil && plain >= 1_500_000 {
		t.Errorf("it loads %d bytes: has the engine been built without zstd? `make build` does it again", plain)
	}
}
