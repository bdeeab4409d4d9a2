package sim

import (
	"cmp"
	"regexp"
	"strings"
	"testing"
	"time"
)

// message finds what a line of a trace says about a message, and what became of it.
var message = regexp.MustCompile(`^ *(\S+)s   (\S+ -> .*?)(?:  (repeated)?(?:, )?(arrives|lost: .*?|waits: .*?)?(?:, sent (\S+)s)?)?$`)

// TestTheTraceTellsWhatBecomesOfEveryMessage: it is sent, at once or later lost,
// or arrives, as is each copy. Only one that waits for a paused process may be
// lost with that, and one that is on its way when the run ends.
func TestTheTraceTellsWhatBecomesOfEveryMessage(t *testing.T) {
	t.Parallel()
	waits := 0
	for seed := range uint64(6) {
		type sending struct{ text, at, copy string }
		onTheWay, waited := map[sending]int{}, map[sending]bool{}
		sent, copies := 0, 0
		c := newCluster(Options{Seed: seed, Short: seed%2 == 1, Trace: func(line string) {
			m := message.FindStringSubmatch(line)
			if m == nil {
				return
			}
			now, text, copy, fate, at := m[1], m[2], m[3], m[4], m[5]
			key := sending{text, cmp.Or(at, now), copy}
			switch {
			case at == "" && copy != "":
				copies++
			case at == "":
				sent++
			}
			switch {
			case at == "" && fate == "":
				onTheWay[key]++
			case at != "" && onTheWay[key] == 0:
				t.Errorf("seed %d: was never sent: %s", seed, line)
			case strings.HasPrefix(fate, "waits"):
				waited[key] = true
			case at != "":
				onTheWay[key]--
			}
		}})
		c.create()
		c.play()
		waits += len(waited)
		if sent != c.network.sent || copies != c.counts[Duplicated] || sent == 0 {
			t.Errorf("seed %d: the trace has %d messages and %d copies, want %d and %d", seed, sent, copies, c.network.sent, c.counts[Duplicated])
		}
		for key, n := range onTheWay {
			at, _ := time.ParseDuration(key.at + "s")
			if n > 0 && !waited[key] && c.now-at > 10*time.Second {
				t.Errorf("seed %d: what became of %+v?", seed, key)
			}
		}
	}
	if waits == 0 {
		t.Error("no message waits for a paused process")
	}
}
