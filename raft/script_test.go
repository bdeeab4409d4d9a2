package raft_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kvorum/raft/script"
)

var update = flag.Bool("update", false, "rewrite testdata with what the scripts put out")

// TestScripts plays testdata/*.txt; package script says how they are written.
// `go test -run Scripts -update` rewrites the output; the difference is for you to
// judge.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no scripts")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := script.Play(string(want))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				err = os.WriteFile(name, []byte(got), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !*update && got != string(want) {
				t.Errorf("%s (go test -run Scripts -update, and judge the difference)", firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}
