package dashboard

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestJournalKeepsTheLatestWhateverTheLogShows(t *testing.T) {
	t.Parallel()
	var j Journal
	var shown bytes.Buffer
	log := slog.New(j.Handler(slog.NewTextHandler(&shown, &slog.HandlerOptions{Level: slog.LevelError})))
	log.Debug("a detail")
	for i := range journalLength {
		log.Info(fmt.Sprint("record ", i))
	}
	log.With("id", "n1").WithGroup("disk").Warn("slow", "took", 3)
	log.Error("failed")
	records := j.Records()
	if len(records) != journalLength || records[0].GetText() != "record 2" {
		t.Fatalf("got %d records from %v on", len(records), records[0])
	}
	got := records[journalLength-2]
	if got.GetText() != "slow" || got.GetLevel() != "WARN" || got.GetNumber() != journalLength+1 ||
		strings.Join(got.GetFields(), " ") != "id=n1 disk.took=3" || got.GetUnixMilli() == 0 {
		t.Errorf("got %v", got)
	}
	if strings.Contains(shown.String(), "record") || !strings.Contains(shown.String(), "failed") {
		t.Errorf("the log shows %q, want what it is enabled for", &shown)
	}
}

// TestRecordsStayAsTheyWere: neither later records nor loggers made of the same one
// write into them.
func TestRecordsStayAsTheyWere(t *testing.T) {
	t.Parallel()
	var j Journal
	log := slog.New(j.Handler(slog.DiscardHandler)).With("a", 1, "b", 2, "c", 3)
	one, other := log.With("d", 4), log.With("e", 5)
	one.Info("first")
	other.Info("second")
	log.Info("third", "f", 6)
	log.Info("fourth", "g", 7)
	log.WithGroup("x").WithGroup("y").Info("fifth", "h", 8)
	for i, want := range []string{"d=4", "e=5", "f=6", "g=7", "x.y.h=8"} {
		if got := j.Records()[i].GetFields(); len(got) != 4 || got[3] != want {
			t.Errorf("record %d: got %v, want %s at the end", i, got, want)
		}
	}
	for range journalLength {
		log.Info("later")
	}
	before := j.Records()
	before[0].Text = "the oldest"
	log.Info("latest") // takes its place
	if before[0].GetText() != "the oldest" {
		t.Errorf("what was read has become %v", before[0])
	}
}
