package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// member is one server of a real cluster, n1, n2 or n3.
type member struct {
	t       *testing.T
	name    string
	dir     string
	args    []string // once it has run: with the addresses that it got
	process *exec.Cmd

	rpc, serf, http string
}

// startCluster starts three servers. They end with the test.
func startCluster(t *testing.T) []*member {
	t.Helper()
	var all []*member
	for i := range 3 {
		m := &member{t: t, name: fmt.Sprintf("n%d", i+1), dir: t.TempDir()}
		m.args = []string{"serve", "--id", m.name, "--data-dir", m.dir, "--bootstrap-expect", "3", "--snapshot-entries", "2000"}
		addresses := []string{"--rpc-addr", "127.0.0.1:0", "--serf-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"}
		for _, other := range all {
			addresses = append(addresses, "--join", other.serf)
		}
		t.Cleanup(m.end)
		m.start(addresses...)
		m.args = append(m.args, "--rpc-addr", m.rpc, "--serf-addr", m.serf, "--http-addr", m.http, "--join", append(all, m)[0].serf)
		all = append(all, m)
	}
	return all
}

var serves = regexp.MustCompile(`rpc_addr=(\S+) serf_addr=(\S+) http_addr=(\S+)`)

// start starts the server, and returns once its ports are open.
func (m *member) start(more ...string) {
	m.t.Helper()
	log, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	process := withUs(exec.Command(program("kvorum"), append(slices.Clone(m.args), more...)...))
	process.Stderr = log
	if err := process.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.process = process
	var text []byte
	m.eventually("serves", func() bool {
		if text, err = os.ReadFile(log.Name()); err != nil {
			m.t.Fatal(err)
		}
		found := serves.FindSubmatch(text)
		if found != nil {
			m.rpc, m.serf, m.http = string(found[1]), string(found[2]), string(found[3])
		}
		return found != nil
	})
}

func (m *member) eventually(what string, ok func() bool) {
	m.t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(m.dir, "log")) // if there is one
			m.t.Fatalf("%s: waited %v until it %s; its log:\n%s", m.name, patience, what, log)
		}
	}
}

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.process.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// kill ends the server as kill -9 does, and returns once it has ended.
func (m *member) kill() {
	m.t.Helper()
	m.signal(syscall.SIGKILL)
	_ = m.process.Wait() // it was killed
}

// leader waits until there is one, and returns its name.
func (m *member) leader() (name string) {
	m.t.Helper()
	m.eventually("knows a leader", func() bool {
		var cluster struct{ Leader *struct{ Name string } }
		answer, err := http.Get("http://" + m.http + "/dashboard.json")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(&cluster); err != nil || cluster.Leader == nil {
			return false
		}
		name = cluster.Leader.Name
		return true
	})
	return name
}

// end ends the server, if it runs.
func (m *member) end() {
	if m.process != nil {
		_ = m.process.Process.Kill() // it may have ended
		_ = m.process.Wait()
	}
}

// load has clients read and write until the test ends.
func load(t *testing.T, all []*member, rate int) {
	t.Helper()
	var servers []string
	for _, m := range all {
		servers = append(servers, m.rpc)
	}
	bench := withUs(exec.Command(program("kvbench"), "--servers", strings.Join(servers, ","), "--workload", "mixed",
		"--clients", "4", "--rate", fmt.Sprint(rate), "--duration", "10m"))
	if err := bench.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = bench.Process.Kill()
		_ = bench.Wait()
	})
}
