package rpc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"google.golang.org/grpc"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/node"
)

// backupChunk is how much of a backup is in memory at a time.
const backupChunk = 256 << 10

// Backup streams the file of a snapshot that holds every write which was
// answered before the call. Any server will do.
func (s *clusterService) Backup(_ *kvorumv1.BackupRequest, stream grpc.ServerStreamingServer[kvorumv1.BackupChunk]) error {
	agreeing, cancel := boundedContext(stream.Context())
	defer cancel()
	if err := s.barrier(agreeing); err != nil {
		return err
	}
	if err := stream.Send(&kvorumv1.BackupChunk{Header: s.header()}); err != nil {
		return err
	}
	meta, _, err := s.node.TakeSnapshot(stream.Context())
	if err != nil {
		return err
	}
	file, size, err := s.peers.cfg.Snapshots.open(meta)
	if errors.Is(err, fs.ErrNotExist) { // newer ones have taken its place
		err = fmt.Errorf("%w: %v", node.ErrSnapshotRunning, err)
	}
	if err != nil {
		return err
	}
	return errors.Join(sendBackup(stream, file, size), file.Close())
}

func sendBackup(stream grpc.ServerStreamingServer[kvorumv1.BackupChunk], file io.ReaderAt, size int64) error {
	buffer := make([]byte, min(backupChunk, size))
	for offset := int64(0); offset < size; {
		n, err := file.ReadAt(buffer[:min(backupChunk, size-offset)], offset)
		if n == 0 {
			return fmt.Errorf("read the snapshot at %d: %w", offset, err)
		}
		chunk := &kvorumv1.BackupChunk{
			Data: buffer[:n], Offset: uint64(offset), Last: offset+int64(n) == size, Size: uint64(size),
		}
		if err := stream.Send(chunk); err != nil {
			return err
		}
		offset += int64(n)
	}
	return nil
}
