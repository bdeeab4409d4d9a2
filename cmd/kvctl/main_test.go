package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client/clienttest"
)

// result is what one command line did.
type result struct {
	code           int
	stdout, stderr string
}

// at runs command lines against a cluster; stdin is what they may read.
func at(t *testing.T, c *clienttest.Cluster, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"--servers", strings.Join(c.Addrs(), ",")}, args...)
	code := run(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func TestCommandsPrintTheirResults(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		stdin, line string
		want        result
	}{
		{"", "set a 1", result{0, "OK, revision 1\n", ""}},
		{"", "get a", result{0, "1\n", ""}},
		{"", "get a --raw", result{0, "1", ""}},
		{"", "get a --output json", result{0, `{"key":"a","value":"1","revision":1}` + "\n", ""}},
		{"", "get a --consistency bounded --max-staleness 1s --server n2", result{0, "1\n", ""}},
		{"line\n", "set b -", result{0, "OK, revision 2\n", ""}},
		{"", "list b", result{0, "b\t\"line\\n\"\n", ""}},
		{"", "set c --output json --file " + file, result{0, `{"revision":3}` + "\n", ""}},
		{"\xff\x00", "set d -", result{0, "OK, revision 4\n", ""}},
		{"", "get d --output json", result{0, `{"key":"d","value_base64":"/wA=","revision":4}` + "\n", ""}},
		{"", "set e -- -3", result{0, "OK, revision 5\n", ""}},
		{"", "get e --raw", result{0, "-3", ""}},
		{"", "list --keys-only --start-after a --limit 2", result{0, "b\nc\n", ""}},
		{"", "list c --output json", result{0, `{"key":"c","value":"from a file","revision":3}` + "\n", ""}},
		{"", "delete a", result{0, "OK, revision 6\n", ""}},
		{"", "delete a", result{0, "OK, it did not exist\n", ""}},
		{"", "delete a --output json", result{0, `{"revision":8,"existed":false}` + "\n", ""}},
		{"", "cas a new --absent", result{0, "OK, revision 9\n", ""}},
		{"", "cas a newer --value new", result{0, "OK, revision 10\n", ""}},
		{"newest", "cas a - --revision 10", result{0, "OK, revision 11\n", ""}},
		{"", "snapshot n2", result{0, "OK, 42 bytes up to index 11\n", ""}},
	} {
		if got := at(t, c, tt.stdin, strings.Fields(tt.line)...); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	at(t, c, "", "set", "k", "v")
	at(t, c, "", "get", "k", "--consistency", "stale", "--min-revision", "1")
	at(t, c, "", "list", "k", "--consistency", "bounded", "--max-staleness", "3s")
	at(t, c, "", "add", "n2", "127.0.0.1:1", "--learner")
	get := c.Requests("Get")[0].(*kvorumv1.GetRequest).GetRead()
	list := c.Requests("List")[0].(*kvorumv1.ListRequest).GetRead()
	add := c.Requests("AddServer")[0].(*kvorumv1.AddServerRequest)
	switch {
	case get.GetConsistency() != kvorumv1.Consistency_CONSISTENCY_STALE || get.GetMinRevision() != 1:
		t.Errorf("get asked for %v", get)
	case list.GetConsistency() != kvorumv1.Consistency_CONSISTENCY_BOUNDED || list.GetMaxStaleness().GetSeconds() != 3:
		t.Errorf("list asked for %v", list)
	case add.GetId() != "n2" || add.GetRpcAddr() != "127.0.0.1:1" || !add.GetStayLearner():
		t.Errorf("add asked for %v", add)
	}
}

func TestExitCodesTellScriptsWhatHappened(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	at(t, c, "", "set", "k", "old")
	for line, want := range map[string]result{
		"get nothing":                      {3, "", `get "nothing": the key does not exist (KEY_NOT_FOUND)`},
		"cas k new --absent":               {4, "", `cas "k": not swapped: it holds "old" at revision 1`},
		"cas nothing new --value x":        {4, "", `cas "nothing": not swapped: the key does not exist`},
		"":                                 {2, "", "a command is needed; see kvctl --help"},
		"frobnicate":                       {2, "", `unknown command "frobnicate"; see kvctl --help`},
		"set k":                            {2, "", "accepts 2 arg(s), received 1; see kvctl set --help"},
		"set k v --file f":                 {2, "", "accepts 1 arg(s), received 2; see kvctl set --help"},
		"get k --frobnicate":               {2, "", "unknown flag: --frobnicate; see kvctl get --help"},
		"get k --consistency strong":       {2, "", `want one of linearizable, lease, bounded, stale; see kvctl get --help`},
		"get k --output xml":               {2, "", "want one of text, json"},
		"cas k new":                        {2, "", "at least one of the flags"},
		"cas k new --absent --value x":     {2, "", "none of the others can be"},
		"get k --tls-cert f":               {2, "", "tls-key"},
		"get k --tls-ca /does/not/be":      {1, "", "read the TLS authority: open /does/not/be"},
		"set k --file /does/not/be":        {1, "", "read the value: open /does/not/be"},
		"get k --server n9":                {1, "", `kvctl: get "k": no such server in this cluster: n9; kvctl servers lists the members`},
		"get k --servers nowhere":          {1, "", "host:port"},
		"promote n9":                       {1, "", "(NOT_A_MEMBER); nothing was changed; kvctl servers lists"},
		"cas k new --absent --output json": {4, `{"swapped":false,"existed":true,"value":"old","revision":1}` + "\n", "not swapped"},
	} {
		got := at(t, c, "", strings.Fields(line)...)
		if got.code != want.code || got.stdout != want.stdout || !strings.Contains(got.stderr, want.stderr) {
			t.Errorf("%q: got %+v, want %+v", line, got, want)
		}
		if !strings.HasPrefix(got.stderr, "kvctl: ") || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%q: the error is not one line: %q", line, got.stderr)
		}
	}
}

