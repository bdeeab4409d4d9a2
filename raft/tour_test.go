package raft

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guide is what TOUR.md and STYLE.md may speak of.
type guide struct {
	packages  map[string]source // by folder, from the root
	programs  map[string]string // the source text of each folder of cmd
	makefile  string
	mutations string
}

func readGuide(t *testing.T) guide {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	g := guide{map[string]source{}, map[string]string{}, read("../Makefile"), read("mutants/zoo.txt")}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if files, _ := filepath.Glob(filepath.Join(path, "*.go")); d.IsDir() && len(files) > 0 {
			g.packages[strings.TrimPrefix(path, "../")] = readSource(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("../cmd/*/*.go")
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			g.programs[filepath.Base(filepath.Dir(file))] += read(file)
		}
	}
	return g
}

var (
	mutationName = regexp.MustCompile(`^[0-9]+ [a-z-]+$`)
	place        = regexp.MustCompile(`^(.+\.go):([A-Za-z.]+)$`)
	fileName     = regexp.MustCompile(`^[A-Za-z0-9_./-]+\.(go|md|txt)$|^raft/testdata$`)
	identifier   = regexp.MustCompile(`^[A-Za-z]+(\.[A-Za-z]+)?$`)
	command      = regexp.MustCompile(`^(make|go) `)
	goTest       = regexp.MustCompile(`^go test \./(\S+)(?: -run '?([^' ]+)'?)?$`)
	goRun        = regexp.MustCompile(`^go run \./(\S+)(?: (.*))?$`)
	commandLine  = regexp.MustCompile("(?m)(?:^ {4,}|\\$ |`)(?:bin/)?(kvorum|kvctl|kvbench|raftlab) ([^`\n]+)")
)

// knows reports whether what is written in backquotes, if it is a name or a
// command, is one that there is.
func (g guide) knows(word string) bool {
	switch {
	case command.MatchString(word):
		return g.knowsCommand(word)
	case mutationName.MatchString(word):
		return strings.Contains(g.mutations, "\n"+word+"\n")
	case place.MatchString(word):
		m := place.FindStringSubmatch(word)
		return g.packages[filepath.Dir(m[1])].files[m[2]] == filepath.Join("..", m[1])
	case fileName.MatchString(word):
		return exists(filepath.Join("..", word)) || exists(filepath.Join("testdata", word))
	case identifier.MatchString(word):
		return g.declares(word)
	}
	return true
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// declares reports whether some package declares name, or something that ends in
// it, as Raft.currentTerm does in currentTerm.
func (g guide) declares(name string) bool {
	for _, s := range g.packages {
		for full := range s.files {
			if full == name || strings.HasSuffix(full, "."+name) {
				return true
			}
		}
	}
	return false
}

func (g guide) knowsCommand(word string) bool {
	if target, ok := strings.CutPrefix(word, "make "); ok {
		return strings.Contains(g.makefile, "\n"+target+":")
	}
	if m := goRun.FindStringSubmatch(word); m != nil {
		_, ok := g.packages[m[1]]
		name, ours := strings.CutPrefix(m[1], "cmd/")
		return ok && (!ours || g.knowsLine(name, m[2]))
	}
	m := goTest.FindStringSubmatch(word)
	if m == nil {
		return false
	}
	s, ok := g.packages[m[1]]
	for test := range strings.SplitSeq(m[2], "|") {
		name, script, _ := strings.Cut(test, "/")
		if scripts, _ := filepath.Glob("testdata/*" + script + "*"); name != "" && s.files[name] == "" || len(scripts) == 0 {
			return false
		}
	}
	return ok
}

// knowsLine reports whether a program of cmd has the commands and flags of a line.
// A command takes arguments if its Use says so; after a flag may come its value.
func (g guide) knowsLine(program, line string) bool {
	command, afterFlag := program, false
	for word := range strings.FieldsSeq(line) {
		flag, isFlag := strings.CutPrefix(word, "--")
		use := regexp.MustCompile(`Use: +"` + regexp.QuoteMeta(word) + `[ "]`)
		takesArguments := regexp.MustCompile(`Use: +"` + command + ` `).MatchString(g.programs[program])
		switch {
		case isFlag && flag != "help" && !strings.Contains(g.programs[program], `"`+flag+`"`):
			return false
		case isFlag || afterFlag || takesArguments:
		case use.MatchString(g.programs[program]):
			command = word
		default:
			return false
		}
		afterFlag = isFlag
	}
	return true
}

// TestTheReadmeNamesCommandsThatExist: every command line in README.md is one of our
// programs', with commands and flags that it has.
func TestTheReadmeNamesCommandsThatExist(t *testing.T) {
	t.Parallel()
	g := readGuide(t)
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := commandLine.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\\\n", " "), -1)
	for _, line := range lines {
		if !g.knowsLine(line[1], line[2]) {
			t.Errorf("README.md: there is no `%s %s`", line[1], line[2])
		}
	}
	if len(lines) < 20 {
		t.Errorf("README.md has only %d command lines", len(lines))
	}
}

// TestTheTextsNameWhatExists: every file, declaration, mutation and command in
// TOUR.md and STYLE.md exists.
func TestTheTextsNameWhatExists(t *testing.T) {
	t.Parallel()
	g := readGuide(t)
	// Patterns, the language's own words, other packages', and what clients see.
	known := []string{"sendX", "handleX", "becomeX", "if", "errors.Is", "linearizable", "stale"}
	for _, file := range []string{"../TOUR.md", "../STYLE.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		words := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(text), -1)
		for _, w := range words {
			word := oneLine(w[1])
			if !slices.Contains(known, word) && !g.knows(word) {
				t.Errorf("%s: there is no `%s`", file, word)
			}
		}
		if len(words) < 10 {
			t.Errorf("%s names only %d things", file, len(words))
		}
	}
	for _, wrong := range []string{"make nothing", "17 no-such-rule", "raft/rules.go:Raft.Step", "raft/nothing.go", "noSuchName",
		"go test ./raft -run TestNothing", "go test ./raft -run TestScripts/nothing", "go run ./nothing",
		"go run ./cmd/raftlab nothing", "go run ./cmd/raftlab wal nothing", "go run ./cmd/raftlab replay 3 --nothing"} {
		if g.knows(wrong) {
			t.Errorf("`%s` would not be noticed", wrong)
		}
	}
}
