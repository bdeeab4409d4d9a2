package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asProgram makes the test binary be kvorum itself, for tests of real processes.
const asProgram = "TEST_AS_KVORUM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestWrongUsageExits2AndNamesIt(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "kvorum.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		args string
		want []string // all within the one line
	}{
		{"serfe", []string{"serfe"}},
		{"serve now", []string{"now"}},
		{"serve --idd n1", []string{"--idd"}},
		{"serve --id", []string{"--id"}},
		{"serve --id a@b", []string{"--id", "a@b"}},
		{"serve --id " + strings.Repeat("x", 129), []string{"--id"}},
		{"serve --data-dir=", []string{"--data-dir"}},
		{"serve --rpc-addr nowhere", []string{"--rpc-addr", "nowhere"}},
		{"serve --rpc-addr 0.0.0.0:8400", []string{"--rpc-addr", "0.0.0.0:8400", "wildcard"}},
		{"serve --rpc-addr :8400", []string{"--rpc-addr", "wildcard"}},
		{"serve --advertise-rpc-addr [::]:8400", []string{"--advertise-rpc-addr", "wildcard"}},
		{"serve --serf-addr 0.0.0.0:8401", []string{"--serf-addr", "wildcard"}},
		{"serve --advertise-serf-addr 1.2.3.4:0", []string{"--advertise-serf-addr", "port"}},
		{"serve --join nobody", []string{"--join", "nobody"}},
		{"serve --bootstrap --bootstrap-expect 3", []string{"--bootstrap", "--bootstrap-expect"}},
		{"serve --bootstrap-expect -1", []string{"--bootstrap-expect"}},
		{"serve --bootstrap-expect three", []string{"--bootstrap-expect", "three"}},
		{"serve --heartbeat-interval 50", []string{"--heartbeat-interval", "50"}},
		{"serve --heartbeat-interval 0s", []string{"--heartbeat-interval"}},
		{"serve --election-timeout 60ms", []string{"--election-timeout", "60ms"}},
		{"serve --snapshot-entries 0", []string{"--snapshot-entries"}},
		{"serve --snapshot-tail -1", []string{"--snapshot-tail"}},
		{"serve --max-value-bytes 0", []string{"--max-value-bytes"}},
		{"serve --max-value-bytes 67108865", []string{"--max-value-bytes", "67108864"}},
		{"serve --tls-cert c.pem", []string{"--tls-cert", "--tls-key", "--tls-ca"}},
		{"serve --tls-cert /none/c --tls-key /none/k --tls-ca /none/a", []string{"--tls-cert", "/none/c"}},
		{"serve --log-level loud", []string{"--log-level", "loud"}},
		{"serve --log-format xml", []string{"--log-format", "xml"}},
		{"serve --config /none/kvorum.yaml", []string{"--config", "/none/kvorum.yaml"}},
		{"serve --config " + file("id: n1\nidd: n2\n"), []string{"line 2", "idd"}},
		{"serve --config " + file("config: x\n"), []string{"line 1", "config"}},
		{"serve --config " + file("id: [a, b]\n"), []string{"line 1", "id"}},
		{"serve --config " + file("\nbootstrap: maybe\n"), []string{"line 2", "bootstrap", "maybe"}},
		{"serve --config " + file("- id\n"), []string{"--config"}},
		{"demo --servers 0", []string{"--servers"}},
		{"demo --base-port 65530", []string{"--base-port"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run(strings.Fields(tt.args), &stdout, &stderr); code != 2 {
				t.Errorf("got exit code %d, want 2", code)
			}
			line := stderr.String()
			if strings.Count(line, "\n") != 1 || stdout.Len() > 0 {
				t.Errorf("got %q and %q, want one line of error", line, &stdout)
			}
			for _, want := range tt.want {
				if !strings.Contains(line, want) {
					t.Errorf("got %q, which does not name %q", line, want)
				}
			}
		})
	}
}

func TestHelpShowsAnExample(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"serve", "demo"} {
		var stdout, stderr bytes.Buffer
		if code := run([]string{command, "--help"}, &stdout, &stderr); code != 0 {
			t.Errorf("%s --help: exit code %d", command, code)
		}
		if !strings.Contains(stdout.String(), "Examples:\n  kvorum "+command) {
			t.Errorf("%s --help has no example:\n%s", command, &stdout)
		}
	}
}
