package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

func (k *kvctl) json() bool { return k.output.value == "json" }

func (k *kvctl) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(k.stdout, format, args...)
	return err
}

// printJSON prints v on one line.
func (k *kvctl) printJSON(v any) error { return json.NewEncoder(k.stdout).Encode(v) }

// printTable prints rows below a heading, their cells separated by tabs.
func (k *kvctl) printTable(heading string, rows []string) error {
	w := tabwriter.NewWriter(k.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, heading)
	for _, r := range rows {
		fmt.Fprintln(w, r)
	}
	return w.Flush()
}

// printable is s, quoted if a terminal or a reader of lines would be misled by it.
func printable(s string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, hidden) {
		return s
	}
	return strconv.Quote(s)
}

// What --output json prints. Names are as in the wire contract; a value is a
// string if it is UTF-8, and else base64 under another name.

type content struct {
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
}

func contentOf(value []byte) content {
	if !utf8.Valid(value) {
		return content{ValueBase64: value}
	}
	s := string(value)
	return content{Value: &s}
}

type entry struct {
	Key string `json:"key"`
	content
	Revision uint64 `json:"revision"`
}

func entryOf(got *kvorumv1.GetResponse) entry {
	return entry{Key: got.GetKey(), content: contentOf(got.GetValue()), Revision: got.GetRevision()}
}

type written struct {
	Revision uint64 `json:"revision"`
	Existed  *bool  `json:"existed,omitempty"`
}

type swap struct {
	Swapped bool `json:"swapped"`
	Existed bool `json:"existed"`
	content
	Revision uint64 `json:"revision"`
}

// swapOf leaves the value out where the cluster does not send it.
func swapOf(got *kvorumv1.CompareAndSetResponse) swap {
	s := swap{Swapped: got.GetSwapped(), Existed: got.GetExisted(), Revision: got.GetRevision()}
	if !s.Swapped && s.Existed {
		s.content = contentOf(got.GetValue())
	}
	return s
}
