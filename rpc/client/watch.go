package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// Watch yields the changes that the request selects, in the order of the log, each
// once: of one key, of the keys that begin with a prefix or of all keys; of
// from_revision and later ones, or from now on if that is 0. To miss nothing since a
// [Client.List], begin after the revision in its headers.
//
// In between it yields messages of KIND_PROGRESS, which say that everything up to and
// including their revision has been yielded: so whoever comes back later asks
// for the one after it. The first message comes at once, whatever its kind.
//
// The changes come from any server, as that server applies them, and from another when
// it ends, is cut off from the leader, or cannot be reached: as long as it takes, in
// the same order, and none twice. They may come late, and other clients may have seen
// them before. If no server holds the next change any more, since this client was
// away for too long or reads too slowly, the iteration ends with an error of
// reason COMPACTED: see [IsCompacted]. Any other error ends it too.
//
// A caller that does not take what is yielded keeps the server from sending. A client
// can watch, and have other calls under way, about 4,000 times at each server.
func (c *Client) Watch(ctx context.Context, req *kvorumv1.WatchRequest, opts ...CallOption) iter.Seq2[*kvorumv1.WatchResponse, error] {
	return func(yield func(*kvorumv1.WatchResponse, error) bool) {
		w := &watch{client: c, opts: opts, req: proto.CloneOf(req)}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // a caller that stops early ends the stream
		for {
			stream, first, err := w.open(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			more, err := w.relay(stream, first, yield)
			if !more {
				return
			}
			if !w.mayResume(ctx, err) {
				yield(nil, err)
				return
			}
			c.members.refreshSoon()
			pause(ctx, backoffAfter(0), nil)
		}
	}
}

// IsCompacted tells whether err ended a [Client.Watch] whose next change no server
// holds any more. What has happened since is lost to the watcher: it can only list
// what there is now, and watch from there.
func IsCompacted(err error) bool { return Reason(err) == "COMPACTED" }

// watch is how far a Watch is.
type watch struct {
	client *Client
	opts   []CallOption
	req    *kvorumv1.WatchRequest // from the lowest revision of which there may be changes to yield
	got    int                    // changes of that revision that were yielded: it may have several
	skip   int                    // those of them that the present stream repeats
	begun  bool                   // a message was yielded
}

// open begins where the watch is. A server has the changes since it started, or since
// it was given a snapshot: if the first that is asked has too few, another may do.
func (w *watch) open(ctx context.Context) (stream grpc.ServerStreamingClient[kvorumv1.WatchResponse], first *kvorumv1.WatchResponse, err error) {
	w.skip = w.got
	stream, first, err = openStream(ctx, w.client, w.opts, w.req, w.client.kv.Watch)
	if !IsCompacted(err) || readCall(w.opts).server != "" {
		return stream, first, err
	}
	members, failed := w.client.GetServers(ctx)
	if failed != nil {
		return nil, nil, err
	}
	for _, s := range members.GetServers() {
		opts := append(slices.Clone(w.opts), AtServer(s.GetId()))
		stream, first, failed = openStream(ctx, w.client, opts, w.req, w.client.kv.Watch)
		if failed == nil {
			return stream, first, nil
		}
	}
	return nil, nil, err
}

// relay yields what one stream brings until it breaks, and returns why; or until the
// caller wants no more.
func (w *watch) relay(
	stream grpc.ServerStreamingClient[kvorumv1.WatchResponse], m *kvorumv1.WatchResponse,
	yield func(*kvorumv1.WatchResponse, error) bool,
) (more bool, err error) {
	for ; err == nil; m, err = stream.Recv() {
		if w.isNew(m) && !yield(m, nil) {
			return false, nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = status.Error(codes.Unavailable, "the server has ended the watch")
	}
	return true, err
}

// isNew reports whether m is to be yielded, and notes that it was.
func (w *watch) isNew(m *kvorumv1.WatchResponse) bool {
	first := !w.begun
	w.begun = true
	at, from := m.GetRevision(), w.req.GetFromRevision()
	switch {
	case m.GetKind() == kvorumv1.WatchResponse_KIND_PROGRESS:
		if at >= from {
			w.req.FromRevision, w.got, w.skip = at+1, 0, 0
		}
		return first || at >= from
	case at == from && w.skip > 0:
		w.skip--
		return false
	case at > from:
		w.req.FromRevision, w.got, w.skip = at, 0, 0
	}
	w.got++
	return true
}

// mayResume reports whether another attempt could go on where the stream broke.
func (w *watch) mayResume(ctx context.Context, err error) bool {
	k := readCall(w.opts)
	return k.mayRepeat(ctx, err) || k.server == "" && IsCompacted(err)
}
