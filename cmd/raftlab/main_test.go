package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kvorum/raft/mutants"
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// raftlabRuns runs one command line.
func raftlabRuns(t *testing.T, line string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	code = run(t.Context(), strings.Fields(line), &out, &complaints)
	return code, out.String(), complaints.String()
}

func TestSimPlaysSeedsAndEndsWithItsFigures(t *testing.T) {
	t.Parallel()
	code, out, complaints := raftlabRuns(t, "sim --seeds 3 --base 7")
	figures := regexp.MustCompile(`^sim: seeds=3 events=\d+ sim_hours=\S+ cpu_minutes=\S+ sim_hours_per_cpu_minute=\S+ situations=\d+/\d+ violations=0\n$`)
	if code != 0 || !figures.MatchString(out) || complaints != "" {
		t.Errorf("got %d, %q, %q", code, out, complaints)
	}
}

func TestSimEndsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	if code, out, complaints := raftlabRuns(t, "sim --time 1s"); code != 0 || !strings.Contains(out, "violations=0") {
		t.Errorf("got %d, %q, %q", code, out, complaints)
	}
}

func TestReplaysAreEqual(t *testing.T) {
	t.Parallel()
	_, one, _ := raftlabRuns(t, "replay 3")
	_, two, _ := raftlabRuns(t, "replay 3")
	if one == "" || one != two {
		t.Error("two replays of seed 3 differ, or print nothing")
	}
}

func TestReplayPrintsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	_, whole, _ := raftlabRuns(t, "replay 3")
	_, until, _ := raftlabRuns(t, "replay 3 --until 4s")
	_, part, _ := raftlabRuns(t, "replay 3 --from 2s --until 4s")
	_, about, _ := raftlabRuns(t, "replay 3 --until 4s --server n1")
	if !strings.HasPrefix(whole, until) || !strings.HasSuffix(until, part) || len(part) == 0 || len(part) >= len(until) || len(until) >= len(whole) {
		t.Errorf("--from and --until do not cut out a part: %d bytes of %d of %d", len(part), len(until), len(whole))
	}
	all := strings.Split(until, "\n")
	for line := range strings.Lines(about) {
		line = strings.TrimSuffix(line, "\n")
		if !slices.Contains(all, line) || strings.Contains(line, "n2 -> n3") {
			t.Errorf("with --server n1: %q", line)
		}
	}
	if !strings.Contains(about, "n1 -> n2") || !strings.Contains(about, "n2 -> n1") {
		t.Error("with --server n1, what it sends or receives is missing")
	}
}

func TestReplayKnowsItsServers(t *testing.T) {
	t.Parallel()
	seed := 0
	for !slices.Contains(sim.Run(uint64(seed), nil).Servers, "n1@2") {
		seed++
	}
	replay := fmt.Sprintf("replay %d --server ", seed)
	_, name, _ := raftlabRuns(t, replay+"n1")
	_, second, _ := raftlabRuns(t, replay+"n1@2")
	if !strings.Contains(name, " n1@2 starts\n") || !strings.Contains(name, " n1 starts\n") {
		t.Error("--server n1 leaves out n1, or n1@2 in its place")
	}
	if !strings.Contains(second, " n1@2 starts\n") || !strings.Contains(second, "-> n1@2 ") || strings.Contains(second, " n1 starts\n") {
		t.Error("--server n1@2 leaves out that, or does not leave out n1")
	}
	for _, stranger := range []string{"n9", "n1@9", "n"} {
		code, out, complaints := raftlabRuns(t, replay+"n1,n1@2,"+stranger+" --until 1s")
		if code != 2 || out != "" || !strings.Contains(complaints, "--server "+stranger+": there is no such server in this run, but n1, ") {
			t.Errorf("%s: got %d, %q, %q", stranger, code, out, complaints)
		}
	}
}

func TestShortSeedsAreReplayed(t *testing.T) {
	t.Parallel()
	code, short, _ := raftlabRuns(t, "replay 3 --short")
	_, whole, _ := raftlabRuns(t, "replay 3")
	if code != 0 || short == "" || len(short) > len(whole)/3 {
		t.Errorf("got %d, and %d bytes where the whole run has %d", code, len(short), len(whole))
	}
	if code, out, complaints := raftlabRuns(t, "sim --short --seeds 100"); code != 0 || !strings.Contains(out, " seeds=100 ") {
		t.Errorf("got %d, %q, %q", code, out, complaints)
	}
}

