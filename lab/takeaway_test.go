package lab

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kvorum/raft/mutants"
)

// runAsTest runs what the lab hands out as a test, in its folder but not written
// there, with the code as it is or with a rule broken.
func runAsTest(t *testing.T, text, mutation string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	root, err := mutants.Root()
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	if mutation != "" {
		m, _ := mutants.Find(mutation)
		file, err := m.Overlay(dir)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(file)
		if err := json.Unmarshal(b, &overlay); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "run.go")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	overlay.Replace[filepath.Join(root, "lab", "run_of_the_lab_test.go")] = file
	b, _ := json.Marshal(overlay)
	if err := os.WriteFile(filepath.Join(dir, "all.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	test := exec.CommandContext(context.Background(), "go", "test", "-overlay", filepath.Join(dir, "all.json"), "-run", "^TestARunOfTheLab$", "./lab")
	test.Dir = root
	out, err := test.CombinedOutput()
	return string(out), err
}

// What was seen with a broken rule is seen by the test of it, and not without.
func TestARunIsTakenAwayAsATest(t *testing.T) {
	t.Parallel()
	p := told(t)
	text := p.GoTest()
	if out, err := runAsTest(t, text, ""); err != nil {
		t.Errorf("the test of a run fails: %s\n%s", out, text)
	}
	// A leader that is cut off, and whose clock is slow, is read from after the others
	// have elected another: found by playing.
	r, at, err := ParseLink("seed=1&servers=3&at=882&do=203:set+x+1;275:clock+n1+0.1;276:split+n1+%7C+n2+n3;440:set+x+2+at+n3;499:get+x+at+n1")
	if err != nil {
		t.Fatal(err)
	}
	q, err := NewPlayer(r)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	seek(t, q, at)
	text = q.GoTest()
	if out, err := runAsTest(t, text, ""); err != nil {
		t.Errorf("the test of a run with a slow clock fails: %s\n%s", out, text)
	}
	if out, err := runAsTest(t, text, "read-without-a-round"); err == nil || !strings.Contains(out, "Q1: stale read at n1") {
		t.Errorf("with a broken rule it says: %v, %s", err, out)
	}
}

func TestAScenarioIsTakenAwayAsItsScript(t *testing.T) {
	t.Parallel()
	p, err := NewPlayer(Run{Scenario: "figure8"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want, _ := os.ReadFile("../raft/testdata/figure8.txt")
	if text, why := p.Script(); text != string(want) || why != "" {
		t.Errorf("got %q, %q", text, why)
	}
}
