package node

import (
	"io"

	"kvorum/raft"
)

// Storage is a server's stable storage. Package wal implements it.
type Storage interface {
	// Load returns what earlier runs saved. It is called once, before all else.
	Load() (raft.Saved, error)
	// Save makes the batches durable, in order, with one fsync for all of them.
	// An error ends the server: after a failed fsync nothing is known any more.
	Save(batches []raft.Persist) error
	// WriteSnapshot stores state as the snapshot that meta describes. Once it
	// returns the snapshot is durable, and the newest if none has a later
	// index. It may run beside Save.
	WriteSnapshot(meta raft.SnapshotMeta, state io.WriterTo) (bytes int64, err error)
	// OpenSnapshot opens the state in the snapshot that meta describes. The
	// reader returns an error, instead of io.EOF, if the checksum is wrong.
	OpenSnapshot(meta raft.SnapshotMeta) (io.ReadCloser, error)
}

// Transport carries messages to other servers.
type Transport interface {
	// Send never blocks, and may lose, delay, reorder or repeat messages. An
	// InstallSnapshot is delivered after the snapshot's bytes; once it has been,
	// or will not be, Node.SnapshotDone is called.
	Send(raft.Message)
}

// StateMachine is what the log drives. Its methods are called from one
// goroutine, in log order.
type StateMachine interface {
	// Apply performs the entry's command and returns the answer for the client
	// who proposed it. It must be a function of the state and the entry alone. An
	// error ends the server: the command cannot be understood, and skipping it
	// would let the servers' states diverge.
	Apply(raft.Entry) (result []byte, err error)
	// Snapshot returns, quickly, a handle on the present state. It is written
	// by another goroutine while Apply goes on.
	Snapshot() io.WriterTo
	// Restore replaces the whole state by the one that r holds.
	Restore(r io.Reader) error
}
