package node

import (
	"strings"
	"testing"
)

func TestNamesThatPeopleCanReadAreValid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"n1", "db-3.example.org", "köln", "東京", strings.Repeat("n", 128)} {
		if err := ValidateName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "a b", "a\u00a0b", "a\u3000b", "a\nb", "a\x00", "a@b", "a\xff", "a\u200bb", "a\u202eb", strings.Repeat("n", 129),
	} {
		if err := ValidateName(name); err == nil {
			t.Errorf("%q is valid", name)
		}
	}
}