func TestAFailedWriteSaysWhetherItMayHaveHappened(t *testing.T) {
	t.Parallel()
	for want, fail := range map[string]error{
		`set "k": lost leadership (LEADERSHIP_LOST); outcome unknown: it may yet take effect; read before you try again`: clienttest.Error(
			codes.Unavailable, "LEADERSHIP_LOST", "unknown", "lost leadership"),
		`set "k": too much at once (BUSY); nothing was changed; try again later`: clienttest.Error(
			codes.ResourceExhausted, "BUSY", "definite", "too much at once"),
	} {
		c := clienttest.Start(t, 1)
		c.Before(func(_ int, method string) error {
			if method == "Set" {
				return fail
			}
			return nil
		})
		got := at(t, c, "", "set", "k", "v")
		if got.code != exitFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	// This one is tried again to the end of the time, so it is not awaited here.
	got := (&kvctl{write: true}).explain(failure{`set "k"`, clienttest.ErrNoLeader()})
	if want := `(NO_LEADER); nothing was changed; try again, or look at kvctl status`; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAChangeOfUnknownOutcomeShowsInTheServers(t *testing.T) {
	t.Parallel()
	lost := clienttest.Error(codes.Unavailable, "LEADERSHIP_LOST", "unknown", "lost leadership")
	for _, line := range []string{"add n2 127.0.0.1:1", "promote n2", "remove n2", "transfer n2"} {
		c := clienttest.Start(t, 1)
		c.Before(func(_ int, method string) error {
			if method == "GetServers" {
				return nil
			}
			return lost
		})
		got := at(t, c, "", strings.Fields(line)...)
		if want := "outcome unknown: it may yet take effect; look at kvctl servers\n"; got.code != exitFailed || !strings.HasSuffix(got.stderr, want) {
			t.Errorf("%s: got %+v, want %q", line, got, want)
		}
	}
}

func TestHelpTellsTheTruth(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	for line, want := range map[string]string{
		"--help":     "not there yet: txn, explain",
		"get --help": "so far it is served as linearizable",
	} {
		if got := at(t, c, "", strings.Fields(line)...); got.code != exitDone || !strings.Contains(got.stdout, want) {
			t.Errorf("%s: got %+v, want %q", line, got, want)
		}
	}
	for _, name := range []string{"txn", "explain"} {
		if got := at(t, c, "", name); got.code != exitUsage {
			t.Errorf("%s: got %+v; it is there, so the help is wrong", name, got)
		}
	}
}

func TestMuchTooLargeValueIsSentAndItsErrorShown(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1, grpc.MaxRecvMsgSize(32<<20))
	c.Before(func(_ int, method string) error {
		if method != "Set" {
			return nil
		}
		return clienttest.Error(codes.InvalidArgument, "VALUE_TOO_LARGE", "definite", "the value is too large")
	})
	got := at(t, c, strings.Repeat("x", 11<<20), "set", "k", "-")
	if got.code != exitFailed || !strings.Contains(got.stderr, "(VALUE_TOO_LARGE); nothing was changed; the servers' --max-value-bytes") {
		t.Errorf("got %+v", got)
	}
}

func TestAnUnreachableClusterIsSaidToBe(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 1)
	c.Stop(0)
	got := at(t, c, "", "set", "k", "v", "--timeout", "2s")
	for _, want := range []string{"no server could be reached", "connection refused", "nothing was changed", "--servers " + c.Addr(0)} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("%q is not in %q", want, got.stderr)
		}
	}
	if got.code != exitFailed {
		t.Errorf("got exit code %d", got.code)
	}
}