func TestTheNumberOfServersCanBeFixed(t *testing.T) {
	t.Parallel()
	for seed := range 4 {
		code, out, complaints := raftlabRuns(t, fmt.Sprintf("replay %d --servers 6 --until 1ms", seed))
		if code != 0 || !strings.Contains(out, " 6 servers, ") || !strings.Contains(out, " n6 starts\n") || strings.Contains(out, " n7 starts\n") {
			t.Errorf("seed %d: got %d, %q, %q", seed, code, out, complaints)
		}
	}
	if code, out, complaints := raftlabRuns(t, "sim --servers 1 --seeds 2"); code != 0 || !strings.Contains(out, " seeds=2 ") {
		t.Errorf("got %d, %q, %q", code, out, complaints)
	}
	for _, wrong := range []string{"sim --servers 8", "replay 3 --servers 5 --short"} {
		if code, _, _ := raftlabRuns(t, wrong); code != 2 {
			t.Errorf("%s: got %d", wrong, code)
		}
	}
}

func TestReplayWritesAScript(t *testing.T) {
	t.Parallel()
	for line, title := range map[string]string{
		"replay 4 --short --until 2s --script":            "A short run of the simulator with seed 4, up to event ",
		"replay 7 --servers 5 --until 3s --script":        "A chaotic run of the simulator with seed 7, up to event ",
		"replay 4 --short --until 2s --drop 0-9 --script": "A short run of the simulator with seed 4, up to event ",
	} {
		code, out, complaints := raftlabRuns(t, line)
		if again, err := script.Play(out); code != 0 || complaints != "" || err != nil || again != out {
			t.Errorf("%s: got %d, %q; played as a script: %v, the same: %t", line, code, complaints, err, again == out)
		}
		if got := script.Parse(out).Title(); !strings.HasPrefix(got, title) {
			t.Errorf("%s: got %q", line, got)
		}
	}
	for _, wrong := range []string{"--open", "--from 1s", "--server n1"} {
		if code, out, _ := raftlabRuns(t, "replay 4 --script "+wrong); code != 2 || out != "" {
			t.Errorf("with %s: got %d, %q", wrong, code, out)
		}
	}
}

func TestReplayLeavesActionsOut(t *testing.T) {
	t.Parallel()
	_, whole, _ := raftlabRuns(t, "replay 3 --until 4s")
	_, without, _ := raftlabRuns(t, "replay 3 --until 4s --drop 0-100000")
	if without == "" || without == whole {
		t.Error("without any actions, the run is the same")
	}
}

func TestMutantsListsTheZoo(t *testing.T) {
	t.Parallel()
	code, out, complaints := raftlabRuns(t, "mutants")
	if code != 0 || complaints != "" {
		t.Fatalf("got %d, %q", code, complaints)
	}
	for _, m := range mutants.All() {
		if !strings.Contains(out, fmt.Sprintf("%2d %s ", m.Number, m.Name)) {
			t.Errorf("%d %s is not there", m.Number, m.Name)
		}
	}
	if want := "1 vote-without-log-check  §5.4.1  (classic)\n"; !strings.Contains(out, want) {
		t.Errorf("there is no line %q", want)
	}
}

// TestABrokenRuleIsFoundReplayedAndShrunk is what people do with a failing seed.
func TestABrokenRuleIsFoundReplayedAndShrunk(t *testing.T) {
	t.Parallel()
	const mutant = "commit-an-old-term-by-counting"
	code, out, complaints := raftlabRuns(t, "sim --seeds 500 --mutant "+mutant)
	if code != 1 || !strings.Contains(complaints, "raftlab: seed ") {
		t.Fatalf("no seed fails: %d, %q, %q", code, out, complaints)
	}
	broken := strings.TrimSpace(complaints[strings.LastIndex(complaints, "raftlab: "):])

	code, _, complaints = raftlabRuns(t, command(t, out, "replay"))
	if code != 1 || !strings.Contains(complaints, broken) {
		t.Errorf("replayed: got %d, %q, want %q", code, complaints, broken)
	}
	code, out, complaints = raftlabRuns(t, command(t, out, "shrink"))
	if code != 0 || !strings.Contains(out, "shrunk from") || !isAction.MatchString(strings.SplitAfter(out, "left:\n")[1]) {
		t.Fatalf("shrunk: got %d, %q, %q", code, out, complaints)
	}
	smaller := strings.SplitN(out, "\n", 2)[0]
	again := command(t, out, "replay")
	if !strings.Contains(again, "--drop") {
		t.Errorf("nothing was left out: %s", again)
	}
	if code, _, complaints = raftlabRuns(t, again); code != 1 || !strings.Contains(complaints, smaller) {
		t.Errorf("replayed what was shrunk: got %d, %q, want %q", code, complaints, smaller)
	}
}

