package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
)

// chunkBytes is how much of a snapshot goes into one message: what is held in
// memory on each side, however large the snapshot is.
const chunkBytes = 256 << 10

// Snapshots is the storage's side of a transfer. The bytes are those of the
// snapshot file, whatever they mean.
type Snapshots struct {
	open    func(raft.SnapshotMeta) (SnapshotFile, int64, error)
	receive func(raft.SnapshotMeta, int64) (IncomingSnapshot, error)
}

// SnapshotFile is a snapshot that is being sent.
type SnapshotFile interface {
	io.ReaderAt
	io.Closer
}

// IncomingSnapshot is a snapshot that is being received. It is just dropped if
// the transfer breaks off.
type IncomingSnapshot interface {
	Offset() int64                     // how many bytes are there
	Write(p []byte) (n int, err error) // at Offset
	Commit() error                     // the file is whole: verify it and make it durable
}

// NewSnapshots returns the storage's side of a transfer, made of two functions of
// the storage: open opens the file of a snapshot and tells its size in bytes;
// receive begins to receive one, or goes on with it if its transfer broke off.
func NewSnapshots[F SnapshotFile, I IncomingSnapshot](
	open func(raft.SnapshotMeta) (F, int64, error), receive func(meta raft.SnapshotMeta, size int64) (I, error)) Snapshots {
	return Snapshots{
		open:    func(meta raft.SnapshotMeta) (SnapshotFile, int64, error) { return open(meta) },
		receive: func(meta raft.SnapshotMeta, size int64) (IncomingSnapshot, error) { return receive(meta, size) },
	}
}

// queueSnapshot starts a transfer, unless one waits already: the end of that one
// lets the leader decide anew.
func (p *peer) queueSnapshot(m raft.Message) {
	select {
	case p.snapshots <- m:
	default:
	}
}

// runSnapshots transfers snapshots until ctx ends, one after another, each over
// a connection of its own: it takes as long as it takes, and delays no heartbeat.
func (p *peer) runSnapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-p.snapshots:
			meta := m.Body.(raft.InstallSnapshot).Snapshot
			if err := p.sendSnapshot(ctx, m, meta); err != nil {
				p.peers.cfg.Log.Warn("snapshot not sent", "peer", p.id, "index", meta.LastIncludedIndex, "err", err)
			} else {
				p.peers.cfg.Log.Info("snapshot sent", "peer", p.id, "index", meta.LastIncludedIndex)
			}
			p.peers.node.SnapshotDone(p.id)
		}
	}
}

func (p *peer) sendSnapshot(ctx context.Context, m raft.Message, meta raft.SnapshotMeta) (err error) {
	file, size, err := p.peers.cfg.Snapshots.open(meta)
	if err != nil {
		return err
	}
	conn, err := p.peers.dialPeer(p.id)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream if it has not ended
	stream, err := peerv1.NewPeerClient(conn).InstallSnapshot(ctx)
	if err == nil {
		offer := &peerv1.SnapshotOffer{Message: toProto(m), Size: uint64(size)}
		err = sendFile(stream, &peerv1.InstallSnapshotRequest{Hello: p.peers.hello(p.id), Offer: offer}, file)
	}
	return errors.Join(err, conn.Close(), file.Close())
}

// sendFile makes the offer and sends what the receiver does not have. It returns
// nil once the receiver has all of it on stable storage.
func sendFile(stream grpc.BidiStreamingClient[peerv1.InstallSnapshotRequest, peerv1.InstallSnapshotResponse],
	first *peerv1.InstallSnapshotRequest, file io.ReaderAt) error {
	err := stream.Send(first)
	if err != nil && !errors.Is(err, io.EOF) { // EOF: Recv says why
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	size := int64(first.GetOffer().GetSize())
	buffer := make([]byte, chunkBytes)
	for offset := int64(answer.GetOffset()); offset < size; {
		n, err := file.ReadAt(buffer[:min(chunkBytes, size-offset)], offset)
		if n == 0 {
			return fmt.Errorf("read the snapshot at %d: %w", offset, err)
		}
		err = stream.Send(&peerv1.InstallSnapshotRequest{Offset: uint64(offset), Data: buffer[:n]})
		if errors.Is(err, io.EOF) {
			_, err = stream.Recv()
		}
		if err != nil {
			return err
		}
		offset += int64(n)
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// InstallSnapshot receives a snapshot file and then lets the core know (Figure
// 13: steps 2 to 5 are here, the rest is the core's).
func (s *peerService) InstallSnapshot(stream peerv1.Peer_InstallSnapshotServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	from, err := s.peers.accept(first.GetHello())
	if err != nil {
		return err
	}
	m, err := s.peers.message(first.GetOffer().GetMessage(), from)
	if err != nil {
		return err
	}
	body, ok := m.Body.(raft.InstallSnapshot)
	if size := first.GetOffer().GetSize(); !ok || size > maxIndex {
		return status.Errorf(codes.InvalidArgument, "%s offers %d bytes of %T", from, size, m.Body)
	}
	if err := s.receiveFile(stream, body.Snapshot, int64(first.GetOffer().GetSize())); err != nil {
		return err
	}
	s.peers.node.Receive(m)
	return nil
}

func (s *peerService) receiveFile(stream peerv1.Peer_InstallSnapshotServer, meta raft.SnapshotMeta, size int64) error {
	file, err := s.peers.cfg.Snapshots.receive(meta, size)
	if err != nil {
		return fmt.Errorf("receive the snapshot: %w", err)
	}
	if err := receiveChunks(stream, file, size); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("store the snapshot: %w", err)
	}
	return nil
}

// receiveChunks writes what arrives until size bytes are there.
func receiveChunks(stream peerv1.Peer_InstallSnapshotServer, file IncomingSnapshot, size int64) error {
	if err := stream.Send(&peerv1.InstallSnapshotResponse{Offset: uint64(file.Offset())}); err != nil {
		return err
	}
	for file.Offset() < size {
		chunk, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("the snapshot breaks off at %d of %d: %w", file.Offset(), size, err)
		}
		at, n := file.Offset(), int64(len(chunk.GetData()))
		if chunk.GetOffset() != uint64(at) || n == 0 || n > size-at {
			return status.Errorf(codes.InvalidArgument, "%d bytes at %d of a snapshot of which %d of %d are here", n, chunk.GetOffset(), at, size)
		}
		if _, err := file.Write(chunk.GetData()); err != nil {
			return fmt.Errorf("write the snapshot: %w", err)
		}
	}
	return nil
}
