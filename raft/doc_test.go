package raft

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source is what the Go files of a folder declare, and say about it.
type source struct {
	files      map[string]string   // F, T, T.method, T.field -> the file that declares it
	comments   map[string]string   // in a declaration, on one line
	departures map[string][]string // a paragraph after "Departure:" -> the declarations it stands in
}

func readSource(t *testing.T, dir string) source {
	t.Helper()
	s := source{map[string]string{}, map[string]string{}, map[string][]string{}}
	names, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			s.declare(name, f, d)
		}
	}
	return s
}

func (s source) declare(file string, f *ast.File, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d) + "." + name
		}
		s.files[name] = file
		s.addComments(f, name, d, d.Doc)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.files[spec.Name.Name] = file
				s.addComments(f, spec.Name.Name, d, d.Doc)
				s.addFields(file, spec)
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					s.files[id.Name] = file
					s.addComments(f, id.Name, d, d.Doc)
				}
			}
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return "" // a generic type's
}

func (s source) addFields(file string, spec *ast.TypeSpec) {
	var fields *ast.FieldList
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		fields = typ.Fields
	case *ast.InterfaceType:
		fields = typ.Methods
	default:
		return
	}
	for _, field := range fields.List {
		for _, id := range field.Names {
			s.files[spec.Name.Name+"."+id.Name] = file
		}
	}
}

func (s source) addComments(f *ast.File, name string, d ast.Node, doc *ast.CommentGroup) {
	for _, c := range f.Comments {
		if c != doc && (c.Pos() < d.Pos() || c.End() > d.End()) {
			continue
		}
		s.comments[name] += " " + oneLine(c.Text())
		for paragraph := range strings.SplitSeq(c.Text(), "\n\n") {
			if text, ok := strings.CutPrefix(oneLine(paragraph), "Departure: "); ok {
				s.departures[text] = append(s.departures[text], name)
			}
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// firstSentence ends where a capital letter begins the next one.
func firstSentence(text string) string {
	if end := regexp.MustCompile(`\. [A-Z]`).FindStringIndex(text); end != nil {
		return text[:end[0]+1]
	}
	return text
}

// TestTheMapNamesWhatExists: doc.go says where each part of Figure 2, of Figure 13
// and of the dissertation is. A name of another package has that before it.
func TestTheMapNamesWhatExists(t *testing.T) {
	t.Parallel()
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]source{
		"": readSource(t, "."), "wal.": readSource(t, "wal"), "kv.": readSource(t, "../kv"), "discovery.": readSource(t, "../discovery"),
	}
	lines := regexp.MustCompile(`(?m)^\t(.+?)  +(.+)$`).FindAllStringSubmatch(f.Doc.Text(), -1)
	for _, line := range lines {
		for name := range strings.SplitSeq(line[2], ", ") {
			exists := false
			for prefix, s := range packages {
				if bare, ok := strings.CutPrefix(name, prefix); ok {
					exists = exists || s.files[bare] != ""
				}
			}
			if !exists {
				t.Errorf("%s: there is no %s", line[1], name)
			}
		}
	}
	if len(lines) < 30 {
		t.Errorf("the map has %d lines", len(lines))
	}
}

// TestEveryRuleIsCitedAndTested: each rule stands, in the paper's words and with its
// section, where it is enforced; and the test or script that shows it cites that
// section, too.
func TestEveryRuleIsCitedAndTested(t *testing.T) {
	t.Parallel()
	core, kv := readSource(t, "."), readSource(t, "../kv")
	for _, r := range rules {
		at := core.comments[r.at] + kv.comments[r.at]
		if !strings.Contains(strings.ToLower(at), strings.ToLower(r.words)) || !strings.Contains(at, r.section) {
			t.Errorf("%s does not say that it enforces %q (%s)", r.at, r.words, r.section)
		}
		shown := core.comments[r.shownBy] + kv.comments[r.shownBy]
		if strings.HasSuffix(r.shownBy, ".txt") {
			script, err := os.ReadFile(filepath.Join("testdata", r.shownBy))
			if err != nil {
				t.Error(err)
			}
			shown = string(script)
		}
		if !strings.Contains(shown, r.section) {
			t.Errorf("%s does not say that it shows %q (%s)", r.shownBy, r.words, r.section)
		}
	}
}

// TestDeparturesAreListed: whoever reads TOUR.md knows where we differ from the
// paper; each departure there is the first sentence of one in the code, and the
// other way round.
func TestDeparturesAreListed(t *testing.T) {
	t.Parallel()
	tour, err := os.ReadFile("../TOUR.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(tour), "\n## Departures\n")
	var listed []string
	for _, item := range strings.Split(section, "\n- ")[1:] {
		item, _, _ = strings.Cut(item, "\n\n")
		listed = append(listed, oneLine(item))
	}
	var found []string
	for text, places := range readSource(t, ".").departures {
		for _, place := range places {
			found = append(found, "`"+place+"`: "+firstSentence(text))
		}
	}
	for _, d := range found {
		if !slices.Contains(listed, d) {
			t.Errorf("TOUR.md does not list\n- %s", d)
		}
	}
	for _, d := range listed {
		if !slices.Contains(found, d) {
			t.Errorf("TOUR.md lists what the code does not say: %s", d)
		}
	}
	if len(found) < 10 {
		t.Errorf("only %d departures", len(found))
	}
}
