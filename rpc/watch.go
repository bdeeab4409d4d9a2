package rpc

import (
	"fmt"
	"time"

	"google.golang.org/grpc"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
)

// progressInterval is how often a watch that has nothing to tell says how far it is,
// if that has changed. At ten thousand sets a second a server holds the changes of
// more than twice as long, so that a client that is cut off can go on elsewhere.
const progressInterval = 2 * time.Second

var watchKinds = map[kv.ChangeKind]kvorumv1.WatchResponse_Kind{
	kv.KeySet:     kvorumv1.WatchResponse_KIND_SET,
	kv.KeyDeleted: kvorumv1.WatchResponse_KIND_DELETE,
}

// Watch streams the changes of one key, of the keys that begin with a prefix or of
// all keys, in the order of the log, each once: those of from_revision and later
// ones, as this server applies them, which may be later than others do. A
// from_revision of 0 means from now: all that was answered before the call is left
// out, all that is begun after the first message is in.
//
// A message of KIND_PROGRESS says that every selected change of its revision and
// before has been sent. One comes as soon as there is nothing else to send, and later
// when there has been nothing to send for a while.
//
// The guarantee is sequential, not linearizable: all watches agree on one order, that
// of the log, but what a client was answered may reach a watch later, and one watch
// before another.
//
// A watch begins only if there is a leader, and ends with NO_LEADER when this server
// has been without for two to four seconds: another may know more. It ends with
// COMPACTED if the next change is not held any more, because the client is too slow,
// or because this server was given a snapshot.
func (s *kvService) Watch(req *kvorumv1.WatchRequest, stream grpc.ServerStreamingServer[kvorumv1.WatchResponse]) error {
	filter, err := watchFilter(req)
	if err != nil {
		return err
	}
	agreeing, cancel := boundedContext(stream.Context())
	defer cancel()
	if err := s.barrier(agreeing); err != nil {
		return err
	}
	w, err := s.store.Watch(filter, raft.Index(req.GetFromRevision()))
	if err != nil {
		return err
	}
	defer w.Close()
	return (&watching{Server: s.Server, Watcher: w, stream: stream, told: w.Seen() - 1}).run()
}

func watchFilter(req *kvorumv1.WatchRequest) (kv.Filter, error) {
	f := kv.Filter{Key: req.GetKey(), Prefix: req.GetPrefix()}
	switch {
	case f.Key != "" && f.Prefix != "":
		return f, fmt.Errorf("%w: watch a key or a prefix, not both", errInvalidRequest)
	case f.Key != "":
		return f, kv.ValidateKey(f.Key)
	case f.Prefix != "":
		return f, kv.ValidateKey(f.Prefix) // no key begins with what cannot be one
	}
	return f, nil
}

// watching is a watch that has begun.
type watching struct {
	*Server
	*kv.Watcher
	stream     grpc.ServerStreamingServer[kvorumv1.WatchResponse]
	told       raft.Index // in the last message of KIND_PROGRESS
	leaderless int        // ticks in a row without a leader
}

// run sends what there is to see, until the client goes away or the watch cannot go
// on. While the client does not take what was sent, nothing more is looked at.
func (w *watching) run() error {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for due := true; ; {
		changes, err := w.Next()
		if err != nil {
			return err
		}
		if err := w.sendChanges(changes); err != nil {
			return err
		}
		if due && len(changes) == 0 {
			if err := w.sendProgress(); err != nil {
				return err
			}
			due = false
		}
		select {
		case <-w.News():
		case <-tick.C:
			if due = true; w.lacksLeader() {
				return raft.ErrNoLeader
			}
		case <-w.stopping:
			return errStopping
		case <-w.stream.Context().Done():
			return w.stream.Context().Err()
		}
	}
}

func (w *watching) sendChanges(changes []kv.Change) error {
	if len(changes) == 0 {
		return nil
	}
	header := w.header()
	for _, c := range changes {
		if err := w.stream.Send(&kvorumv1.WatchResponse{
			Kind: watchKinds[c.Kind], Key: c.Key, Value: c.Value, Revision: uint64(c.Revision), Header: header,
		}); err != nil {
			return err
		}
	}
	return nil
}

// sendProgress says how far the watch is, if that is news.
func (w *watching) sendProgress() error {
	if w.Seen() == w.told {
		return nil
	}
	w.told = w.Seen()
	return w.stream.Send(&kvorumv1.WatchResponse{
		Kind: kvorumv1.WatchResponse_KIND_PROGRESS, Revision: uint64(w.told), Header: w.header(),
	})
}

// lacksLeader reports that there was no leader at this tick nor at the one before. An
// election is over sooner, and is no reason for all clients to go elsewhere.
func (w *watching) lacksLeader() bool {
	if w.node.Leadership().Leader != raft.None {
		w.leaderless = 0
		return false
	}
	w.leaderless++
	return w.leaderless > 1
}
