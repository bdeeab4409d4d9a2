package lab

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write functions.json as the code is")

func TestFunctionsAreAsTheCodeIs(t *testing.T) {
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(readFunctions(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("functions.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want.Bytes(), Functions) {
		t.Error("functions.json is not as the code is: go generate ./lab")
	}
}

// readFunctions returns the functions of package raft that say a sentence.
func readFunctions(t *testing.T) map[string]Function {
	t.Helper()
	names, _ := filepath.Glob("../raft/*.go")
	all := map[string]Function{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is {
				continue
			}
			if said := sentences(fn); len(said) > 0 {
				all[fullName(fn)] = describe(fset, fn, src, said)
			}
		}
	}
	return all
}

func describe(fset *token.FileSet, fn *ast.FuncDecl, src []byte, said []string) Function {
	from := fn.Pos()
	if fn.Doc != nil {
		from = fn.Doc.Pos()
	}
	text := string(src[fset.Position(from).Offset:fset.Position(fn.End()).Offset])
	sections := []string{}
	plain := strings.Join(strings.Fields(strings.ReplaceAll(text, "//", "")), " ")
	for _, s := range regexp.MustCompile(`(thesis )?§[0-9]+(\.[0-9]+)*|Figure [0-9]+`).FindAllString(plain, -1) {
		if !slices.Contains(sections, s) {
			sections = append(sections, s)
		}
	}
	return Function{
		File: "raft/" + filepath.Base(fset.Position(fn.Pos()).Filename), Line: fset.Position(fn.Pos()).Line,
		Text: text, Sections: sections, Sentences: said,
	}
}

// sentences returns the formats that a function hands to tracef.
func sentences(fn *ast.FuncDecl) (all []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		if f, is := call.Fun.(*ast.SelectorExpr); is && f.Sel.Name == "tracef" {
			if format, is := call.Args[0].(*ast.BasicLit); is {
				text, _ := strconv.Unquote(format.Value)
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

func fullName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	if star, is := typ.(*ast.StarExpr); is {
		typ = star.X
	}
	return typ.(*ast.Ident).Name + "." + fn.Name.Name
}

func TestTheSpeakerOfASentenceIsFound(t *testing.T) {
	t.Parallel()
	for sentence, want := range map[string]string{
		"standing for term 3":                    "Raft.startElection",
		"no vote for n2: its log is behind ours": "Raft.handleRequestVote",
		"snapshot up to 4 is nothing new":        "Raft.handleInstallSnapshot",
		"snapshot up to 4":                       "Raft.Compact",
		"entry 3.2 is not in our log":            "Raft.handleAppendEntries",
		"crashes":                                "",
		"":                                       "",
	} {
		if got := speaker(sentence); got != want {
			t.Errorf("%q is said by %q, want %q", sentence, got, want)
		}
	}
}
