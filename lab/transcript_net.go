package lab

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// key is equal for messages that say the same, whatever the commands in them are. In
// brief, heartbeats do, whatever their round, in a term without reads.
func (t *transcript) key(m *raft.Message) string {
	text := m.String()
	switch body := m.Body.(type) {
	case raft.AppendEntries:
		if t.brief && !t.reading[m.Term] && len(body.Entries) == 0 {
			break
		}
		text += fmt.Sprintf(" round=%d", body.Round)
	case raft.AppendEntriesResponse:
		if t.brief && !t.reading[m.Term] {
			break
		}
		text += fmt.Sprintf(" prev=%d round=%d", body.PrevLogIndex, body.Round)
	case raft.InstallSnapshot:
		text += fmt.Sprintf(" round=%d", body.Round)
	}
	return text
}

// keyOfLetter returns the key of a message of the script.
func (t *transcript) keyOfLetter(l script.Letter) string {
	key, known := t.keys[l.Number]
	if !known {
		key = t.key(&l.Message)
		t.keys[l.Number] = key
	}
	return key
}

// keyOf returns the key of the message that an act is about. That of a read changes
// when the read is told.
func (t *transcript) keyOf(a *act) string {
	switch a.Message.Body.(type) {
	case raft.ReadIndexRequest, raft.ReadIndexResponse:
		return t.key(t.renumbered(*a.Message))
	}
	if a.key == "" {
		a.key = t.key(a.Message)
	}
	return a.key
}

// renumbered returns a message of the simulator as it is in the script.
func (t *transcript) renumbered(m raft.Message) *raft.Message {
	switch body := m.Body.(type) {
	case raft.ReadIndexRequest:
		m.Body = raft.ReadIndexRequest{ID: t.reads[body.ID]}
	case raft.ReadIndexResponse:
		m.Body = raft.ReadIndexResponse{ID: t.reads[body.ID], Index: body.Index}
	}
	return &m
}

// letter returns the message of the script that is the given one of the run: the first
// that says the same. Among the lost it looks if lost is true, else among the others.
func (t *transcript) letter(m *raft.Message, lost bool) (found script.Letter, is bool) {
	key := t.key(t.renumbered(*m))
	for _, l := range t.draft.stage.Letters() {
		if l.From == m.From && l.To == m.To && slices.Contains(t.lost, l.Number) == lost && t.keyOfLetter(l) == key {
			return l, true
		}
	}
	return script.Letter{}, false
}

// sweep delivers what waits in the order in which it was sent, as far as that is what
// comes next to each server: so one command can deliver many. What comes after the
// next comment stays there.
func (t *transcript) sweep() {
	for t.why == "" && t.draft.panicked == "" {
		n := t.arrival()
		if n == 0 {
			return
		}
		t.tellNext(n)
	}
}

// arrival returns the act that is the arrival of a message that waits, if it is the
// next of its receiver, and the message the first on its link; 0: there is none.
func (t *transcript) arrival() int {
	var passed []string
	for _, l := range t.draft.stage.Letters() {
		if slices.Contains(passed, link(l)) {
			continue
		}
		passed = append(passed, link(l))
		if slices.Contains(t.lost, l.Number) {
			continue
		}
		if n := t.nextStep(l); n > 0 {
			return n
		}
	}
	return 0
}

// nextStep returns the act by which a message arrives if nothing but quiet ticks come
// before, which need not be told; in brief, also past answers that move nothing, if
// this is another.
func (t *transcript) nextStep(l script.Letter) int {
	s := t.actors[l.To]
	if s == nil || s.gathering {
		return 0
	}
	var st raft.Status
	if t.brief {
		st, _ = t.draft.stage.Status(s.id)
	}
	ticks, passed := s.ticks, false
	for n := s.at; n > 0 && n < t.limit; n = t.acts[n].next {
		a := &t.acts[n]
		switch {
		case a.done:
		case a.Kind == sim.Ticked && a.isQuiet():
			ticks++
		case t.isArrival(a, l):
			if passed && !t.teachesNothing(a, &st) || !passed && ticks > 0 && !isNoMatter(a) && !t.isForgottenAfter(ticks, a, s) {
				return 0
			}
			return n
		case t.brief && t.teachesNothing(a, &st):
			passed = true
		default:
			return 0
		}
	}
	return 0
}

