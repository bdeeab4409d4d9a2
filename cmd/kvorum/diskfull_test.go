//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kvorum/rpc/client"
)

// smallDisk is a file system of its own, which a test can fill. What is on it is
// gone when the test ends. Without root it takes a user namespace.
type smallDisk struct {
	t      *testing.T
	mount  string
	holder int // a process that keeps the mount alive
}

func newSmallDisk(t *testing.T, megabytes int) *smallDisk {
	t.Helper()
	mount := t.TempDir()
	script := fmt.Sprintf("mount -t tmpfs -o size=%dm tmpfs %s && echo mounted && exec sleep infinity", megabytes, mount)
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
	cmd.SysProcAttr = childAttributes()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no file system of its own can be made here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it ends by the signal
	})
	said := make([]byte, 16)
	if n, _ := out.Read(said); !strings.HasPrefix(string(said[:n]), "mounted") {
		t.Skip("no file system of its own can be made here: unshare and mount need root or user namespaces")
	}
	return &smallDisk{t, mount, cmd.Process.Pid}
}

// inside returns the command that runs a program where the disk is.
func (d *smallDisk) inside(program string) []string {
	return []string{"nsenter", "--user", "--mount", "--preserve-credentials", "-t", strconv.Itoa(d.holder), program}
}

// serve starts a server whose data is on the disk.
func (d *smallDisk) serve(args ...string) testServer {
	d.t.Helper()
	return serveBy(d.t, d.inside(os.Args[0]), filepath.Join(d.mount, "data"), "n1", append([]string{"--bootstrap"}, args...)...)
}

// path returns where a file of the disk is found from outside.
func (d *smallDisk) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(d.holder), "root", d.mount, name)
}

// fill leaves no more than that many megabytes free.
func (d *smallDisk) fill(free int) {
	d.t.Helper()
	f, err := os.Create(d.path("filler"))
	if err != nil {
		d.t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	info, statErr := f.Stat()
	if statErr == nil {
		statErr = f.Truncate(info.Size() - int64(free)<<20)
	}
	if err := errors.Join(statErr, f.Close()); err != nil {
		d.t.Fatal(err)
	}
}

// free undoes fill.
func (d *smallDisk) free() {
	d.t.Helper()
	if err := os.Remove(d.path("filler")); err != nil {
		d.t.Fatal(err)
	}
}

// setUntilItFails writes values of 64 KiB, and returns how many were acknowledged.
func setUntilItFails(t *testing.T, s testServer, c *client.Client) (acked int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		<-s.exited
		cancel()
	}()
	for ; ; acked++ {
		value := strings.Repeat(strconv.Itoa(acked%10), 64<<10)
		if _, err := c.Set(ctx, strconv.Itoa(acked), []byte(value)); err != nil {
			return acked
		}
	}
}

// TestFullDiskEndsTheServerAndLosesNothing: where the log cannot grow no set is
// answered OK. With space and a restart all is well.
func TestFullDiskEndsTheServerAndLosesNothing(t *testing.T) {
	t.Parallel()
	d := newSmallDisk(t, 32)
	s := d.serve()
	c := clientOf(t, s)
	put(t, c, "first", "connects the client")
	d.fill(3)
	acked := setUntilItFails(t, s, c)
	s.exits(1)
	lines := strings.Split(strings.TrimSpace(s.text()), "\n")
	wants(t, lines[len(lines)-1], filepath.Join(d.mount, "data", "log-"), "no space left on device; free space there and start again")
	if strings.Count(s.text(), "no space left") != 1 {
		t.Errorf("it does not say once that the disk is full:\n%s", s.text())
	}
	d.free()
	s = d.serve()
	c = clientOf(t, s)
	for i := range acked {
		expect(t, c, strconv.Itoa(i), strings.Repeat(strconv.Itoa(i%10), 64<<10))
	}
	put(t, c, "after", "it")
	s.stop()
	if acked < 10 {
		t.Errorf("only %d sets were acknowledged before the disk was full", acked)
	}
	t.Logf("%d sets of 64 KiB acknowledged before the disk was full, all there after it", acked)
}

// TestSnapshotThatDoesNotFitStopsNothing: the log is kept, and another is tried when
// the next one is due.
func TestSnapshotThatDoesNotFitStopsNothing(t *testing.T) {
	t.Parallel()
	d := newSmallDisk(t, 64)
	s := d.serve("--snapshot-entries", "150", "--snapshot-tail", "10")
	c := clientOf(t, s)
	for i := range 100 {
		put(t, c, strconv.Itoa(i), strings.Repeat("x", 64<<10))
	}
	d.fill(5) // a snapshot takes more than six; the next 1500 short entries fit into the file of the log
	failures := func() bool {
		_, metrics := s.get("/metrics")
		return strings.Contains(metrics, "kvorum_snapshot_failures_total 2\n")
	}
	n := 0
	eventually(t, "two snapshots have failed", func() bool {
		for range 50 {
			put(t, c, "short", strconv.Itoa(n))
			n++
		}
		return failures()
	})
	wants(t, s.text(), "level=ERROR msg=\"snapshot failed; the log is kept", "no space left on device")
	eventually(t, "nothing stays of what was written of them, or of a third", func() bool {
		left, err := filepath.Glob(d.path("data/*.tmp"))
		return err == nil && len(left) == 0
	})
	d.free()
	eventually(t, "a snapshot is written", func() bool {
		put(t, c, "short", "again")
		return strings.Contains(s.text(), "msg=\"wrote snapshot\"")
	})
	s.signal(syscall.SIGKILL)
	s.exits(-1)
	s = d.serve()
	expect(t, clientOf(t, s), "short", "again")
	expect(t, clientOf(t, s), "99", strings.Repeat("x", 64<<10))
	s.stop()
}

// TestReadOnlyDiskIsRefused: before a port opens.
func TestReadOnlyDiskIsRefused(t *testing.T) {
	t.Parallel()
	d := newSmallDisk(t, 16)
	d.serve().stop()
	launchBy(t, d.inside("mount"), "-o", "remount,ro", d.mount).exits(0)
	p := launchBy(t, d.inside(os.Args[0]), "serve", "--id", "n1", "--data-dir", filepath.Join(d.mount, "data"),
		"--rpc-addr", "127.0.0.1:0", "--serf-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0")
	p.exits(1)
	wants(t, p.text(), d.mount, "read-only file system; ", "make it writable")
	if strings.Count(p.text(), "\n") != 1 {
		t.Errorf("it says more than that:\n%s", p.text())
	}
}
