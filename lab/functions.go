package lab

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Functions is functions.json: the source of the functions of package raft that say
// why they do what they do, with the sentences that they say. A test keeps it as
// the code is, and writes it anew with `go generate ./lab`.
//
//go:embed functions.json
var Functions []byte

//go:generate go test -run TestFunctionsAreAsTheCodeIs -update .

// Function is one of them.
type Function struct {
	File      string   `json:"file"` // raft/election.go
	Line      int      `json:"line"`
	Text      string   `json:"text"`      // its source, with the comment before it
	Sections  []string `json:"sections"`  // that its comments cite: §5.2, thesis §9.6
	Sentences []string `json:"sentences"` // as formats
}

var functions = sync.OnceValue(func() (all map[string]Function) {
	if err := json.Unmarshal(Functions, &all); err != nil {
		panic("lab: functions.json: " + err.Error()) // a test reads the file first
	}
	return all
})

// format is that of a sentence, as what stands between its verbs.
type format struct {
	function string
	pieces   []string
	length   int // of the pieces
}

// formats are those of all functions, the one with most of the words first.
var formats = sync.OnceValue(func() (all []format) {
	for name, f := range functions() {
		for _, text := range f.Sentences {
			pieces := literals(text)
			all = append(all, format{name, pieces, len(strings.Join(pieces, ""))})
		}
	}
	slices.SortFunc(all, func(a, b format) int {
		return cmp.Or(cmp.Compare(b.length, a.length), cmp.Compare(a.function, b.function))
	})
	return all
})

// speaker returns the name of the function that says the sentence; empty: none does.
// It is the one with most of the words.
func speaker(sentence string) string {
	for _, f := range formats() {
		if f.length > 0 && fits(sentence, f.pieces) {
			return f.function
		}
	}
	return ""
}

// literals returns what stands between the verbs of a format.
func literals(format string) (pieces []string) {
	for {
		before, rest, more := strings.Cut(format, "%")
		pieces = append(pieces, before)
		if !more {
			return pieces
		}
		format = rest[1:]
	}
}

// fits reports whether the text is the pieces in turn, with something in between.
func fits(text string, pieces []string) bool {
	text, is := strings.CutPrefix(text, pieces[0])
	if !is || len(pieces) == 1 {
		return is && text == ""
	}
	last := pieces[len(pieces)-1]
	for _, piece := range pieces[1 : len(pieces)-1] {
		if _, text, is = strings.Cut(text, piece); !is {
			return false
		}
	}
	return strings.HasSuffix(text, last)
}