// TestExamplesWork: what the help shows is what people try first. Here it ends
// soon; --all is TestMutantsAreCounted's.
func TestExamplesWork(t *testing.T) {
	t.Parallel()
	soon := map[string]string{"sim": "--time=1s", "shrink": "--time=5s", "mutants": "--seeds=0"}
	root := (&raftlab{}).command()
	var lines []string
	for _, cmd := range append(root.Commands(), root) {
		if !slices.Contains([]string{"wal", "serve", "export"}, cmd.Name()) { // see their own tests
			lines = slices.AppendSeq(lines, strings.Lines(cmd.Example))
		}
	}
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(strings.ReplaceAll(line, "\n", ""), -1)
		if words[0] != "raftlab" || slices.Contains(words, "--all") || slices.Contains(words, "--open") || slices.Contains(words, "serve") {
			continue
		}
		for i := range words {
			words[i] = strings.Trim(words[i], "'")
		}
		if more := soon[words[1]]; more != "" {
			words = append(words, more)
		}
		var out, complaints bytes.Buffer
		code := run(t.Context(), words[1:], &out, &complaints)
		found := words[1] == "sim" && slices.Contains(words, "--mutant") && code == 1 && strings.HasPrefix(complaints.String(), "raftlab: seed ")
		if out.Len() == 0 || code != 0 && !found {
			t.Errorf("%s: got %d, %s", line, code, &complaints)
		}
	}
}

// command returns the command line that an output suggests.
func command(t *testing.T, out, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + `: go run ./cmd/raftlab (.*)$`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no line %q in %q", name, out)
	}
	return found[1]
}

func TestMutantsShowsWhatNotices(t *testing.T) {
	t.Parallel()
	code, out, complaints := raftlabRuns(t, "mutants 1 --seeds 100")
	if code != 0 || !strings.HasPrefix(complaints, "raftlab: seed ") {
		t.Errorf("got %d, %q", code, complaints)
	}
	for _, want := range []string{
		"\n+	return true\n",
		"s by ./raft TestElectionRestriction",
		"\nexpected: I4: ",
		"\n$ raftlab sim --seeds 100 --mutant vote-without-log-check\nseed ",
		"\nthe last 30 of ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in what it says:\n%s", want, out)
		}
	}
}

func TestAMutantThatNothingNoticesSurvives(t *testing.T) {
	t.Parallel()
	var out, complaints bytes.Buffer
	if code := run(t.Context(), []string{"mutants", "1", "--by", "./raft -run TestElectionTimeoutsDiffer"}, &out, &complaints); code != 1 ||
		!strings.Contains(out.String(), "\nsurvived all tests in ") || complaints.String() != "raftlab: vote-without-log-check survives\n" {
		t.Errorf("got %d, %s, %s", code, &complaints, &out)
	}
}

func TestMutantsAreCounted(t *testing.T) {
	t.Parallel()
	both := []mutants.Mutation{mutants.All()[0], mutants.All()[10]}
	for by, want := range map[string]string{
		"": "mutants: 2 caught, 0 survived, 2 total\n",
		"./raft -run TestQuorumMinIsWhatAMajorityHasReached": "survivor: 1 vote-without-log-check: a test is missing, or it changes nothing that matters\n" +
			"mutants: 1 caught, 1 survived, 2 total\n",
	} {
		var out bytes.Buffer
		l := &raftlab{stdout: &out}
		if err := l.tryMutants(t.Context(), slices.Clone(both), by); !strings.HasSuffix(out.String(), want) || (err == nil) != strings.Contains(want, " 0 survived") {
			t.Errorf("by %q: got %v, %s", by, err, &out)
		}
	}
}

func TestWrongUsageIsTold(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                       "a command is needed",
		"simulate":               `unknown command "simulate"`,
		"sim 3":                  "unknown command",
		"sim --seeds -1":         "not negative",
		"sim --mutant nobody":    `no mutant "nobody"`,
		"mutants nobody":         `no mutant "nobody"`,
		"mutants 1 --all":        "not both",
		"mutants --by ./raft":    "--by needs the name",
		"replay":                 "one seed is needed",
		"replay x":               `"x" is no seed`,
		"replay 1 --drop 3-1":    "want numbers and ranges that rise",
		"replay 1 --until 3":     "missing unit",
		"shrink 1 2":             "one seed is needed",
		"shrink 1 --time minute": "invalid duration",
	} {
		if code, out, complaints := raftlabRuns(t, line); code != 2 || out != "" || !strings.Contains(complaints, want) || !strings.Contains(complaints, "--help") {
			t.Errorf("%q: got %d, %q, %q, want %q", line, code, out, complaints, want)
		}
	}
	if code, _, complaints := raftlabRuns(t, "shrink 1"); code != 1 || complaints != "raftlab: seed 1 breaks no invariant\n" {
		t.Errorf("shrink 1: got %d, %q", code, complaints)
	}
}

func TestRangesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0", "0-2", "0-2,5,7-9", "4,6"} {
		var r ranges
		if err := r.Set(s); err != nil || r.String() != s {
			t.Errorf("%s: got %v, %v", s, &r, err)
		}
	}
}

func TestInterruptionEndsTheSearch(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if code := run(ctx, []string{"sim", "--time", "1h"}, &out, &out); code != 0 || !strings.Contains(out.String(), "seeds=0 ") {
		t.Errorf("got %d, %s", code, &out)
	}
}
