package node

import (
	"sync"

	"kvorum/raft"
)

// maxMessages is how many messages may wait: a burst from every peer.
const maxMessages = 4096

// inbox is what waits for run. Many put something in, each for a moment; run takes
// all of it at once, so that what came together is replicated and synced together.
type inbox struct {
	ready chan struct{} // something waits; capacity 1, as one reminder is enough

	mu       sync.Mutex     // guards the rest
	messages []raft.Message // from the network
	requests []func()       // to be called by run
}

func newInbox() inbox { return inbox{ready: make(chan struct{}, 1)} }

// receive puts a message in, unless there is no room: then it is lost, as it
// might have been on the way.
func (b *inbox) receive(m raft.Message) {
	b.mu.Lock()
	if len(b.messages) < maxMessages {
		b.messages = append(b.messages, m)
	}
	b.mu.Unlock()
	notify(b.ready)
}

// request puts in what run is to call. Nothing bounds them but those who ask: a
// caller waits for its answer before it asks again, and one that gives up has
// its request taken with the rest, in the next turn of run.
func (b *inbox) request(do func()) {
	b.mu.Lock()
	b.requests = append(b.requests, do)
	b.mu.Unlock()
	notify(b.ready)
}

// notify leaves a reminder in c, where one is enough.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take returns all that waits. The caller gives back two empty slices, with room
// for what comes next.
func (b *inbox) take(messages []raft.Message, requests []func()) ([]raft.Message, []func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages, b.messages = b.messages, messages
	requests, b.requests = b.requests, requests
	return messages, requests
}
