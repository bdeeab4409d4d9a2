//go:build linux

package linearizability

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startEcho starts the network of a cluster of two, with a server behind each
// proxy that sends back what it gets.
func startEcho(t *testing.T) (*Network, []string) {
	t.Helper()
	c := &Cluster{}
	hosts, err := c.startNetwork(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Network.Close)
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, rpcPort))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					io.Copy(conn, conn)
				}()
			}
		}()
	}
	return c.Network, hosts
}

// dialAs connects from one address to the proxy at another.
func dialAs(t *testing.T, from, to string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", net.JoinHostPort(to, proxyPort))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// expectEcho reads word from conn. It waits briefly if it must not come.
func expectEcho(t *testing.T, conn net.Conn, word string, comes bool) {
	t.Helper()
	limit := 10 * time.Second
	if !comes {
		limit = 100 * time.Millisecond
	}
	conn.SetReadDeadline(time.Now().Add(limit))
	got := make([]byte, len(word))
	n, err := io.ReadFull(conn, got)
	switch {
	case comes && (err != nil || string(got) != word):
		t.Errorf("got %q and error %v, want %q", got[:n], err, word)
	case !comes && (n > 0 || !errors.Is(err, os.ErrDeadlineExceeded)):
		t.Errorf("got %q and error %v, want silence", got[:n], err)
	}
}

func TestCutHoldsBackUntilHealed(t *testing.T) {
	t.Parallel()
	for _, cut := range []link{{0, 1}, {1, 0}} {
		network, hosts := startEcho(t)
		conn := dialAs(t, hosts[0], hosts[1])
		io.WriteString(conn, "before")
		expectEcho(t, conn, "before", true)
		network.Cut(cut.from, cut.to)
		io.WriteString(conn, "during")
		expectEcho(t, conn, "during", false)
		if network.Held() != 1 {
			t.Errorf("cut %v: %d pieces were held back, want 1", cut, network.Held())
		}
		network.Heal()
		expectEcho(t, conn, "during", true)
	}
}

func TestCutLeavesOtherLinksAlone(t *testing.T) {
	t.Parallel()
	network, hosts := startEcho(t)
	network.cutAll(0, true, true)
	conn := dialAs(t, hosts[1], hosts[1])
	io.WriteString(conn, "hello")
	expectEcho(t, conn, "hello", true)
	if network.Held() != 0 {
		t.Errorf("%d pieces were held back on a link that is not cut", network.Held())
	}
}

func TestProxyRefusesStrangers(t *testing.T) {
	t.Parallel()
	_, hosts := startEcho(t)
	conn := dialAs(t, "127.0.0.1", hosts[0])
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the connection ended", err)
	}
}

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p := &Process{program: "/bin/sh", args: []string{"-c", script}, log: filepath.Join(t.TempDir(), "log")}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(time.Second) })
	return p
}

// said waits until the process has said word.
func said(t *testing.T, p *Process, word string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		if log, _ := os.ReadFile(p.log); strings.Contains(string(log), word) {
			return
		}
		if !wait(ctx, 10*time.Millisecond) {
			t.Fatalf("%s: never said %q", p.args[1], word)
		}
	}
}

func TestProcessStopsInOrder(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	said(t, p, "ready")
	if err := p.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestProcessThatEndsBadlyIsReported(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done`)
	said(t, p, "ready")
	if err := p.Stop(10 * time.Second); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want exit status 3 reported", err)
	}
}

func TestProcessThatEndsByItselfIsReported(t *testing.T) {
	t.Parallel()
	p := shell(t, "exit 2")
	<-p.exited
	if err := p.Kill(); err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("got %v, want exit status 2 reported", err)
	}
}

func TestProcessThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	said(t, p, "ready")
	if err := p.Stop(50 * time.Millisecond); err == nil {
		t.Error("a process that ignores SIGTERM counts as stopped in order")
	}
	<-p.exited
}
