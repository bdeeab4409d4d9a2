package linearizability

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	historyFile = flag.String("history", "testdata/legal.jsonl", "file of a history that TestReplay checks")
	seed        = flag.Uint64("seed", 1, "seed of the first history")
	histories   = flag.Int("histories", 1, "histories that each suite makes, one seed after the other")
	checkLimit  = flag.Duration("check-limit", time.Minute, "time to decide on one history")
)

// total is what verify has checked, for TestMain to print.
var total struct {
	sync.Mutex // tests run side by side
	Figures
}

// verify fails the test if h is not linearizable, and then leaves the history,
// a page that shows it, and the commands to check it again and to make it again.
func verify(t *testing.T, h History) {
	t.Helper()
	verifySaved(t, h, makeAgain(t.Name(), h.Seed))
}

// makeAgain returns the command that runs a suite with the seed of one history.
func makeAgain(test string, seed uint64) string {
	pattern := "^" + strings.ReplaceAll(test, "/", "$/^") + "$"
	return fmt.Sprintf("make it again:  go test ./linearizability -count=1 -v -run '%s' -histories 1 -seed %d\n"+
		"Real processes draw the same operations and faults then, but not the same interleaving: it may take many runs.", pattern, seed)
}

// verifySaved is verify with further instructions.
func verifySaved(t *testing.T, h History, further string) {
	t.Helper()
	total.Lock()
	total.Count(h)
	total.Unlock()
	err := Check(h, *checkLimit)
	if err == nil {
		return
	}
	dir, e := os.MkdirTemp("", "kvorum-history-")
	if e != nil {
		t.Fatal(err, e)
	}
	instructions, e := Save(h, dir, *checkLimit)
	if e != nil {
		t.Fatal(err, e)
	}
	t.Fatalf("%v (seed %d)\n%s\n%s", err, h.Seed, instructions, further)
}

// TestReplay checks a saved history again: the one that -history names, or else
// one that shows that files of this format can still be read.
func TestReplay(t *testing.T) {
	t.Parallel()
	h, err := ReadHistoryFile(*historyFile)
	if err != nil {
		t.Fatal(err)
	}
	verifySaved(t, h, "")
}

func TestCommandToMakeAHistoryAgainNamesSuiteAndSeed(t *testing.T) {
	t.Parallel()
	want := "go test ./linearizability -count=1 -v -run '^TestX$/^one_way$' -histories 1 -seed 7\n"
	if got := makeAgain("TestX/one_way", 7); !strings.Contains(got, want) || !strings.Contains(got, "not the same interleaving") {
		t.Errorf("got %q, want it to hold %q and a warning", got, want)
	}
}

func TestSavedFailureCanBeLookedAtAndCheckedAgain(t *testing.T) {
	t.Parallel()
	h := remember(t, staleRead, 1)
	h.Faults = []Fault{{Name: "pause n2", Start: time.Second, End: 2 * time.Second, Effect: "n3 leads"}}
	instructions, err := Save(h, t.TempDir(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(instructions)
	saved, err := ReadHistoryFile(words[len(words)-1])
	if err != nil || Check(saved, time.Minute) == nil {
		t.Errorf("the saved history is found linearizable, or not found: %v", err)
	}
	page, err := os.ReadFile(words[3])
	if err != nil || !strings.Contains(string(page), "pause n2") {
		t.Errorf("the page does not show the fault (error %v)", err)
	}
}