// isArrival reports whether an act is the arrival of a message.
func (t *transcript) isArrival(a *act, l script.Letter) bool {
	return a.Kind == sim.Stepped && a.decides && a.Message.From == l.From && t.keyOf(a) == t.keyOfLetter(l)
}

// tellNext tells the arrival of a message, and before it the ticks before it.
func (t *transcript) tellNext(n int) {
	a := &t.acts[n]
	for s := t.actors[a.Server]; s.at != n && !isNoMatter(a); {
		t.tell(s.at)
	}
	t.tell(n)
}

// deliver tells that a message arrives.
func (t *transcript) deliver(a *act) {
	l, is := t.letter(a.Message, false)
	if !is {
		t.refuse(a, "%v arrives, which nobody has sent in the script", a.Message)
		return
	}
	text := t.pick(l)
	if len(t.lost) > 0 && text[0] == '#' {
		t.dropLost(false)
		text = t.pick(l)
	}
	_, isSnapshot := l.Body.(raft.InstallSnapshot)
	if isSnapshot {
		text += " untold"
	}
	before := t.draft.stage.Letters()
	t.do("deliver %s", text)
	if !isSnapshot {
		t.draft.delivered(l, before)
	}
}

// pick names a message: by its kind and link where it is the first such, else by its
// number.
func (t *transcript) pick(l script.Letter) string {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", l.Body), "raft.")
	text := fmt.Sprintf("1 %s %s->%s", kind, l.From, l.To)
	f, _ := script.ParseFilter(strings.Fields(text)) // never fails
	for _, other := range t.draft.stage.Letters() {
		if f.Picks(other.Message) {
			if other.Number != l.Number {
				return fmt.Sprintf("#%d", l.Number)
			}
			break
		}
	}
	return text
}

// lose tells that a message is lost.
func (t *transcript) lose(a *act) {
	l, is := t.letter(a.Message, false)
	if !is {
		return // it never left: its sender's process has ended
	}
	if _, is := l.Body.(raft.InstallSnapshot); is {
		t.do("drop %s untold", t.pick(l))
		return
	}
	t.lost = append(t.lost, l.Number)
}

// dropLost drops what was lost: all, or without what was sent to servers that are down,
// which can wait until there is somebody again who could receive it.
func (t *transcript) dropLost(all bool) {
	isDropped, others := map[int]bool{}, map[string]bool{} // others: links with messages that stay
	letters := t.draft.stage.Letters()
	for _, l := range letters {
		_, runs := t.draft.stage.Status(l.To)
		isDropped[l.Number] = slices.Contains(t.lost, l.Number) && (all || runs)
		others[link(l)] = others[link(l)] || !isDropped[l.Number]
	}
	var links, numbers []string
	for _, l := range letters {
		switch {
		case !isDropped[l.Number], slices.Contains(links, link(l)):
		case others[link(l)]:
			numbers = append(numbers, fmt.Sprintf("#%d", l.Number))
		default:
			links = append(links, link(l))
		}
	}
	t.lost = slices.DeleteFunc(t.lost, func(n int) bool { return isDropped[n] })
	for _, words := range [][]string{links, numbers} {
		if len(words) > 0 {
			t.draft.do("drop " + strings.Join(words, " ")) //nolint:errcheck // there is no mistake in it
		}
	}
}

func link(l script.Letter) string { return string(l.From + "->" + l.To) }

// repeat tells that a copy of a message is on its way.
func (t *transcript) repeat(a *act) {
	if l, is := t.letter(a.Message, true); is { // the copy takes the place of what was lost
		t.lost = slices.DeleteFunc(t.lost, func(n int) bool { return n == l.Number })
		return
	}
	if l, is := t.letter(a.Message, false); is {
		t.do("duplicate #%d", l.Number)
		return
	}
	t.refuse(a, "%v comes twice, which nobody has sent in the script", a.Message)
}