func TestServersShowsTheMembers(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 2)
	for _, args := range [][]string{{"servers"}, {"add", "n2", c.Addr(1)}, {"promote", "n2"}, {"remove", "n2"}, {"leave", "n2"}, {"transfer", "n1"}} {
		got := at(t, c, "", args...)
		lines := strings.Split(got.stdout, "\n")
		if got.code != 0 || len(lines) != 4 || strings.Join(strings.Fields(lines[1]), " ") != "n1 "+c.Addr(0)+" voter leader" {
			t.Errorf("%v: got %+v", args, got)
		}
	}
	var members []member
	if err := json.Unmarshal([]byte(at(t, c, "", "servers", "--output", "json").stdout), &members); err != nil {
		t.Fatal(err)
	}
	if len(members) != 2 || members[1] != (member{"n2", c.Addr(1), "voter", false}) {
		t.Errorf("got %+v", members)
	}
}

func TestStatusShowsAServerThatIsDown(t *testing.T) {
	t.Parallel()
	c := clienttest.Start(t, 3)
	c.Stop(2)
	got := at(t, c, "", "status")
	lines := strings.Split(got.stdout, "\n")
	if got.code != 0 || len(lines) != 5 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []string{
		"SERVER ROLE TERM LEADER COMMIT APPLIED LAG SNAPSHOT HASH ADDRESS",
		"n1 leader 1 n1 0 0 0 0 000000000000feed " + c.Addr(0),
		"n2 follower 1 n1 0 0 0 0 000000000000feed " + c.Addr(1),
		"n3 unreachable " + c.Addr(2),
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
	var reports []map[string]any
	if err := json.Unmarshal([]byte(at(t, c, "", "status", "--output", "json").stdout), &reports); err != nil {
		t.Fatal(err)
	}
	if len(reports) != 3 || reports[0]["role"] != "leader" || reports[2]["role"] != nil || reports[2]["error"] == nil {
		t.Errorf("got %v", reports)
	}
}

func TestLagIsBehindTheHighestCommitIndex(t *testing.T) {
	t.Parallel()
	reports := []report{{answer: &answer{CommitIndex: 9, AppliedIndex: 4}}, {}, {answer: &answer{CommitIndex: 7, AppliedIndex: 10}}}
	measureLag(reports)
	if a, b := reports[0].Lag, reports[2].Lag; a != 5 || b != 0 {
		t.Errorf("got lags %d and %d, want 5 and 0", a, b)
	}
}

func TestEveryCommandHasAnExampleThatParses(t *testing.T) {
	t.Parallel()
	root := (&kvctl{}).command()
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if !strings.Contains(cmd.Example, "  kvctl ") {
			t.Errorf("%s --help shows no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			parses(t, strings.TrimSpace(line))
		}
	}
}

// parses checks one line of an example, but for what a shell would do with it.
func parses(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " >")
	_, line, _ = strings.Cut(line, "kvctl ")
	cmd, args, err := (&kvctl{}).command().Find(strings.Fields(line))
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if err := cmd.ParseFlags(args); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}
