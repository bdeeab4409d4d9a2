package sim

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The table in doc.go is where a reader looks for what checks an invariant: each
// function that it names says so itself, and it has every name of a violation.
func TestTheTableOfInvariantsIsTrue(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	comments, violations := readSources(t)
	known := map[string]bool{"panic": true} // the core's own
	for _, line := range regexp.MustCompile(`(?m)^//\t([IVFQL]\d+) .*  ?(\w+(?:, \w+)*)$`).FindAllStringSubmatch(string(doc), -1) {
		id := line[1]
		known[id] = true
		for _, name := range strings.Split(line[2], ", ") {
			if !regexp.MustCompile(`\b` + id + `\b`).MatchString(comments[name]) {
				t.Errorf("%s: doc.go says that it is checked in %s, which says %q", id, name, comments[name])
			}
		}
	}
	if len(known) < 30 {
		t.Errorf("found only %d invariants", len(known))
	}
	for id := range violations {
		if !known[id] {
			t.Errorf("%s can break, and is not in the table of doc.go", id)
		}
	}
}

// readSources returns the comment of each function, and the names of invariants
// that the code gives to violations.
func readSources(t *testing.T) (comments map[string]string, violations map[string]bool) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments, violations = map[string]string{}, map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				comments[fn.Name.Name] = fn.Doc.Text()
			}
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?:fail|await)\("(\w+)"`).FindAllSubmatch(src, -1) {
			violations[string(found[1])] = true
		}
	}
	return comments, violations
}
