package node

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"kvorum/raft"
)

// NewID returns the ServerID of a server: the name that people call it by and
// the incarnation that was made with its data folder. A server that comes back
// without its data is thereby another server, and cannot vote twice.
func NewID(name, incarnation string) raft.ServerID {
	return raft.ServerID(name + "@" + incarnation)
}

// Name returns the part of id that people call the server by.
func Name(id raft.ServerID) string {
	if at := strings.LastIndexByte(string(id), '@'); at >= 0 {
		return string(id[:at])
	}
	return string(id)
}

// ValidateName returns an error unless people may call a server by name: 1 to 128
// bytes of printable UTF-8 without spaces, which would break lines and tables, and
// without '@', which ends the name in an id.
func ValidateName(name string) error {
	odd := func(r rune) bool { return r == '@' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if name == "" || len(name) > 128 || !utf8.ValidString(name) || strings.ContainsFunc(name, odd) {
		return errors.New("a server's name must be 1 to 128 bytes of printable characters, without spaces and '@'")
	}
	return nil
}
