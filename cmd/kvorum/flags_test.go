package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// parse reads a config from flags, variables and the text of a file.
func parse(t *testing.T, args []string, variables map[string]string, text string) config {
	t.Helper()
	var c config
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.define(f)
	if text != "" {
		path := filepath.Join(t.TempDir(), "kvorum.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := c.complete(f, func(name string) string { return variables[name] }); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFlagGoesBeforeVariableBeforeFileBeforeDefault(t *testing.T) {
	t.Parallel()
	got := parse(t,
		[]string{"--id", "flag"},
		map[string]string{"KVORUM_ID": "variable", "KVORUM_RPC_ADDR": "127.0.0.1:2"},
		"id: file\nrpc-addr: 127.0.0.1:3\nserf-addr: 127.0.0.1:3\n")
	if got.id != "flag" || got.rpcAddr != "127.0.0.1:2" || got.serfAddr != "127.0.0.1:3" || got.httpAddr != "127.0.0.1:8402" {
		t.Errorf("got %q, %q, %q, %q", got.id, got.rpcAddr, got.serfAddr, got.httpAddr)
	}
}

// A flag that is given its default value is given all the same.
func TestFlagAtItsDefaultStillGoesFirst(t *testing.T) {
	t.Parallel()
	got := parse(t, []string{"--id", "n1", "--bootstrap=false"}, map[string]string{"KVORUM_BOOTSTRAP": "true"}, "bootstrap: true\n")
	if got.bootstrap {
		t.Error("the flag --bootstrap=false was overruled")
	}
}

func TestJoinIsAList(t *testing.T) {
	t.Parallel()
	want := []string{"a:1", "b:2"}
	for name, got := range map[string]config{
		"flags":    parse(t, []string{"--id", "n1", "--join", "a:1", "--join", "b:2"}, nil, "join: [c:3]\n"),
		"variable": parse(t, []string{"--id", "n1"}, map[string]string{"KVORUM_JOIN": "a:1,b:2"}, "join: [c:3]\n"),
		"list":     parse(t, []string{"--id", "n1"}, nil, "join:\n  - a:1\n  - b:2\n"),
		"scalar":   parse(t, []string{"--id", "n1"}, nil, "join: a:1,b:2\n"),
	} {
		if !reflect.DeepEqual(got.join, want) {
			t.Errorf("%s: got %q, want %q", name, got.join, want)
		}
	}
}

func TestFileHoldsEveryKindOfValue(t *testing.T) {
	t.Parallel()
	got := parse(t, nil, nil, `
id: n1
bootstrap: true
heartbeat-interval: 20ms
snapshot-entries: 7
http-addr: ""
`)
	if got.id != "n1" || !got.bootstrap || got.heartbeatInterval != 20*time.Millisecond || got.snapshotEntries != 7 || got.httpAddr != "" {
		t.Errorf("got %+v", got)
	}
}

// What scripts rely on.
func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Skip("this machine has no name:", err)
	}
	want := map[string]string{
		"id": host, "data-dir": "./kvorum-data",
		"rpc-addr": "127.0.0.1:8400", "serf-addr": "127.0.0.1:8401", "http-addr": "127.0.0.1:8402",
		"advertise-rpc-addr": "", "advertise-serf-addr": "", "join": "[]",
		"bootstrap": "false", "bootstrap-expect": "0",
		"heartbeat-interval": "50ms", "election-timeout": "500ms",
		"snapshot-entries": "10000", "snapshot-tail": "5000", "max-value-bytes": "1048576",
		"tls-cert": "", "tls-key": "", "tls-ca": "", "gossip-key-file": "",
		"log-level": "info", "log-format": "text", "debug": "false", "config": "",
	}
	var c config
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.define(f)
	got := map[string]string{}
	f.VisitAll(func(flag *pflag.Flag) { got[flag.Name] = flag.DefValue })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestElectionTimeoutIsWholeTicks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		heartbeat, election time.Duration
		want                int
	}{
		{50 * time.Millisecond, 500 * time.Millisecond, 20},
		{50 * time.Millisecond, 501 * time.Millisecond, 21},
		{time.Second, 2 * time.Second, 4},
		{time.Millisecond, 2 * time.Millisecond, 4},
	}
	for _, tt := range tests {
		c := config{heartbeatInterval: tt.heartbeat, electionTimeout: tt.election}
		if got := c.electionTicks(); got != tt.want {
			t.Errorf("%v at a heartbeat of %v: got %d ticks, want %d", tt.election, tt.heartbeat, got, tt.want)
		}
	}
}
