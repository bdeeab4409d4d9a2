package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
)

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
// a connection of its own, at a pace that delays no heartbeat.
func (p *peer) runSnapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-p.snapshots:
			meta, begun := m.Body.(raft.InstallSnapshot).Snapshot, time.Now()
			sent, err := p.sendSnapshot(ctx, m, meta)
			log := p.peers.cfg.Log.With("peer", p.id, "index", meta.LastIncludedIndex, "bytes", sent, "took", time.Since(begun))
			if err != nil {
				log.Warn("snapshot not sent", "err", err)
			} else {
				log.Info("snapshot sent")
			}
			p.peers.node.SnapshotDone(p.id)
		}
	}
}

// sendSnapshot returns how many bytes of the file it sent: fewer than it has if
// an earlier transfer broke off, none if the receiver has all of them already.
func (p *peer) sendSnapshot(ctx context.Context, m raft.Message, meta raft.SnapshotMeta) (sent int64, err error) {
	file, size, err := p.peers.cfg.Snapshots.open(meta)
	if err != nil {
		return 0, err
	}
	conn, err := p.peers.dialPeer(p.id)
	if err != nil {
		return 0, errors.Join(err, file.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream if it has not ended
	stream, err := peerv1.NewPeerClient(conn).InstallSnapshot(ctx)
	if err == nil {
		offer := &peerv1.SnapshotOffer{Message: toProto(m), Size: uint64(size)}
		t := transfer{stream: stream, file: file, size: size, pace: newPace(p.peers.cfg.Heartbeat)}
		sent, err = t.run(&peerv1.InstallSnapshotRequest{Hello: p.peers.hello(p.id), Offer: offer})
	}
	return sent, errors.Join(err, conn.Close(), file.Close())
}

// transfer is the sender's side of one stream.
type transfer struct {
	stream grpc.BidiStreamingClient[peerv1.InstallSnapshotRequest, peerv1.InstallSnapshotResponse]
	file   io.ReaderAt
	size   int64
	offset int64 // where the next chunk begins
	pace   *pace
}

// run makes the offer and sends what the receiver does not have, and returns how
// much it sent. The error is nil once the receiver has all of the file on stable
// storage.
func (t *transfer) run(offer *peerv1.InstallSnapshotRequest) (sent int64, err error) {
	err = t.stream.Send(offer)
	if err != nil && !errors.Is(err, io.EOF) { // EOF: Recv says why
		return 0, err
	}
	answer, err := t.stream.Recv()
	if err != nil {
		return 0, err
	}
	start := int64(answer.GetOffset())
	t.offset = start
	for err == nil && t.offset-t.pace.underWay < t.size {
		if err = t.fill(); err == nil {
			err = t.await()
		}
	}
	if err == nil {
		err = t.stream.CloseSend()
	}
	if err == nil {
		err = t.ended()
	}
	return t.offset - start, err
}

// fill sends chunks as long as there is room for them.
func (t *transfer) fill() error {
	for t.offset < t.size {
		chunk := t.pace.next(t.size - t.offset)
		if chunk == nil {
			return nil
		}
		n, err := t.file.ReadAt(chunk, t.offset)
		if n < len(chunk) {
			return fmt.Errorf("read the snapshot at %d: %w", t.offset, err)
		}
		t.pace.sent(n, time.Now())
		err = t.stream.Send(&peerv1.InstallSnapshotRequest{Offset: uint64(t.offset), Data: chunk})
		if errors.Is(err, io.EOF) {
			return cmp.Or(t.ended(), io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		t.offset += int64(n)
	}
	return nil
}

// await waits until the oldest chunk under way is acknowledged.
func (t *transfer) await() error {
	answer, err := t.stream.Recv()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	t.pace.acknowledged(time.Now())
	if want := t.offset - t.pace.underWay; answer.GetOffset() != uint64(want) {
		return fmt.Errorf("the receiver says that it is at %d, not at %d", answer.GetOffset(), want)
	}
	return nil
}

// ended returns how the receiver ended the stream, which it says after its
// acknowledgements; nil: all is well.
func (t *transfer) ended() error {
	for {
		if _, err := t.stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// InstallSnapshot receives a snapshot file, for which the storage follows rules 2 to 5
// of Figure 13, and then lets the core know, which follows the others. So rule 1
// comes last: even a deposed leader's snapshot holds only what is committed.
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

// receiveChunks writes what arrives until size bytes are there. It says at once
// where it begins, and after each chunk how far it is: the sender lives by that.
func receiveChunks(stream peerv1.Peer_InstallSnapshotServer, file IncomingSnapshot, size int64) error {
	for {
		if err := stream.Send(&peerv1.InstallSnapshotResponse{Offset: uint64(file.Offset())}); err != nil {
			return err
		}
		if file.Offset() >= size {
			return nil
		}
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
}
