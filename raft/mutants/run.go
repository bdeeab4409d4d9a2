package mutants

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// testLimit bounds the run of one test binary. A test that does not end has not
// noticed anything: it may have been slow.
const testLimit = 90 * time.Second

// Result is what became of a mutation.
type Result struct {
	CaughtBy  string        // the package and the test that failed; empty: it survived
	Violation string        // what that test said first
	Duration  time.Duration // from the change to the verdict, with compilation
	TimedOut  bool          // a test did not end in time, which shows nothing
	Output    string        // of the test that failed, or else of all that did not
	Err       error         // no verdict: it does not apply or compile, or ctx ended
}

// Run applies m aside, and runs the cheapest test that should notice. If that
// passes it goes on to all tests of the packages that were changed, and to the
// simulator. Where verbose is not nil it is told what is run, and given what
// that prints.
func Run(ctx context.Context, m Mutation, verbose io.Writer) Result {
	return Try(ctx, m, m.tests(), verbose)
}

// Try is Run with the given tests.
func Try(ctx context.Context, m Mutation, tests []Test, verbose io.Writer) (res Result) {
	begun := time.Now()
	defer func() { res.Duration = time.Since(begun) }()
	dir, err := os.MkdirTemp("", "kvorum-mutant-")
	if err != nil {
		return Result{Err: fmt.Errorf("mutants: %w", err)}
	}
	defer os.RemoveAll(dir)
	overlay, err := m.Overlay(dir)
	if err != nil {
		return Result{Err: err}
	}
	for _, t := range tests {
		v, err := runTest(ctx, t, dir, overlay, verbose)
		if err != nil {
			return Result{Err: fmt.Errorf("mutants: %s: %w", m.Name, err), Output: v.output}
		}
		if v.failed && !v.timedOut {
			return Result{CaughtBy: strings.TrimSpace(t.Package + " " + v.test), Violation: v.reason, Output: v.output}
		}
		res.TimedOut = res.TimedOut || v.timedOut
		res.Output += v.output
	}
	return res
}

// Check runs the tests that the mutations name, without a mutation: one that
// fails anyway, or is not there, would seem to catch everything.
func Check(ctx context.Context, all []Mutation, verbose io.Writer) error {
	dir, err := os.MkdirTemp("", "kvorum-mutant-")
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	defer os.RemoveAll(dir)
	seen := map[string]bool{}
	for _, m := range all {
		t := m.CaughtBy
		if seen[t.String()] {
			continue
		}
		seen[t.String()] = true
		v, err := runTest(ctx, t, dir, "", verbose)
		switch {
		case err != nil:
			return fmt.Errorf("mutants: %w", err)
		case v.failed:
			return fmt.Errorf("mutants: %s fails without any mutation:\n%s", t, v.output)
		case strings.Contains(v.output, "no tests to run"):
			return fmt.Errorf("mutants: %s: there is no such test", t)
		}
	}
	return nil
}

// tests returns the cheapest test, and what to try if that passes.
func (m Mutation) tests() []Test {
	all := []Test{m.CaughtBy}
	for _, e := range m.Edits {
		whole := Test{Package: "./" + path.Dir(e.File)}
		if !slices.ContainsFunc(all, func(t Test) bool { return t.String() == whole.String() }) {
			all = append(all, whole)
		}
	}
	return append(all, Test{"./raft/sim", []string{"-run", "TestSeeds", "-seeds", "300"}})
}

// verdict is how the tests in one package ended.
type verdict struct {
	failed   bool
	timedOut bool
	test     string // the first that failed, if it is known
	reason   string
	output   string
}

// runTest compiles a package's tests into dir with the overlay, and runs them. The
// binary is run directly, and not by go test, so that a failure to compile is
// not taken for a failure of the test, and the child is ours to end.
func runTest(parent context.Context, t Test, dir, overlay string, verbose io.Writer) (verdict, error) {
	if verbose == nil {
		verbose = io.Discard
	}
	root, err := Root()
	if err != nil {
		return verdict{}, err
	}
	fmt.Fprintf(verbose, "$ go test %s\n", t)
	environment := os.Environ()
	if overlay != "" {
		// Not a flag: some tests build programs themselves.
		environment = append(environment, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	binary := filepath.Join(dir, "test.exe")
	build := exec.CommandContext(parent, "go", "test", "-c", "-vet=off", "-o", binary, t.Package)
	build.Dir, build.Env = root, environment
	if out, err := build.CombinedOutput(); err != nil {
		return verdict{output: string(out)}, fmt.Errorf("compile %s: %w\n%s", t.Package, err, out)
	}
	ctx, cancel := context.WithTimeout(parent, testLimit+10*time.Second) // the binary ends itself before
	defer cancel()
	var out bytes.Buffer
	run := exec.CommandContext(ctx, binary, append(binaryFlags(t.Flags), "-test.timeout", testLimit.String())...)
	run.Dir, run.Env = filepath.Join(root, t.Package), environment
	run.Stdout = io.MultiWriter(&out, verbose)
	run.Stderr = run.Stdout
	run.WaitDelay = time.Second
	err = run.Run()
	if parent.Err() != nil {
		return verdict{}, parent.Err()
	}
	v := readVerdict(out.String(), err)
	v.timedOut = v.timedOut || ctx.Err() != nil
	return v, nil
}

// binaryFlags turns go test's own flags into those of a test binary.
func binaryFlags(flags []string) []string {
	out := slices.Clone(flags)
	for i, f := range out {
		if slices.Contains([]string{"-run", "-v", "-short", "-count"}, f) {
			out[i] = "-test." + f[1:]
		}
	}
	return out
}

var (
	failedTest = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	// reason is the first thing that a test said, or the panic that ended it.
	reason = regexp.MustCompile(`(?m)^ +\S+\.go:\d+: (.+(?:\n {8,}.+)*)|^panic: (.+)|^fatal error: (.+)`)
)

func readVerdict(output string, err error) verdict {
	v := verdict{failed: err != nil, output: output, timedOut: strings.Contains(output, "panic: test timed out")}
	for _, found := range failedTest.FindAllStringSubmatch(output, -1) {
		if name := found[1]; v.test == "" || strings.HasPrefix(name, v.test+"/") {
			v.test = name // the innermost of the first
		}
	}
	if found := reason.FindStringSubmatch(output); found != nil {
		first, _, _ := strings.Cut(found[1]+found[2]+found[3], "--- FAIL")
		v.reason = strings.Join(strings.Fields(first), " ")
	}
	return v
}
