package transcript

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/script"
)

// maxLost is how many messages that are lost wait at most when a block begins: whatever
// waits is looked at with every message that comes, and a server may be down for long.
const maxLost = 100

// many is how many messages are counted, and not named.
const many = 10

// lose notes that a message is lost, which is dropped later. A snapshot is dropped now,
// and its sender hears of that when it did in the run.
func (t *teller) lose(a *act) {
	l, is := t.letter(a, false)
	if !is {
		return // it never left: its sender's process has ended
	}
	if _, is := l.Body.(raft.InstallSnapshot); is {
		t.do("drop %s untold", t.pick(l))
		return
	}
	t.lost[l.Number] = true
}

// dropLost drops what was lost: all, or without what was sent to servers that are down,
// which can wait until there is somebody again who could receive it. Where all that
// waits on a link is dropped, the link is named; where many that are the first there
// are, they are counted; else the messages are named.
func (t *teller) dropLost(all bool) {
	var links, lines []string
	var numbers []int
	for _, w := range t.lostWays(all) {
		switch {
		case !w.keeps:
			links = append(links, w.link.String())
		case len(w.lost) >= many && !w.keepsFirst:
			lines = append(lines, fmt.Sprintf("drop %d %s", len(w.lost), w.link))
		default:
			numbers = append(numbers, w.lost...)
		}
		for _, n := range w.lost {
			delete(t.lost, n)
		}
	}
	if len(links) > 0 {
		lines = append(lines, "drop "+strings.Join(links, " "))
	}
	if len(numbers) > 0 {
		slices.Sort(numbers)
		line := "drop"
		for _, n := range numbers {
			line += fmt.Sprintf(" #%d", n)
		}
		lines = append(lines, line)
	}
	for _, line := range lines {
		t.draft.do(line) //nolint:errcheck // there is no mistake in it
	}
}

// lostWay is a link on which messages are dropped.
type lostWay struct {
	link              script.Link
	lost              []int // their numbers
	keeps, keepsFirst bool  // others stay there, and before some of them
}

// lostWays returns the links on which dropLost drops messages, in the order in which
// the first message on each was sent.
func (t *teller) lostWays(all bool) []*lostWay {
	var ways []*lostWay
	on := map[script.Link]*lostWay{}
	for l := range t.draft.stage.Letters() {
		w := on[l.Link()]
		if w == nil {
			w = &lostWay{link: l.Link()}
			on[w.link], ways = w, append(ways, w)
		}
		if t.lost[l.Number] && (all || t.runs(l.To)) {
			w.lost, w.keepsFirst = append(w.lost, l.Number), w.keeps
		} else {
			w.keeps = true
		}
	}
	return slices.DeleteFunc(ways, func(w *lostWay) bool { return len(w.lost) == 0 })
}

// runs reports whether a server of the script does.
func (t *teller) runs(id raft.ServerID) bool {
	_, is := t.draft.stage.Status(id)
	return is
}
