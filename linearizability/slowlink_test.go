//go:build linux

package linearizability

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// unpaced sends a snapshot as fast as gRPC takes it.
var unpaced = mutation{
	file:        "rpc/pace.go",
	text:        "p.window = min(max(p.window, minChunk), maxUnderWay)",
	replacement: "p.window = maxUnderWay",
}

// TestASnapshotOverASlowLinkDisturbsNobody: a follower behind a line of 256 kbit/s,
// with a queue deep enough for half a minute, is sent a snapshot. It hears its
// leader all the time, and the snapshot goes over the line once.
func TestASnapshotOverASlowLinkDisturbsNobody(t *testing.T) {
	t.Parallel()
	program := inNamespace(t, server)
	if program == "" {
		return
	}
	size := 400 << 10
	if *slow {
		size = 2 << 20
	}
	s := startSlowCluster(t, program)
	began := s.sendSnapshot(t, size)
	s.awaitLog(t, s.far, `msg="installed snapshot"`)
	took := time.Since(began)
	s.awaitLog(t, s.near[0].Process, `msg="snapshot sent"`)
	if lost := s.leaderLost(t); lost != 0 {
		t.Errorf("the follower lost its leader %d times", lost)
	}
	after, err := s.near[0].askStatus(t.Context())
	if err != nil || after.Term != s.term || after.LeaderId != "n1" {
		t.Errorf("after the transfer %s leads in term %d (%v), want n1 in %d as before", after.GetLeaderId(), after.GetTerm(), err, s.term)
	}
	sent := s.transfers(t)
	if len(sent) != 1 || sent[0] < size || sent[0] > size+size/10 {
		t.Fatalf("it took transfers of %v bytes to move a state of %d", sent, size)
	}
	t.Logf("%d bytes in %v: %.0f of the line's 32000 bytes a second", sent[0], took, float64(sent[0])/took.Seconds())
}

// TestAnUnpacedSnapshotIsNoticed shows that the test above can fail.
func TestAnUnpacedSnapshotIsNoticed(t *testing.T) {
	t.Parallel()
	program := inNamespace(t, func() (string, error) { return build("unpaced", &unpaced) })
	if program == "" {
		return
	}
	s := startSlowCluster(t, program)
	s.sendSnapshot(t, 400<<10)
	s.await(t, "the follower loses its leader, which a queue full of snapshot should bring about", func() bool { return s.leaderLost(t) > 0 })
}

// slowCluster is n1, which leads, and n2 on one side of a slow line, n3 on the other.
type slowCluster struct {
	near []*Server
	far  *Process
	term uint64
}

// startSlowCluster lays the line, and starts the servers.
func startSlowCluster(t *testing.T, program string) *slowCluster {
	t.Helper()
	hosts, farSide := layLine(t)
	s, dir := &slowCluster{}, t.TempDir()
	for i, host := range hosts {
		name := fmt.Sprintf("n%d", i+1)
		p := &Process{program: program, log: filepath.Join(dir, name+".log"), args: []string{"serve",
			"--id", name, "--data-dir", filepath.Join(dir, name), "--http-addr", "",
			"--rpc-addr", net.JoinHostPort(host, rpcPort), "--serf-addr", net.JoinHostPort(host, serfPort),
			"--snapshot-entries", "30", "--snapshot-tail", "2"}}
		if i == 0 {
			p.args = append(p.args, "--bootstrap")
		} else {
			p.args = append(p.args, "--join", net.JoinHostPort(hosts[0], serfPort))
		}
		if i < 2 {
			remote, err := Dial(net.JoinHostPort(host, rpcPort))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { remote.Close() })
			s.near = append(s.near, &Server{Name: name, Process: p, Remote: remote})
		} else {
			p.program, p.args = "nsenter", append([]string{"--target", farSide, "--net", program}, p.args...)
			s.far = p
		}
		startForTest(t, name, p)
	}
	s.await(t, "all servers are voters, and n1 leads", func() bool {
		status, err := s.near[0].askStatus(t.Context())
		s.term = status.GetTerm()
		return err == nil && status.Role == "leader" && voters(status) == 3
	})
	return s
}

// startForTest starts a server that is stopped with the test, and whose log is shown
// if that has failed.
func startForTest(t *testing.T, name string, p *Process) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(p.log)
			t.Logf("%s:\n%s", name, text)
		}
	})
}

// sendSnapshot makes n3 miss values of size bytes in all, which n1 then has in its
// snapshot only, and returns when n3 came back.
func (s *slowCluster) sendSnapshot(t *testing.T, size int) time.Time {
	t.Helper()
	if err := s.far.Kill(); err != nil {
		t.Fatal(err)
	}
	const value = 8 << 10
	for i := range size / value {
		s.await(t, "a value is written", func() bool {
			return s.near[0].Set(t.Context(), fmt.Sprint("k", i), strings.Repeat("v", value)) == nil
		})
	}
	_, err := kvorumv1.NewClusterClient(s.near[0].conn).TakeSnapshot(t.Context(), &kvorumv1.TakeSnapshotRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.far.log); err != nil { // what it said before does not count
		t.Fatal(err)
	}
	if err := s.far.Start(); err != nil {
		t.Fatal(err)
	}
	return time.Now()
}

// transfers returns the bytes of each transfer that n1 made, complete or not.
func (s *slowCluster) transfers(t *testing.T) (sent []int) {
	for _, m := range find(t, s.near[0].log, `msg="snapshot (?:not )?sent" .*bytes=(\d+)`) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, n)
	}
	return sent
}

// leaderLost returns how often n3 did not know its leader any more, as it does not
// when it asks for votes.
func (s *slowCluster) leaderLost(t *testing.T) int {
	return len(find(t, s.far.log, `msg="(hears|knows) no leader`))
}

func (s *slowCluster) awaitLog(t *testing.T, p *Process, pattern string) {
	t.Helper()
	s.await(t, "a server says "+pattern, func() bool { return len(find(t, p.log, pattern)) > 0 })
}

func (s *slowCluster) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Minute, errors.New("it took too long"))
	defer cancel()
	if err := (&Cluster{}).until(ctx, what, func(context.Context) bool { return holds() }); err != nil {
		t.Fatal(err)
	}
}

// find returns the matches of pattern in a server's log.
func find(t *testing.T, log, pattern string) [][]string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
}
