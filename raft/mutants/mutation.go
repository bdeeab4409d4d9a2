package mutants

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed zoo.txt
var zoo string

// Mutation is one broken rule.
type Mutation struct {
	Number    int    // of the catalogue of known bugs
	Name      string // of lower-case words and hyphens
	Rule      string // what must be, and where the paper or the thesis says so
	Precedent string // whose code had the bug
	Violates  string // the invariant that falls, and what one would see
	CaughtBy  Test   // the cheapest test that notices
	Edits     []Edit
}

// Edit is a change to one file.
type Edit struct {
	File string   // from the root of the module
	Diff []string // lines that begin with '-', '+' or, unchanged, with a space
}

// Test names tests of one package, in the words of go test.
type Test struct {
	Package string   // ./raft
	Flags   []string // -run TestX -seeds 10
}

// ParseTest reads a test as String writes it.
func ParseTest(s string) Test {
	words := append(strings.Fields(s), "")
	return Test{words[0], words[1 : len(words)-1]}
}

func (t Test) String() string {
	return strings.Join(append([]string{t.Package}, t.Flags...), " ")
}

// All returns the zoo, in order.
func All() []Mutation {
	all, err := parse(zoo)
	if err != nil {
		panic("mutants: zoo.txt: " + err.Error()) // a test reads the file first
	}
	return all
}

// Find returns the mutation with the given number or name.
func Find(which string) (Mutation, bool) {
	for _, m := range All() {
		if m.Name == which || strconv.Itoa(m.Number) == which {
			return m, true
		}
	}
	return Mutation{}, false
}

// Diff returns the change as a diff without line numbers.
func (m Mutation) Diff() string {
	var b strings.Builder
	for _, e := range m.Edits {
		fmt.Fprintf(&b, "%s\n%s\n", e.File, strings.Join(e.Diff, "\n"))
	}
	return b.String()
}

// side returns the lines of the diff before (mark '-') or after ('+') the change.
func (e Edit) side(mark byte) string {
	var b strings.Builder
	for _, line := range e.Diff {
		if line[0] == mark || line[0] == ' ' {
			b.WriteString(line[1:] + "\n")
		}
	}
	return b.String()
}

// apply returns src with the edit. The old lines must be there exactly once.
func (e Edit) apply(src string) (string, error) {
	before, after := e.side('-'), e.side('+')
	lines := "\n" + src // whole lines are meant
	at := strings.Index(lines, "\n"+before)
	switch {
	case at < 0:
		return "", fmt.Errorf("%s does not hold these lines:\n%s", e.File, before)
	case at != strings.LastIndex(lines, "\n"+before):
		return "", fmt.Errorf("%s holds these lines more than once:\n%s", e.File, before)
	case before == after:
		return "", fmt.Errorf("%s: nothing changes", e.File)
	}
	return src[:at] + after + src[at+len(before):], nil
}

// files returns the changed files by name, from the root of the module, where
// their names are relative to.
func (m Mutation) files(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.Edits {
		src, ok := changed[e.File]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return nil, err
			}
			src = string(b)
		}
		out, err := e.apply(src)
		if err != nil {
			return nil, err
		}
		if _, err := format.Source([]byte(out)); err != nil {
			return nil, fmt.Errorf("%s, changed, is not Go: %w", e.File, err)
		}
		changed[e.File] = out
	}
	return changed, nil
}

// Overlay writes the changed files into dir, and with them what the go command's
// flag -overlay wants to be given, whose path it returns. The error says which
// lines of which file are not what the zoo expects.
func (m Mutation) Overlay(dir string) (path string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	files, err := m.files(root)
	if err != nil {
		return "", fmt.Errorf("mutants: %s does not apply: %w", m.Name, err)
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for name, content := range files {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			return "", fmt.Errorf("mutants: write %s: %w", m.Name, err)
		}
		overlay.Replace[filepath.Join(root, name)] = to
	}
	b, err := json.MarshalIndent(overlay, "", "\t")
	if err != nil {
		return "", fmt.Errorf("mutants: write %s: %w", m.Name, err)
	}
	path = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return "", fmt.Errorf("mutants: write %s: %w", m.Name, err)
	}
	return path, nil
}

// ErrNoSource says that a mutation, which changes the source, has none to change.
var ErrNoSource = errors.New("mutants: the source is needed: run this in a checkout of kvorum")

// Root returns the folder of the go.mod that the working directory is under.
// Errors: ErrNoSource.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("mutants: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", ErrNoSource
		}
		dir = up
	}
}
