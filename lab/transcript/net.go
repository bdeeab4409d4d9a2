package transcript

import (
	"fmt"
	"reflect"

	"kvorum/raft"
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// key is equal for messages that say the same, whatever the commands in them are. In
// brief, heartbeats do, whatever their round, in a term without reads.
func (t *teller) key(m *raft.Message) string {
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
func (t *teller) keyOfLetter(l script.Letter) string {
	key, known := t.keys[l.Number]
	if !known {
		key = t.key(&l.Message)
		t.keys[l.Number] = key
	}
	return key
}

// keyOf returns the key of the message that an act is about. That of a read changes
// when the read is told.
func (t *teller) keyOf(a *act) string {
	switch a.Message.Body.(type) {
	case raft.ReadIndexRequest, raft.ReadIndexResponse:
		return t.key(t.renumbered(*a.Message))
	}
	if a.key == "" {
		a.key = t.key(a.Message)
	}
	return a.key
}

// renumbered returns a message of the run as it is in the script, where reads have
// other numbers.
func (t *teller) renumbered(m raft.Message) *raft.Message {
	switch body := m.Body.(type) {
	case raft.ReadIndexRequest:
		m.Body = raft.ReadIndexRequest{ID: t.reads[body.ID]}
	case raft.ReadIndexResponse:
		m.Body = raft.ReadIndexResponse{ID: t.reads[body.ID], Index: body.Index}
	}
	return &m
}

// letter returns the message that waits in the script for that of an act: the first
// that says the same. If lost is true it looks among the lost, else among the others.
func (t *teller) letter(a *act, lost bool) (found script.Letter, is bool) {
	link, key := script.Link{From: a.Message.From, To: a.Message.To}, t.keyOf(a)
	for l := range t.draft.stage.Letters() {
		if l.Link() == link && t.lost[l.Number] == lost && t.keyOfLetter(l) == key {
			return l, true
		}
	}
	return script.Letter{}, false
}

// deliver tells that a message arrives. If it is a snapshot, its sender hears of that
// when it did in the run. If the message must be named by its number, those that are
// lost may be what stands before it.
func (t *teller) deliver(a *act) {
	l, is := t.letter(a, false)
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
	delivery := t.draft.delivery(l)
	t.do("deliver %s", text)
	if !isSnapshot {
		t.draft.delivered(delivery)
	}
}

// pick names a message: by its kind and link where it is the first such, else by its
// number.
func (t *teller) pick(l script.Letter) string {
	kind := reflect.TypeOf(l.Body)
	for other := range t.draft.stage.Letters() {
		if other.Number == l.Number {
			break
		}
		if other.Link() == l.Link() && reflect.TypeOf(other.Body) == kind {
			return fmt.Sprintf("#%d", l.Number)
		}
	}
	return fmt.Sprintf("1 %s %s", kind.Name(), l.Link())
}

// become tells what became of a message.
func (t *teller) become(a *act) {
	if a.Kind == sim.Lost {
		t.lose(a)
	} else {
		t.repeat(a)
	}
}

// repeat tells that a copy of a message is on its way.
func (t *teller) repeat(a *act) {
	if l, is := t.letter(a, true); is { // the copy takes the place of what was lost
		delete(t.lost, l.Number)
		return
	}
	if l, is := t.letter(a, false); is {
		t.do("duplicate #%d", l.Number)
		return
	}
	t.refuse(a, "%v comes twice, which nobody has sent in the script", a.Message)
}
