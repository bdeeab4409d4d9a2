package site

import (
	"path"
	"slices"
	"strings"

	"kvorum/raft/mutants"
)

// Mutation is a rule that the lab can break.
type Mutation struct {
	Number    int    `json:"number"`
	Name      string `json:"name"`
	Rule      string `json:"rule"`
	Violates  string `json:"violates"`
	Precedent string `json:"precedent"`
	Diff      string `json:"diff"`
	WASM      string `json:"wasm"`     // where its engine is
	Ready     bool   `json:"ready"`    // or else the server builds it when it is asked for
	Link      string `json:"link"`     // a run in which something falls; empty: none is known
	Scenario  string `json:"scenario"` // the script that notices; empty: none does
}

// Shown returns the names of those that a static site has: some that are worth a look.
func Shown() []string {
	return []string{
		"vote-without-log-check", "vote-before-durable", "commit-an-old-term-by-counting",
		"half-is-a-quorum", "one-majority-of-the-union", "read-without-a-round", "change-before-the-first-commit-of-the-term",
	}
}

func wasmOf(name string) string { return path.Join("mutants", name+".wasm.zst") }

// mutations lists the rules that can be broken in what the engine is made of. Those
// that are not ready are listed if they can be built.
func mutations(ready func(name string) bool, canBuild bool) []Mutation {
	all := []Mutation{}
	for _, m := range mutants.All() {
		is := ready(m.Name)
		if !playable(m) || !is && !canBuild {
			continue
		}
		all = append(all, Mutation{
			Number: m.Number, Name: m.Name, Rule: m.Rule, Violates: m.Violates, Precedent: m.Precedent, Diff: m.Diff(),
			WASM: wasmOf(m.Name), Ready: is, Link: falls[m.Name], Scenario: scenarioOf(m),
		})
	}
	return all
}

// playable reports whether the engine is made of a package that m changes.
func playable(m mutants.Mutation) bool {
	return slices.ContainsFunc(m.Edits, func(e mutants.Edit) bool {
		return slices.Contains([]string{"raft", "raft/wal", "raft/sim", "kv"}, path.Dir(e.File))
	})
}

// scenarioOf returns the script by which a mutation is caught.
func scenarioOf(m mutants.Mutation) string {
	for _, flag := range m.CaughtBy.Flags {
		if name, is := strings.CutPrefix(flag, "TestScripts/"); is {
			return strings.TrimSuffix(name, ".txt")
		}
	}
	return ""
}
