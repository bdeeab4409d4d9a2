package script

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"kvorum/raft"
)

// performed performs the lines of a script and returns the stage, and what the last line printed.
func performed(t *testing.T, lines ...string) (*Stage, string) {
	t.Helper()
	s := New(nil)
	for _, line := range lines {
		s.Turn()
		if err := s.Do(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return s, s.Printed()
}

func TestAClusterHasItsOptions(t *testing.T) {
	t.Parallel()
	s, _ := performed(t, "cluster S1 S2 append=4,250B inflight=900B uncommitted=5 heartbeat=1 lazy seeds=7,8", "server S3 seed=9")
	want := raft.Config{
		ElectionTicks: 10, HeartbeatTicks: 1, MaxAppend: raft.Limit{Entries: 4, Bytes: 250}, MaxInflight: raft.Limit{Bytes: 900},
		MaxUncommitted: raft.Limit{Entries: 5}, LazyCommit: true, Trace: true,
	}
	if s.config != want {
		t.Errorf("got %+v, want %+v", s.config, want)
	}
	if views := s.Servers(); len(views) != 3 || views[0].Status.Config.String() != "{S1,S2}" || len(views[2].Status.Config.Servers()) != 0 {
		t.Errorf("got %+v", views)
	}
	if _, out := performed(t, "cluster S1 S2 S3 uncommitted=2", "elect S1 with S2 S3", "propose S1 x y"); out != "  S1 answers: raft: too many uncommitted entries\n" {
		t.Errorf("past its limit a leader says %q", out)
	}
}

// The ticks that pass before a server stands.
func patience(t *testing.T, lines ...string) int {
	t.Helper()
	for n := range 20 {
		if _, out := performed(t, append(lines, "tick S1")...); strings.Contains(out, "election timeout") {
			return n + 1
		}
		lines = append(lines, "tick S1")
	}
	t.Fatal("it never stands")
	return 0
}

func TestASeedSaysWhenAServerStands(t *testing.T) {
	t.Parallel()
	byNumber, bySeed := patience(t, "cluster S1 S2"), patience(t, "cluster S1 S2 seeds=9")
	again := patience(t, "cluster S1 S2", "crash S1", "restart S1 seed=9")
	if byNumber != patience(t, "cluster S1 S2 seeds=1") || byNumber == bySeed || again != bySeed {
		t.Errorf("it stands after %d ticks, with seed 9 after %d, started again with that after %d", byNumber, bySeed, again)
	}
}

func TestMessagesAreNamedByNumber(t *testing.T) {
	t.Parallel()
	lines := []string{"cluster S1 S2 S3", "show messages", "elect S1 with S2 S3", "drop", "heartbeat S1"}
	s, _ := performed(t, lines...)
	numbers := func(s *Stage) (all []int) {
		for l := range s.Letters() {
			all = append(all, l.Number)
		}
		return all
	}
	n := numbers(s)
	if len(n) != 2 {
		t.Fatalf("%d messages", len(n))
	}
	second := "#" + strconv.Itoa(n[1])
	if s, out := performed(t, append(lines, "deliver "+second)...); !strings.HasPrefix(out, "S1 -> S3 AppendEntries") || numbers(s)[0] != n[0] {
		t.Errorf("deliver %s: %q, %v are left of %v", second, out, numbers(s), n)
	}
	if s, _ := performed(t, append(lines, "drop "+second)...); !slices.Equal(numbers(s), n[:1]) {
		t.Errorf("drop %s: %v are left of %v", second, numbers(s), n)
	}
	if s, _ := performed(t, append(lines, "duplicate "+second)...); len(numbers(s)) != 3 || waiting(s)[2].To != "S3" {
		t.Errorf("duplicate %s: %v", second, waiting(s))
	}
	if s, out := performed(t, append(lines, "deliver #9999")...); out != "" || !slices.Equal(numbers(s), n) {
		t.Errorf("a message that is not there: %q, %v", out, numbers(s))
	}
}

// heldLeader leads, and has three batches that its disk has not finished.
var heldLeader = []string{"cluster S1 S2 S3", "show nothing", "elect S1 with S2 S3", "deliver", "hold S1", "propose S1 x", "propose S1 y", "propose S1 z"}

func onDisk(s *Stage) raft.Index {
	entries := s.Disks("S1")[0].Entries
	return entries[len(entries)-1].Index
}

func TestADiskFinishesSomeOfItsBatches(t *testing.T) {
	t.Parallel()
	s, _ := performed(t, heldLeader...)
	if len(s.Disks("S1")) != 4 || onDisk(s) != 1 || len(s.Disks("S1")[3].Entries) != 4 {
		t.Fatalf("the disk: %+v", s.Disks("S1"))
	}
	s, _ = performed(t, append(heldLeader, "persist S1 2")...)
	if v := s.Servers()[0]; !v.Held || v.Status.Stable != 3 || onDisk(s) != 3 {
		t.Errorf("after two: held %t, stable %d, on the disk %d", v.Held, v.Status.Stable, onDisk(s))
	}
	s, _ = performed(t, append(heldLeader, "persist S1")...)
	if v := s.Servers()[0]; v.Held || v.Status.Stable != 4 || onDisk(s) != 4 {
		t.Errorf("after all: held %t, stable %d, on the disk %d", v.Held, v.Status.Stable, onDisk(s))
	}
}

// Whether or not a server takes inputs only: its disk tells it.
func TestADiskTellsAServerThatGathers(t *testing.T) {
	t.Parallel()
	s, _ := performed(t, append(heldLeader, "deliver among S1 S2", "gather S1", "persist S1")...)
	if v := s.Servers()[0]; v.Status.Stable != 4 || v.Status.CommitIndex != 1 {
		t.Errorf("while it gathers: stable %d, commitIndex %d", v.Status.Stable, v.Status.CommitIndex)
	}
	if err := s.Do("perform S1"); err != nil || s.Servers()[0].Status.CommitIndex != 4 {
		t.Errorf("then: %v, commitIndex %d", err, s.Servers()[0].Status.CommitIndex)
	}
}

func TestACrashLeavesWhatWasWritten(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]raft.Index{"crash S1": 1, "crash S1 written 0": 1, "crash S1 written 1": 2, "crash S1 written 9": 4} {
		s, _ := performed(t, append(heldLeader, line)...)
		if got := onDisk(s); got != want || s.Servers()[0].Running {
			t.Errorf("%s: the log on its disk ends at %d, want %d", line, got, want)
		}
	}
	s, _ := performed(t, append(heldLeader, "persist S1", "deliver", "crash S1 snapshot 3")...)
	if got := s.Disks("S1")[0]; got.Snapshot.ID() != (raft.EntryID{Index: 3, Term: 1}) || got.Snapshot.Config.String() != "{S1,S2,S3}" || len(got.Entries) != 4 {
		t.Errorf("got %+v", got)
	}
}

// An older snapshot does not take the place of a newer one.
func TestASnapshotIsNotReplacedByAnOlderOne(t *testing.T) {
	t.Parallel()
	s, _ := performed(t, append(heldLeader, "persist S1", "deliver", "compact S1 upto 3 keep 0", "compact S1 upto 2 keep 0")...)
	if got := s.Disks("S1")[0].Snapshot.LastIncludedIndex; got != 3 {
		t.Errorf("the snapshot on the disk ends at %d", got)
	}
}

func TestASenderIsToldOfItsSnapshotLater(t *testing.T) {
	t.Parallel()
	lines := append(heldLeader, "persist S1", "drop S1->S3", "deliver among S1 S2", "compact S1 upto 4 keep 0", "drop", "heartbeat S1",
		"deliver AppendEntries AppendEntriesResponse S1->S3 S3->S1")
	state := func(s *Stage) string { return s.Servers()[0].Status.Peers[1].State }
	if s, _ := performed(t, lines...); state(s) != "snapshot" {
		t.Fatalf("S3 is sent no snapshot, but %s", state(s))
	}
	for line, want := range map[string]string{
		"drop InstallSnapshot": "probe", "drop InstallSnapshot untold": "snapshot", "deliver InstallSnapshot untold": "snapshot", "told S1 S3": "probe",
	} {
		if s, _ := performed(t, append(lines, line)...); state(s) != want {
			t.Errorf("%s: then %s, want %s", line, state(s), want)
		}
	}
}

func TestAsManyMessagesAreDroppedAsThereAre(t *testing.T) {
	t.Parallel()
	s, _ := performed(t, "cluster S1 S2 S3", "show nothing", "elect S1 with S2 S3", "deliver")
	for range 1100 {
		s.send([]raft.Message{{From: "S1", To: "S2", Body: raft.TimeoutNow{}}})
	}
	if err := s.Do("drop"); err != nil || len(waiting(s)) != 0 {
		t.Errorf("%v; %d are left", err, len(waiting(s)))
	}
}
