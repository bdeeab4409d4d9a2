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
