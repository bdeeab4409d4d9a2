package main

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kvorum/raft/wal"
)

func TestStopAndRestartKeepData(t *testing.T) {
	t.Parallel()
	data := dir(t)
	s := serveOn(t, data, "n1", "--bootstrap")
	put(t, clientOf(t, s), "key", "value")
	s.stop()
	for range 2 { // --bootstrap is harmless on restart
		s = serveOn(t, data, "n1", "--bootstrap")
		expect(t, clientOf(t, s), "key", "value")
		s.signal(syscall.SIGKILL)
		<-s.exited
	}
	s = serveOn(t, data, "n1")
	expect(t, clientOf(t, s), "key", "value")
	s.stop()
}

func TestStopBeforeTheClusterIsFormed(t *testing.T) {
	t.Parallel()
	serveOn(t, dir(t), "n1", "--bootstrap-expect", "2").stop()
}

// A leader whose only follower does not answer looks for a successor for a while.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	n1 := serveOn(t, dir(t), "n1", "--bootstrap", "--election-timeout", "5s")
	n2 := serveOn(t, dir(t), "n2", "--election-timeout", "5s", "--join", n1.serfAddr)
	c := clientOf(t, n1)
	eventually(t, "both are voters", func() bool { n, err := voters(c, n1); return err == nil && n == 2 })
	n2.signal(syscall.SIGSTOP)
	n1.signal(syscall.SIGTERM)
	n1.says("msg=stopping")
	n1.signal(syscall.SIGTERM)
	n1.exits(-1) // by the signal
	if strings.Contains(n1.text(), "msg=stopped") {
		t.Error("it took its time all the same")
	}
}

func TestServersFormAClusterAndHandLeadershipOver(t *testing.T) {
	t.Parallel()
	n1 := serveOn(t, dir(t), "n1", "--bootstrap-expect", "3")
	n2 := serveOn(t, dir(t), "n2", "--bootstrap-expect", "3", "--join", n1.serfAddr)
	if code, reason := n1.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(reason, "waits to form") {
		t.Errorf("before all have met /readyz answers %d %q", code, reason)
	}
	n3 := serveOn(t, dir(t), "n3", "--bootstrap-expect", "3", "--join", n1.serfAddr)
	all := []testServer{n1, n2, n3}
	c := clientOf(t, n1)
	put(t, c, "key", "value")
	for _, s := range all {
		eventually(t, s.rpcAddr+" is ready", s.ready)
	}
	for i, s := range all {
		if !leads(c, s) {
			continue
		}
		s.stop()
		if text := s.text(); strings.Contains(text, "without a successor") {
			t.Errorf("leadership was not handed over:\n%s", text)
		}
		c := clientOf(t, all[(i+1)%len(all)])
		expect(t, c, "key", "value")
		put(t, c, "key", "after")
		expect(t, c, "key", "after")
		return
	}
	t.Error("nobody leads")
}

func TestNewcomersBecomeVotersByJoinAlone(t *testing.T) {
	t.Parallel()
	n1 := serveOn(t, dir(t), "n1", "--bootstrap")
	n2 := serveOn(t, dir(t), "n2", "--join", n1.serfAddr)
	data3 := dir(t)
	n3 := serveOn(t, data3, "n3", "--join", n2.serfAddr)
	all := []testServer{n1, n2, n3}
	c := clientOf(t, n1)
	put(t, c, "key", "value")
	for _, s := range all {
		eventually(t, "all are voters, as "+s.rpcAddr+" sees it", func() bool { n, err := voters(c, s); return err == nil && n == 3 })
	}
	// A stop is not a leave, and comes back at another address as the same member.
	n3.stop()
	put(t, c, "key", "while n3 is down")
	if n, err := voters(c, n1); n != 3 || err != nil {
		t.Errorf("after a stop there are %d voters (%v), want 3", n, err)
	}
	n3 = serveOn(t, data3, "n3", "--join", n1.serfAddr)
	eventually(t, "n3 is ready again", n3.ready)
	c3 := clientOf(t, n3)
	if n, err := voters(c3, n3); n != 3 || err != nil {
		t.Errorf("after the restart there are %d voters (%v), want 3", n, err)
	}
	expect(t, c3, "key", "while n3 is down")
	eventually(t, "all hear of its new address", func() bool {
		_, body := n2.get("/dashboard.json")
		return strings.Contains(body, n3.rpcAddr)
	})
}

