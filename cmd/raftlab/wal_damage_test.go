package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kvorum/raft/wal"
)

func TestDamageHurtsTheCopyOnly(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	before := contents(t, dir)
	for _, how := range []string{"--flip", "--zero", "--truncate", "--remove"} {
		for _, where := range []string{"--record 1", "--record -1", "--at identity:20", "--seed 1", "--seed 2"} {
			out := filepath.Join(t.TempDir(), "out")
			code, told, complaints := raftlabRuns(t, "wal damage "+dir+" "+out+" "+how+" "+where)
			if code != 0 || complaints != "" {
				t.Fatalf("%s %s: got %d, %s", how, where, code, complaints)
			}
			if hurt := contents(t, out); maps.Equal(hurt, before) || len(hurt) == 0 {
				t.Errorf("%s %s: the copy is not damaged", how, where)
			}
			s, err := wal.Open(wal.OS(), out, wal.Options{Name: "n1"})
			if err == nil {
				s.Close()
			}
			if want := "a server does not start on it"; strings.Contains(told, want) != (err != nil) || err != nil && !strings.Contains(told, err.Error()) {
				t.Errorf("%s %s: a server says %v, and we: %s", how, where, err, told)
			}
		}
	}
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("the original has changed")
	}
}

func TestDamageToTheLastRecordLooksTorn(t *testing.T) {
	t.Parallel()
	dir, out := sample(t), filepath.Join(t.TempDir(), "out")
	_, told, _ := raftlabRuns(t, "wal damage --zero --record -2 "+dir+" "+out)
	if !strings.Contains(told, "does not start") {
		t.Errorf("got %s", told)
	}
	_, told, _ = raftlabRuns(t, "wal damage --zero --record -1 "+dir+" "+out+"2")
	if !strings.Contains(told, "cut a write that a crash has torn") {
		t.Errorf("got %s", told)
	}
}

func TestZeroClearsTheWholeRecord(t *testing.T) {
	t.Parallel()
	dir, out := sample(t), filepath.Join(t.TempDir(), "out")
	in, err := wal.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	raftlabRuns(t, "wal damage --zero --record 4 "+dir+" "+out)
	hurt := records(in)[3]
	want := []byte(contents(t, dir)[hurt.file])
	clear(want[hurt.lo:hurt.hi])
	if got := contents(t, out)[hurt.file]; got != string(want) {
		t.Errorf("%+v is not what is zero in the copy", hurt)
	}
}

func TestDamageRefusesWhatItMustNotTouch(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	for _, out := range []string{t.TempDir(), dir, filepath.Join(dir, "copy")} {
		before := contents(t, out)
		if code, _, complaints := raftlabRuns(t, "wal damage --flip --seed 1 "+dir+" "+out); code != 1 || !maps.Equal(before, contents(t, out)) {
			t.Errorf("%s: got %d, %s", out, code, complaints)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "copy")); err == nil {
		t.Error("there is a copy in the folder itself")
	}
}
