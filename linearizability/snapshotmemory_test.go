//go:build linux

package linearizability

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// TestALargeStateMovesInLittleMemory: what a snapshot of a gigabyte costs each side in
// memory, besides the state itself, is the same as for any other.
func TestALargeStateMovesInLittleMemory(t *testing.T) {
	if !*slow {
		t.Skip("takes minutes, and gigabytes of memory and disk: -slow")
	}
	const values, value, extra = 1024, 1 << 20, 64 << 20
	program, err := server()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, errors.New("it took too long"))
	defer cancel()
	c, dir := &Cluster{}, t.TempDir()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("%v\n%s", err, logs(dir))
		}
	})
	hosts, err := c.startNetwork(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	from := c.add(t, program, dir, 0, hosts)
	snapshot, err := c.fill(ctx, from, values, value)
	if err != nil {
		t.Fatal(err)
	}
	before, began := from.memory(t, "VmRSS"), time.Now()
	to, most := c.add(t, program, dir, 1, hosts), before
	err = c.until(ctx, "the newcomer has the state", func(ctx context.Context) bool {
		most = max(most, from.memory(t, "VmRSS"))
		status, err := to.askStatus(ctx)
		return err == nil && status.SnapshotsInstalled > 0 && status.AppliedIndex >= snapshot.Index
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, logs(dir))
	}
	took, peak, after := time.Since(began), to.memory(t, "VmHWM"), to.memory(t, "VmRSS")
	t.Logf("%d MiB in %v; the sender took %d MiB more than %d; the receiver had up to %d MiB, and %d in the end",
		snapshot.Bytes>>20, took, (most-before)>>20, before>>20, peak>>20, after>>20)
	if most-before > extra {
		t.Errorf("sending took %d MiB, want at most %d", (most-before)>>20, extra>>20)
	}
	if peak-values*value > extra {
		t.Errorf("receiving took %d MiB besides the state, want at most %d", (peak-values*value)>>20, extra>>20)
	}
}

// fill writes random values of size bytes each, and has a snapshot taken of them.
func (c *Cluster) fill(ctx context.Context, s *Server, values, size int) (snapshot *kvorumv1.TakeSnapshotResponse, err error) {
	for i := range values {
		random := make([]byte, size)
		rand.Read(random)
		err := c.until(ctx, "a value is written", func(ctx context.Context) bool {
			return s.Set(ctx, fmt.Sprint("k", i), string(random)) == nil
		})
		if err != nil {
			return nil, err
		}
	}
	err = c.until(ctx, "a snapshot has everything", func(ctx context.Context) bool {
		snapshot, err = kvorumv1.NewClusterClient(s.conn).TakeSnapshot(ctx, &kvorumv1.TakeSnapshotRequest{})
		return err == nil
	})
	return snapshot, err
}

// add starts one more server.
func (c *Cluster) add(t *testing.T, program, dir string, number int, hosts []string) *Server {
	t.Helper()
	s, err := newServer(program, dir, number, hosts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	c.Servers = append(c.Servers, s)
	return s
}

// memory returns a figure of the process's memory, in bytes.
func (s *Server) memory(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(name + `:\s*(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in %s", name, text)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
