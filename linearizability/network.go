package linearizability

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Network carries what servers say to each other. In front of each server
// stands a TCP proxy, whose address the server advertises; since servers dial
// each other from an IP address of their own, the proxy knows who speaks to
// whom. What travels from one server to another can be held back, in each
// direction alone, as if the packets were lost: nobody is told.
type Network struct {
	hosts     []string // the server's IP address, by number
	backend   string   // the port that the servers listen on
	listeners []net.Listener
	held      atomic.Int64
	ended     chan struct{} // closed by Close
	running   sync.WaitGroup

	mu    sync.Mutex             // guards what follows: every connection consults it
	cut   map[link]chan struct{} // closed when the link is healed
	conns map[net.Conn]struct{}  // to be closed by Close
}

// link is one direction between two servers.
type link struct{ from, to int }

// StartNetwork starts a proxy on the front port of each host. It forwards to
// the same host's back port.
func StartNetwork(ctx context.Context, hosts []string, front, back string) (*Network, error) {
	n := &Network{
		hosts: hosts, backend: back, ended: make(chan struct{}),
		cut: map[link]chan struct{}{}, conns: map[net.Conn]struct{}{},
	}
	var config net.ListenConfig
	for _, host := range hosts {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, front))
		if err != nil {
			n.Close()
			return nil, fmt.Errorf("linearizability: start proxy: %w", err)
		}
		n.listeners = append(n.listeners, l)
	}
	for to, l := range n.listeners {
		n.running.Go(func() { n.accept(l, to) })
	}
	return n, nil
}

// Close ends all connections, and returns once nothing is left of the network.
func (n *Network) Close() {
	n.mu.Lock()
	close(n.ended)
	for _, l := range n.listeners {
		l.Close()
	}
	for conn := range n.conns {
		conn.Close()
	}
	n.mu.Unlock()
	n.running.Wait()
}

// Cut holds back what one server sends to another, until Heal.
func (n *Network) Cut(from, to int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := (link{from, to}); n.cut[l] == nil {
		n.cut[l] = make(chan struct{})
	}
}

// cutAll cuts all that a server hears from the others, or says to them, or both.
func (n *Network) cutAll(server int, hears, says bool) error {
	n.held.Store(0)
	for other := range n.hosts {
		if other != server && hears {
			n.Cut(other, server)
		}
		if other != server && says {
			n.Cut(server, other)
		}
	}
	return nil
}

// Heal lets everything through again, what was held back first.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, healed := range n.cut {
		close(healed)
	}
	clear(n.cut)
}

// Held counts how many times something was held back.
func (n *Network) Held() int64 { return n.held.Load() }

func (n *Network) accept(l net.Listener, to int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // only Close makes it fail
		}
		n.running.Go(func() { n.serve(conn, to) })
	}
}

// serve carries one connection to the server numbered to.
func (n *Network) serve(conn net.Conn, to int) {
	defer conn.Close()
	from := n.number(conn.RemoteAddr())
	if from < 0 {
		return // not a server: we could not tell which links it uses
	}
	server, err := net.Dial("tcp", net.JoinHostPort(n.hosts[to], n.backend))
	if err != nil {
		return // the server is down, and the caller sees its connection end
	}
	defer server.Close()
	if !n.keep(conn, server) {
		return
	}
	defer n.forget(conn, server)

	there := make(chan struct{})
	n.running.Go(func() {
		defer close(there)
		n.carry(server, conn, link{from, to})
	})
	n.carry(conn, server, link{to, from})
	<-there
}

// number finds the server that has addr's IP address, -1 if none.
func (n *Network) number(addr net.Addr) int {
	for i, host := range n.hosts {
		if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.String() == host {
			return i
		}
	}
	return -1
}

// carry copies from src to dst what the link lets through. It leaves both closed.
func (n *Network) carry(dst, src net.Conn, l link) {
	defer dst.Close()
	defer src.Close()
	buffer := make([]byte, 32<<10)
	for {
		count, err := src.Read(buffer)
		if err := n.pass(l); err != nil {
			return
		}
		if _, err := dst.Write(buffer[:count]); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

var errClosed = errors.New("the network is closed")

// pass waits while the link is cut.
func (n *Network) pass(l link) error {
	for {
		n.mu.Lock()
		healed := n.cut[l]
		n.mu.Unlock()
		if healed == nil {
			return nil
		}
		n.held.Add(1)
		select {
		case <-healed:
		case <-n.ended:
			return errClosed
		}
	}
}

// keep notes connections that Close must end; it refuses them once it was called.
func (n *Network) keep(conns ...net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.ended:
		return false
	default:
	}
	for _, c := range conns {
		n.conns[c] = struct{}{}
	}
	return true
}

func (n *Network) forget(conns ...net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range conns {
		delete(n.conns, c)
	}
}
