package mutants

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The code moves, and the zoo has to move with it: a mutation that does not apply
// breaks nothing, and shows nothing.
func TestEveryMutationApplies(t *testing.T) {
	t.Parallel()
	for _, m := range All() {
		if _, err := m.Overlay(t.TempDir()); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryMutationIsToldInFull(t *testing.T) {
	t.Parallel()
	if _, err := parse(zoo); err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	invariant := regexp.MustCompile(`^([IVFQL]\d+, )*[IVFQL]\d+(, then [IVFQL]\d+)?: `)
	known := map[string]bool{}
	for i, m := range All() {
		if m.Number != i+1 || !word.MatchString(m.Name) || known[m.Name] {
			t.Errorf("%d %s stands at place %d; numbers are consecutive, names are new words", m.Number, m.Name, i+1)
		}
		known[m.Name] = true
		if m.Rule == "" || m.Precedent == "" || !invariant.MatchString(m.Violates) || len(m.Edits) == 0 {
			t.Errorf("%d %s: rule, precedent, the invariant that falls, or the change is missing", m.Number, m.Name)
		}
	}
	if len(known) != 66 {
		t.Errorf("%d mutations, the catalogue has 66", len(known))
	}
}

// A -run that matches nothing passes.
func TestEveryTestThatIsNamedExists(t *testing.T) {
	t.Parallel()
	for _, m := range All() {
		at := slices.Index(m.CaughtBy.Flags, "-run") + 1
		if at == 0 || at == len(m.CaughtBy.Flags) {
			t.Errorf("%d %s: %q names no test", m.Number, m.Name, m.CaughtBy)
			continue
		}
		name, script, _ := strings.Cut(m.CaughtBy.Flags[at], "/")
		folder := filepath.Join("../..", m.CaughtBy.Package)
		if !declares(t, folder, name) {
			t.Errorf("%d %s: there is no %s in %s", m.Number, m.Name, name, m.CaughtBy.Package)
		}
		if script != "" {
			if _, err := os.Stat(filepath.Join(folder, "testdata", script)); err != nil {
				t.Errorf("%d %s: %v", m.Number, m.Name, err)
			}
		}
	}
}

func declares(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		return strings.Contains(string(src), "\nfunc "+test+"(")
	})
}

func TestAnEditAppliesToWholeLinesThatOccurOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, src string
		diff      []string
		want      string
	}{
		{"one line for another", "a\nb\nc\n", []string{"-b", "+B"}, "a\nB\nc\n"},
		{"the first", "a\nb\n", []string{"-a", "+A"}, "A\nb\n"},
		{"an addition where its context says", "a\nb\na\nc\n", []string{" a", "+x", " c"}, "a\nb\na\nx\nc\n"},
		{"a removal", "a\nb\nc\n", []string{"-b"}, "a\nc\n"},
		{"not there", "a\n", []string{"-b", "+c"}, ""},
		{"there twice", "a\na\n", []string{"-a", "+b"}, ""},
		{"a part of a line", "ab\n", []string{"-b", "+c"}, ""},
		{"no change", "a\n", []string{" a"}, ""},
	} {
		got, err := Edit{File: "x.go", Diff: c.diff}.apply(c.src)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

// A test has noticed a mutation if it says so, and not if it was too slow.
func TestVerdict(t *testing.T) {
	t.Parallel()
	ended := errors.New("exit status 2")
	for _, c := range []struct {
		name, output string
		err          error
		want         verdict
	}{
		{"all passed", "PASS\n", nil, verdict{}},
		{"one failed", "--- FAIL: TestX (0.01s)\n    x_test.go:7: got 1,\n        want 2\n--- FAIL: TestY (0.01s)\nFAIL\n", ended,
			verdict{failed: true, test: "TestX", reason: "got 1, want 2"}},
		{"a part failed", "--- FAIL: TestX (0s)\n    --- FAIL: TestX/b (0s)\n        x_test.go:7: no\nFAIL\n", ended,
			verdict{failed: true, test: "TestX/b", reason: "no"}},
		{"two parts failed", "--- FAIL: TestX (0s)\n    --- FAIL: TestX/b (0s)\n        x_test.go:7: no\n    --- FAIL: TestX/c (0s)\nFAIL\n", ended,
			verdict{failed: true, test: "TestX/b", reason: "no"}},
		{"the core panicked", "panic: raft: Election Safety: a and b\n\ngoroutine 7\n", ended,
			verdict{failed: true, reason: "raft: Election Safety: a and b"}},
		{"it took too long", "panic: test timed out after 1m30s\n", ended,
			verdict{failed: true, timedOut: true, reason: "test timed out after 1m30s"}},
	} {
		c.want.output = c.output
		if got := readVerdict(c.output, c.err); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// What does not compile is not caught.
func TestAMutationThatDoesNotCompileHasNoVerdict(t *testing.T) {
	t.Parallel()
	m, _ := Find("half-is-a-quorum")
	for i, line := range m.Edits[0].Diff {
		m.Edits[0].Diff[i] = strings.Replace(line, "values[len(values)/2]", "nothing", 1)
	}
	if r := Run(t.Context(), m, nil); r.Err == nil || r.CaughtBy != "" {
		t.Errorf("got %+v", r)
	}
}
