package transcript

import (
	"fmt"
	"strings"
	"unicode"

	"kvorum/kv"
)

// longestWord is how many characters a word has at most, where no limit counts bytes.
const longestWord = 24

// word writes a command as a word of a script. Where a limit counts bytes it is as
// long as the command.
func (t *teller) word(command []byte) string {
	text := strings.Map(printable, wordOf(command))
	if t.countsBytes {
		return (text + strings.Repeat(".", len(command)))[:len(command)]
	}
	if text = strings.TrimRight(text, "."); len(text) > longestWord {
		return text[:longestWord-1] + "…"
	}
	return text
}

// wordOf says what a command does, as short as can be.
func wordOf(command []byte) string {
	c, err := kv.Decode(command)
	if err != nil {
		return "command"
	}
	switch c := c.(type) {
	case kv.Set:
		return c.Key + "=" + string(c.Value)
	case kv.Delete:
		return c.Key + "=nothing"
	case kv.CompareAndSet:
		return c.Key + "=" + string(c.Value) + "?"
	}
	kind := strings.TrimPrefix(fmt.Sprintf("%T", c), "kv.")
	return strings.ToLower(strings.TrimPrefix(kind, "Open"))
}

// printable returns a character of which words may consist in the place of any.
func printable(r rune) rune {
	if r > unicode.MaxASCII || unicode.IsSpace(r) || !unicode.IsPrint(r) {
		return '?'
	}
	return r
}
