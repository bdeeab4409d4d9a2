package kv

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"kvorum/raft"
)

// MaxKeyBytes is the length of the longest key that ValidateKey accepts.
const MaxKeyBytes = 4096

// ErrInvalidKey is what ValidateKey's errors wrap.
var ErrInvalidKey = errors.New("invalid key")

// ValidateKey reports why key cannot be a key: it must be valid UTF-8 of 1 to
// MaxKeyBytes bytes. It is for whoever proposes a command. Apply takes any key,
// because a committed command must be performed by every server alike.
func ValidateKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case len(key) > MaxKeyBytes:
		return fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrInvalidKey, len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not valid UTF-8", ErrInvalidKey)
	}
	return nil
}

// Command is a change of the state, as the log carries it: one of the types below.
type Command interface{ command() }

// Set writes one key. Its Result holds the Revision of the write.
type Set struct {
	Key   string
	Value []byte
	Once  *Once // nil: a retry may apply it again
}

// Delete removes one key. Its Result says whether the key Existed; Revision is
// the place in the log at which it was found to be gone.
type Delete struct {
	Key  string
	Once *Once // nil: a retry may apply it again
}

// CompareAndSet writes one key if its present state is the Expected one. Its
// Result says whether it Swapped. If so, Revision is that of the write; if not,
// Existed, Value and Revision are the present state.
type CompareAndSet struct {
	Key      string
	Expected Expected // never nil
	Value    []byte
	Once     *Once // nil: a retry may apply it again
}

// OpenSession registers a client for exactly-once writes (thesis §6.3). The
// Revision in its Result is the session's id.
type OpenSession struct{}

// CloseSession forgets a session and its stored replies. Its Result says
// whether the session Existed: closing it again is not an error.
type CloseSession struct {
	Session uint64
}

// PutServer writes a server into the directory. If the server had been removed
// it has no effect, unless it says to Readmit: what discovery proposed before
// somebody removed the server must not undo that.
type PutServer struct {
	ID          raft.ServerID
	Addr        string // host:port of its gRPC service
	StayLearner bool   // never promote it to voter
	Readmit     bool   // even if it was removed
}

// RemoveServer takes a server out of the directory and remembers that it was
// removed, also if it was never there. Its Result says whether it Existed.
type RemoveServer struct {
	ID raft.ServerID
}

// Clock proposes the time, in milliseconds since 1970. The replicated clock is
// the largest proposal so far, so it never falls. Sessions that were idle for
// longer than SessionTTL by it are dropped.
//
// Time stands still from one Clock to the next, so a leader proposes one every
// few seconds for as long as there are sessions. Those of the last SessionTTL
// are kept.
type Clock struct {
	UnixMilli int64
}

func (Set) command()           {}
func (Delete) command()        {}
func (CompareAndSet) command() {}
func (OpenSession) command()   {}
func (CloseSession) command()  {}
func (PutServer) command()     {}
func (RemoveServer) command()  {}
func (Clock) command()         {}

// Once makes a write exactly-once: a (Session, Sequence) is applied at most
// once, and a retry is answered with the reply of the first time.
type Once struct {
	Session  uint64 // the Revision in the Result of OpenSession
	Sequence uint64 // 1, 2, 3, ... within the session
	// FirstUnacked is the lowest Sequence whose reply the client still waits
	// for. Replies below it are forgotten.
	FirstUnacked uint64
}

// Expected is the state of a key that CompareAndSet asks for: one of the types
// below.
type Expected interface{ expected() }

// Absent expects that the key does not exist.
type Absent struct{}

// HasValue expects that the key exists and holds this value.
type HasValue []byte

// AtRevision expects that the key exists and was last written at this revision.
type AtRevision raft.Index

func (Absent) expected()     {}
func (HasValue) expected()   {}
func (AtRevision) expected() {}
