package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// Backup reads the whole state at one moment, as the pieces of a snapshot file: it
// holds every write that was answered before the call. It goes to one server, by
// preference not to the leader, and is retried until the first piece has arrived;
// an error after that is yielded and ends the iteration. The first piece says who
// answers, and holds no data.
func (c *Client) Backup(ctx context.Context, opts ...CallOption) iter.Seq2[*kvorumv1.BackupChunk, error] {
	return func(yield func(*kvorumv1.BackupChunk, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // a caller that stops early ends the stream
		stream, chunk, err := openStream(ctx, c, opts, &kvorumv1.BackupRequest{}, c.cluster.Backup)
		got, whole := uint64(0), false
		for ; err == nil; chunk, err = stream.Recv() {
			if chunk.GetOffset() != got {
				yield(nil, fmt.Errorf("client: a piece of the backup at %d follows %d bytes", chunk.GetOffset(), got))
				return
			}
			got, whole = got+uint64(len(chunk.GetData())), chunk.GetLast()
			if !yield(chunk, nil) {
				return
			}
		}
		switch {
		case !errors.Is(err, io.EOF):
			yield(nil, err)
		case !whole:
			yield(nil, fmt.Errorf("client: the backup breaks off after %d bytes: %w", got, io.ErrUnexpectedEOF))
		}
	}
}
