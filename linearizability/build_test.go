//go:build linux

package linearizability

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// mutation is a bug put into the server on purpose: one piece of its source
// text, which must occur once, is replaced by another while it is built. The
// source itself is not touched.
type mutation struct{ file, text, replacement string }

// readWithoutQuorum confirms reads without the round of heartbeats by which a
// leader learns that it still leads (§8, thesis §6.4).
var readWithoutQuorum = mutation{
	file:        "raft/rules.go",
	text:        "confirmed := r.quorumRound()",
	replacement: "confirmed := max(r.quorumRound(), r.leader.round)",
}

// server is the program under test, built once for all tests.
var server = sync.OnceValues(func() (string, error) { return build("kvorum", nil) })

// builds holds what build makes, until TestMain removes it.
var builds string

func TestMain(m *testing.M) {
	var err error
	if builds, err = os.MkdirTemp("", "kvorum-build-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if total.Histories > 0 {
		fmt.Println("linearizability:", total.Figures)
	}
	os.RemoveAll(builds)
	os.Exit(code)
}

// build builds the server, with a mutation if there is one.
func build(name string, m *mutation) (path string, err error) {
	path = filepath.Join(builds, name)
	args := []string{"build", "-o", path, fmt.Sprintf("-race=%t", raceDetector)}
	if m != nil {
		overlay, err := m.overlay(name)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.Command("go", append(args, "kvorum/cmd/kvorum")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// overlay writes the mutated source, and the file that tells go build of it.
func (m *mutation) overlay(name string) (path string, err error) {
	original, err := filepath.Abs(filepath.Join("..", m.file))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.text); n != 1 {
		return "", fmt.Errorf("%s: the text to mutate occurs %d times, want once: %q", m.file, n, m.text)
	}
	mutated, path := filepath.Join(builds, name+".go"), filepath.Join(builds, name+".json")
	text := strings.Replace(string(source), m.text, m.replacement, 1)
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, overlay, 0o600)
}
