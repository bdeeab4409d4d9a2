package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt means that the storage cannot be trusted: the server must not
	// run on it, because it may have forgotten what it promised to others.
	ErrCorrupt = errors.New("storage cannot be trusted")
	// ErrVersion means that a file has a format that this program does not
	// know. It comes together with ErrCorrupt.
	ErrVersion = errors.New("unknown format version")
	// ErrLocked means that another process uses the folder.
	ErrLocked = errors.New("folder is in use by another process: stop that one, or name another folder")
	// ErrOtherServer means that the folder belongs to a server of another name.
	ErrOtherServer = errors.New("folder belongs to another server")
	// ErrOtherCluster means that the folder belongs to another cluster, and
	// that nothing was changed.
	ErrOtherCluster = errors.New("folder belongs to another cluster")
	// ErrClosed means that the store, or an incoming snapshot, is not open any more.
	ErrClosed = errors.New("closed")
)

const rejoin = "if the others have a quorum, restore this server from them: remove it from the cluster " +
	"(kvctl remove), empty the folder, and start it again to join as a new server; " +
	"if they have none, see kvorum recover and kvctl restore"

// CorruptError says what cannot be trusted, where, and what to do about it. It
// is ErrCorrupt, and ErrVersion where that is the reason.
type CorruptError struct {
	File   string
	Offset int64 // in bytes from the start of File
	Reason string
	Remedy string
	cause  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: offset %d: %s; %s", e.File, e.Offset, e.Reason, e.Remedy)
}

// Unwrap makes errors.Is find ErrCorrupt, and ErrVersion if it is the reason.
func (e *CorruptError) Unwrap() []error {
	if e.cause != nil {
		return []error{ErrCorrupt, e.cause}
	}
	return []error{ErrCorrupt}
}

func corrupt(file string, offset int64, format string, args ...any) *CorruptError {
	return &CorruptError{File: file, Offset: offset, Reason: fmt.Sprintf(format, args...), Remedy: rejoin}
}

func unknownVersion(file string, offset int64, version uint32) *CorruptError {
	return &CorruptError{
		File: file, Offset: offset, cause: ErrVersion,
		Reason: fmt.Sprintf("format version %d, this program knows version %d", version, formatVersion),
		Remedy: "start the version of kvorum that wrote it",
	}
}
