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

// source is what the Go files of some folders declare, and say about it.
type source struct {
	prefix     string              // of the names of the folder that is read
	files      map[string]string   // F, T, T.method, T.field -> the file that declares it
	comments   map[string]string   // in a declaration, on one line
	departures map[string][]string // a paragraph after "Departure:" -> the declarations it stands in
	cited      map[citation]bool   // outside tests
}

// citation is of a section of the paper or of the dissertation.
type citation struct {
	section string
	at      string // the function, or empty: somewhere
}

func readSource(t *testing.T, dir string) source {
	t.Helper()
	s := source{"", map[string]string{}, map[string]string{}, map[string][]string{}, map[citation]bool{}}
	s.read(t, dir)
	return s
}

// readPackages reads this package and those that enforce rules for it; a name of
// another package has that before it.
func readPackages(t *testing.T) source {
	t.Helper()
	s := readSource(t, ".")
	for _, dir := range []string{"wal", "node", "../kv", "../discovery"} {
		s.prefix = filepath.Base(dir) + "."
		s.read(t, dir)
	}
	return s
}

func (s source) read(t *testing.T, dir string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			s.declare(name, f, d)
		}
		for _, c := range f.Comments {
			s.cite(name, c.Text(), "")
		}
	}
}

func (s source) declare(file string, f *ast.File, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := s.prefix + d.Name.Name
		if d.Recv != nil {
			name = s.prefix + receiver(d) + "." + d.Name.Name
		}
		s.files[name] = file
		s.addComments(f, name, d, d.Doc)
		s.cite(file, s.comments[name], name)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.files[s.prefix+spec.Name.Name] = file
				s.addComments(f, s.prefix+spec.Name.Name, d, d.Doc)
				s.addFields(file, spec)
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					s.files[s.prefix+id.Name] = file
					s.addComments(f, s.prefix+id.Name, d, d.Doc)
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
			s.files[s.prefix+spec.Name.Name+"."+id.Name] = file
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

// cite notes what text cites, unless that is a test's.
func (s source) cite(file, text, at string) {
	if strings.HasSuffix(file, "_test.go") {
		return
	}
	for _, section := range citations(text) {
		s.cited[citation{section, at}] = true
	}
}

// citations returns what text cites, whole: §5.4.1 is not §5.4.
func citations(text string) []string {
	return regexp.MustCompile(`(thesis )?§[0-9]+(\.[0-9]+)*|Figure [0-9]+`).FindAllString(oneLine(text), -1)
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
// and of the dissertation is.
func TestTheMapNamesWhatExists(t *testing.T) {
	t.Parallel()
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	s := readPackages(t)
	lines := regexp.MustCompile(`(?m)^\t(.+?)  +(.+)$`).FindAllStringSubmatch(f.Doc.Text(), -1)
	for _, line := range lines {
		for name := range strings.SplitSeq(line[2], ", ") {
			if s.files[name] == "" {
				t.Errorf("%s: there is no %s", line[1], name)
			}
		}
	}
	if len(lines) < 30 {
		t.Errorf("the map has %d lines", len(lines))
	}
}

// TestEveryRuleIsCitedAndTested: each rule stands, in the paper's words and with its
// sections, where it is enforced, and the test or script that shows it cites one of
// them; and nothing is cited that is not a rule here.
func TestEveryRuleIsCitedAndTested(t *testing.T) {
	t.Parallel()
	s := readPackages(t)
	rows := map[citation]bool{}
	for _, r := range rules {
		at, sections := s.comments[r.at], citations(r.sections)
		if !strings.Contains(strings.ToLower(at), strings.ToLower(r.words)) {
			t.Errorf("%s does not say that it enforces %q", r.at, r.words)
		}
		shown := citations(s.shown(t, r.shownBy))
		if !slices.ContainsFunc(sections, func(section string) bool { return slices.Contains(shown, section) }) {
			t.Errorf("%s does not say that it shows %q (%s)", r.shownBy, r.words, r.sections)
		}
		for _, section := range sections {
			rows[citation{section, r.at}], rows[citation{section, ""}] = true, true
			if !slices.Contains(citations(at), section) {
				t.Errorf("%s enforces %q and does not cite %s", r.at, r.words, section)
			}
		}
	}
	for c := range s.cited {
		if !rows[c] {
			t.Errorf("%s is cited, but no rule of it is listed; in function %q", c.section, c.at)
		}
	}
}

// shown returns what the test or the script of this name says of itself.
func (s source) shown(t *testing.T, name string) string {
	t.Helper()
	if !strings.HasSuffix(name, ".txt") {
		return s.comments[name]
	}
	script, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Error(err)
	}
	return strings.ReplaceAll(string(script), "\n#", "\n")
}

func TestACitationIsTakenWhole(t *testing.T) {
	t.Parallel()
	got := citations("(§5.4.1; thesis\n§4.3) and Figure 13's. As §8, and thesis §10.2.1")
	if want := []string{"§5.4.1", "thesis §4.3", "Figure 13", "§8", "thesis §10.2.1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
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
	for text, places := range readPackages(t).departures {
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
