package main

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kvorum/rpc/client"
)

// The first session of whoever meets kvorum: set, kill a server, start it
// again with the command that was printed, stop all, start all.
func TestDemoSurvivesAKillAndKeepsItsData(t *testing.T) {
	t.Parallel()
	base := freeBase(t)
	folder := filepath.Join(t.TempDir(), "demo")
	args := []string{"demo", "--dir", folder, "--base-port", strconv.Itoa(base)}
	d := launch(t, args...)
	d.says("Ctrl-C stops all")
	c, err := client.New([]string{addr(base), addr(base + 10), addr(base + 20)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "hello", "world")

	pid, err := strconv.Atoi(d.says(`process (\d+), leads`)[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	put(t, c, "hello", "again")
	command := strings.Fields(d.says(`(n\d) has ended \(signal: killed\)(?s:.*?)\n    (\S+ serve .*)\n`)[2])
	again := launch(t, command[1:]...)
	d.says("n1 is back")
	expect(t, c, "hello", "again")
	again.stop()
	d.signal(syscall.SIGINT)
	d.exits(0)
	d.says("all servers have stopped")

	d = launch(t, args...)
	d.says("Ctrl-C stops all")
	expect(t, c, "hello", "again")
	d.signal(syscall.SIGTERM)
	d.exits(0)
}

func TestDemoSaysWhichPortIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	d := launch(t, "demo", "--dir", dir(t), "--servers", "1", "--base-port", strconv.Itoa(port))
	d.exits(1)
	wants(t, d.text(), addr(port), "--base-port")
}

func TestDemoIsNewUntilOtherServersHaveData(t *testing.T) {
	t.Parallel()
	d := demo{dir: dir(t), size: 3, basePort: 1}
	for k := 1; k <= d.size; k++ {
		d.children = append(d.children, d.newChild(k))
	}
	if !d.isNew() {
		t.Error("an absent folder is not new")
	}
	serveOn(t, d.children[1].dataDir, "n2").stop()
	if d.isNew() {
		t.Error("a folder with data of n2 is new")
	}
}
