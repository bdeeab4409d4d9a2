package rpc

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"kvorum/raft"
)

const (
	// A process that ends closes its connections and its listener one after the
	// other. So a dial that still succeeds, or is reset half-way, is repeated.
	suspectDials = 10
	suspectPause = 10 * time.Millisecond
	// suspectTimeout bounds them all. A machine that refuses does so in one round trip.
	suspectTimeout = 300 * time.Millisecond
)

// suspect looks into why the stream that the leader sends on has ended. If its
// machine refuses connections, its process is gone, and the node need not wait for
// it to be silent for long. A machine that is gone itself, paused or cut off refuses
// nothing. It looks once for each stream, and so no oftener than streams are opened.
func (t *Peers) suspect(id raft.ServerID, stop <-chan struct{}) {
	if t.node.Leadership().Leader != id {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), suspectTimeout)
	defer cancel()
	for range suspectDials {
		conn, err := t.dialer().DialContext(ctx, "tcp", t.Address(id))
		if errors.Is(err, syscall.ECONNREFUSED) {
			t.cfg.Log.Info("the leader refuses connections: not waiting for it", "leader", id)
			t.node.Suspect(id)
			t.connectAll(ctx)
			return
		}
		if err == nil {
			conn.Close() // it was opened only to see whether it can be
		}
		select {
		case <-time.After(suspectPause):
		case <-ctx.Done():
			return
		case <-stop:
			return
		}
	}
}

// connectAll has streams opened to all other servers. Followers have seldom spoken to
// each other, and an election that waits for connections is more often a split vote.
func (t *Peers) connectAll(ctx context.Context) {
	st, err := t.node.Status(ctx)
	if err != nil {
		return // it is busy or stops, and connections come with the messages
	}
	for _, id := range st.Config.Servers() {
		if id != t.cfg.Identity.id {
			notify(t.peer(id).ready) // the queue may be empty: a stream is opened all the same
		}
	}
}

// dialer dials other servers.
func (t *Peers) dialer() *net.Dialer {
	d := &net.Dialer{}
	if ip := net.ParseIP(t.cfg.Local); ip != nil && !ip.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return d
}