func TestNoiseOnEachPortIsSurvived(t *testing.T) {
	t.Parallel()
	s := serveOn(t, dir(t), "n1", "--bootstrap")
	c := clientOf(t, s)
	put(t, c, "key", "value")
	noise := make([]byte, 50000)
	_, _ = rand.Read(noise) // it never fails
	for _, to := range []struct{ network, addr string }{
		{"tcp", s.rpcAddr}, {"tcp", s.serfAddr}, {"udp", s.serfAddr}, {"tcp", s.httpAddr},
	} {
		for n := 1; n < len(noise); n *= 3 {
			conn, err := net.Dial(to.network, to.addr)
			if err != nil {
				t.Fatal(err)
			}
			// The other side may hang up at once.
			_, _ = conn.Write(noise[:n])
			_ = conn.Close()
		}
	}
	expect(t, c, "key", "value")
	put(t, c, "key", "after")
	eventually(t, "it is still ready", s.ready)
	s.stop()
}

func TestHTTPTellsTheTruth(t *testing.T) {
	t.Parallel()
	s := serveOn(t, dir(t), "n1", "--bootstrap")
	eventually(t, "it is ready", s.ready)
	for path, want := range map[string]string{
		"/healthz":        "ok",
		"/":               "<title>kvorum</title>",
		"/dashboard.json": `"role":"leader"`,
		"/metrics":        `kvorum_raft_role{role="leader"} 1`,
	} {
		if code, body := s.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %q, want it to hold %q", path, code, body, want)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/none"} {
		if code, _ := s.get(path); code != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, code)
		}
	}
	// A server of no cluster lives, but is not ready.
	lonely := serveOn(t, dir(t), "n2", "--debug")
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/debug/pprof/": http.StatusOK, "/readyz": http.StatusServiceUnavailable,
	} {
		if code, body := lonely.get(path); code != want {
			t.Errorf("%s: got %d %q, want %d", path, code, body, want)
		}
	}
}

// fails runs a server that must not come up, and returns its last line.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	p := launch(t, append([]string{"serve", "--id", "n1",
		"--rpc-addr", "127.0.0.1:0", "--serf-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"}, args...)...)
	p.exits(1)
	if strings.Contains(p.text(), "kvorum serves") {
		t.Errorf("it opened its ports:\n%s", p.text())
	}
	lines := strings.Split(strings.TrimSpace(p.text()), "\n")
	return lines[len(lines)-1]
}

// wants checks that a line names all of these.
func wants(t *testing.T, line string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(line, want) {
			t.Errorf("got %q, which does not name %q", line, want)
		}
	}
}

func TestLockedFolderIsRefused(t *testing.T) {
	t.Parallel()
	data := dir(t)
	s := serveOn(t, data, "n1", "--bootstrap")
	wants(t, fails(t, "--data-dir", data), data, "in use")
	put(t, clientOf(t, s), "key", "value")
	s.stop()
}

func TestFolderThatCannotBeMadeIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, fails(t, "--data-dir", filepath.Join(file, "data")), file, "--data-dir")
}

func TestFolderThatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	data := dir(t)
	if err := os.Mkdir(data, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		data = "/sys/kernel" // a folder in which not even root may create a file
	}
	wants(t, fails(t, "--data-dir", data), data, "permission denied")
}

func TestFolderOfAnotherNameIsRefused(t *testing.T) {
	t.Parallel()
	data := dir(t)
	serveOn(t, data, "n2", "--bootstrap").stop()
	wants(t, fails(t, "--data-dir", data), data, "n1", "n2")
}

func TestBootstrapInAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	data := dir(t)
	storage, err := wal.Open(wal.OS(), data, wal.Options{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(storage.SetClusterID(strings.Repeat("ab", 16)), storage.Close()); err != nil {
		t.Fatal(err)
	}
	wants(t, fails(t, "--data-dir", data, "--bootstrap"), "--bootstrap", data, strings.Repeat("ab", 16))
}

func TestBadGossipKeysAreWrongUsage(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("c2hvcnQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "serve", "--id", "n1", "--data-dir", dir(t), "--gossip-key-file", keys,
		"--rpc-addr", "127.0.0.1:0", "--serf-addr", "127.0.0.1:0", "--http-addr", "")
	p.exits(2)
	wants(t, p.text(), "--gossip-key-file", keys, "line 1")
}

func TestPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	s := serveOn(t, dir(t), "n2", "--bootstrap")
	for flag, used := range map[string]string{"--rpc-addr": s.rpcAddr, "--serf-addr": s.serfAddr, "--http-addr": s.httpAddr} {
		wants(t, fails(t, "--data-dir", dir(t), flag, used), used)
	}
}
