package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	peerv1 "kvorum/proto/kvorum/peer/v1"
	"kvorum/raft"
)

const (
	protocolVersion = 1
	// maxQueue is how many messages may wait for a peer. It is more than a leader
	// has under way to a peer that keeps up.
	maxQueue = 1024
	// maxBatchBytes is how much goes into one request, unless a single message
	// is larger.
	maxBatchBytes = 1 << 20
)

// peer is another server, as seen by the sender.
type peer struct {
	peers     *Peers
	id        raft.ServerID
	snapshots chan raft.Message // capacity 1: at most one transfer at a time
	ready     chan struct{}     // queue is not empty, or a stream is wanted; capacity 1, as one reminder is enough

	mu    sync.Mutex // guards queue, between the node that fills it and runMessages
	queue []raft.Message

	// Owned by runMessages.
	conn    *grpc.ClientConn
	addr    string // of conn
	stream  grpc.BidiStreamingClient[peerv1.ExchangeRequest, peerv1.ExchangeResponse]
	trouble codes.Code // of the last failure, which was logged; OK once a stream works
}

func newPeer(t *Peers, id raft.ServerID) *peer {
	return &peer{peers: t, id: id, snapshots: make(chan raft.Message, 1), ready: make(chan struct{}, 1)}
}

func (p *peer) queueMessage(m raft.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == maxQueue {
		p.queue = p.queue[1:]
	}
	p.queue = append(p.queue, m)
	notify(p.ready)
}

func (p *peer) takeQueue() []raft.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queue
	p.queue = nil
	return q
}

// runMessages sends what is queued until ctx ends.
func (p *peer) runMessages(ctx context.Context) {
	defer p.disconnect()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.ready:
		}
		p.report(p.send(ctx, p.takeQueue()))
	}
}

// report logs a failure once, not for every message that it concerns.
func (p *peer) report(err error) {
	code := status.Code(err)
	switch {
	case code == p.trouble || code == codes.Canceled:
		return
	case code == codes.OK:
		p.peers.cfg.Log.Info("peer is reachable again", "peer", p.id)
	default:
		p.peers.cfg.Log.Warn("peer cannot be reached, or refuses messages; trying on", "peer", p.id, "err", err)
	}
	p.trouble = code
}

// send sends messages. If the stream turns out to be a broken one from before,
// it tries once more: else the first message after a peer's restart would be
// lost, and that is often a request for its vote. A stream that the peer ended
// for a reason of its own, such as a message that it refuses, is an error even so:
// a new one may hide it for ever.
func (p *peer) send(ctx context.Context, messages []raft.Message) error {
	old := p.stream
	err := p.sendOnce(ctx, messages)
	if err == nil || old == nil || ctx.Err() != nil {
		return err
	}
	again := p.sendOnce(ctx, messages)
	if code := status.Code(err); code == codes.Unavailable || code == codes.Canceled {
		return again
	}
	return err
}

// sendOnce sends messages in as few requests as their size allows. After a
// failure the rest are lost, and the next call begins with a new stream.
func (p *peer) sendOnce(ctx context.Context, messages []raft.Message) error {
	if err := p.connect(ctx); err != nil {
		return err
	}
	for len(messages) > 0 {
		n := batchLength(messages)
		req := &peerv1.ExchangeRequest{Messages: make([]*peerv1.Message, n)}
		for i, m := range messages[:n] {
			req.Messages[i] = toProto(m)
		}
		if err := p.stream.Send(req); err != nil {
			return p.refused(err)
		}
		messages = messages[n:]
	}
	return nil
}

// batchLength returns how many of the messages fit into one request.
func batchLength(messages []raft.Message) int {
	size := 0
	for i, m := range messages {
		if a, ok := m.Body.(raft.AppendEntries); ok {
			for _, e := range a.Entries {
				size += len(e.Command)
			}
		}
		if size > maxBatchBytes {
			return max(i, 1)
		}
	}
	return len(messages)
}

// connect opens a stream, unless there is one to the peer's present address. If
// that is not known any more, such as while the peer is removed, the stream stays.
func (p *peer) connect(ctx context.Context) error {
	addr := p.peers.Address(p.id)
	if p.stream != nil && (addr == p.addr || addr == "") {
		return nil
	}
	if addr != p.addr {
		p.disconnect()
	}
	if p.conn == nil {
		conn, err := p.peers.dialPeer(p.id)
		if err != nil {
			return err
		}
		p.conn, p.addr = conn, addr
	}
	stream, err := peerv1.NewPeerClient(p.conn).Exchange(ctx)
	if err != nil {
		return fmt.Errorf("open a stream to %s: %w", addr, err)
	}
	p.stream = stream
	if err := stream.Send(&peerv1.ExchangeRequest{Hello: p.peers.hello(p.id)}); err != nil {
		return p.refused(err)
	}
	if _, err := stream.Recv(); err != nil {
		return p.refused(err)
	}
	return nil
}

// refused returns why the stream ended, and forgets it.
func (p *peer) refused(err error) error {
	if errors.Is(err, io.EOF) {
		_, err = p.stream.Recv() // the other side ended it, and says why here
	}
	p.stream = nil
	return fmt.Errorf("send to %s: %w", p.addr, err)
}

func (p *peer) disconnect() {
	if p.conn != nil {
		p.conn.Close() // its only error is that it is closed already
	}
	p.conn, p.stream, p.addr = nil, nil, ""
}

var errNoAddress = errors.New("its address is not known")

// dialPeer returns a new connection to the server with the given id.
func (t *Peers) dialPeer(id raft.ServerID) (*grpc.ClientConn, error) {
	addr := t.Address(id)
	if addr == "" {
		return nil, errNoAddress
	}
	conn, err := t.dial(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return conn, nil
}

func (t *Peers) hello(to raft.ServerID) *peerv1.Hello {
	self := t.cfg.Identity
	return &peerv1.Hello{
		Version:   protocolVersion,
		ClusterId: self.ClusterID(),
		From:      string(self.id),
		FromAddr:  self.addr,
		To:        string(to),
	}
}
