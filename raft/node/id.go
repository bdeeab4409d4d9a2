package node

import (
	"strings"

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
