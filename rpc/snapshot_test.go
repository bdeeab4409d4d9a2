package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"kvorum/raft"
)

// memorySnapshot is a snapshot file in memory. It fails once at failAt.
type memorySnapshot struct {
	content   []byte
	failAt    int
	committed bool
}

func (m *memorySnapshot) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(m.content).ReadAt(p, off)
}
func (m *memorySnapshot) Close() error  { return nil }
func (m *memorySnapshot) Offset() int64 { return int64(len(m.content)) }
func (m *memorySnapshot) Commit() error { m.committed = true; return nil }
func (m *memorySnapshot) Write(p []byte) (int, error) {
	if m.failAt > 0 && len(m.content) >= m.failAt {
		m.failAt = 0
		return 0, errors.New("the disk hiccups")
	}
	m.content = append(m.content, p...)
	return len(p), nil
}

func snapshotMessage(from, to raft.ServerID) raft.Message {
	return raft.Message{From: from, To: to, Term: 3, Body: raft.InstallSnapshot{Round: 1, Snapshot: raft.SnapshotMeta{
		LastIncludedIndex: 9, LastIncludedTerm: 2, Config: raft.Configuration{Voters: []raft.ServerID{from}}}}}
}

func (e *endpoint) awaitDone(t *testing.T) {
	t.Helper()
	eventually(t, "the transfer to end", func() bool { return len(e.done) > 0 })
	<-e.done
}

func TestSnapshotTransferGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcdef"), 5*maxChunk/16)
	a, b := newEndpoint(t, "a", testCluster, content), newEndpoint(t, "b", testCluster, nil)
	a.SetAddress(b.id, b.addr)
	b.file.failAt = 2 * maxChunk
	a.Send(snapshotMessage(a.id, b.id))
	a.awaitDone(t)
	broke := len(b.file.content)
	if len(b.messages) != 0 || b.file.committed || broke < 2*maxChunk || broke >= 3*maxChunk {
		t.Fatalf("after the failure: %d bytes, committed %v, %d messages", broke, b.file.committed, len(b.messages))
	}
	a.Send(snapshotMessage(a.id, b.id))
	a.awaitDone(t)
	if got := b.receive(t); fmt.Sprint(got) != fmt.Sprint(snapshotMessage(a.id, b.id)) {
		t.Errorf("got %+v", got)
	}
	if !b.file.committed || !bytes.Equal(b.file.content, content) {
		t.Errorf("received %d bytes, committed %v, want the %d that were sent", len(b.file.content), b.file.committed, len(content))
	}
}

func TestSnapshotToNowhereIsDone(t *testing.T) {
	t.Parallel()
	a := newEndpoint(t, "a", testCluster, []byte("state"))
	a.Send(snapshotMessage(a.id, "nobody@"+testIncarnate))
	a.awaitDone(t)
	a.SetAddress("gone@"+testIncarnate, "127.0.0.1:1")
	a.Send(snapshotMessage(a.id, "gone@"+testIncarnate))
	a.awaitDone(t)
}
