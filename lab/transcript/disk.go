package transcript

import (
	"slices"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// hold holds a disk if it does not answer at once to what is handed out after act i.
func (t *teller) hold(i int, s *actor) {
	if !s.held && !t.answersAtOnce(i) {
		t.do("hold %s", s.id)
		s.held = true
	}
}

// answersAtOnce reports whether a disk finishes the batch that is handed out after act
// i, and those that follow from that, before anything else happens to its server. Then
// it sees to it that those acts get no word: a disk that is not held answers at once.
func (t *teller) answersAtOnce(i int) bool {
	var answers []int
	for a := &t.acts[i]; a.batch != 0; {
		next := t.skipQuiet(a)
		n := &t.acts[next]
		if next == 0 || n.Kind != sim.Persisted || n.Number != a.batch || !n.drained {
			return false
		}
		answers, a = append(answers, next), n
	}
	for _, n := range answers {
		t.acts[n].told = true
		t.acts[i].fates = append(t.acts[i].fates, t.acts[n].fates...)
	}
	return true
}

// skipQuiet returns the next input of a's server, past the ticks that do nothing to
// one that a message has made, or left, a follower: for that it is all the same
// whether its disk answers before or after them.
func (t *teller) skipQuiet(a *act) int {
	next := a.next
	if a.Kind != sim.Stepped {
		return next
	}
	switch a.Message.Body.(type) {
	case raft.AppendEntries, raft.InstallSnapshot, raft.RequestVote:
		for next > 0 && t.acts[next].Kind == sim.Ticked && t.acts[next].isQuiet() {
			next = t.acts[next].next
		}
	}
	return next
}

// persisted tells that a disk that is held has finished some of its batches. It is held
// on while it has others, or comes to have one that it does not finish at once.
func (t *teller) persisted(i int, s *actor) {
	a := &t.acts[i]
	t.wait(s)
	n := 0
	for n < len(s.batches) && s.batches[n] <= a.Number {
		n++
	}
	if n == 0 {
		t.refuse(a, "the disk of %s finishes a batch that it does not have", s.id)
		return
	}
	if !a.drained {
		t.gather(s)
	}
	s.batches = slices.Delete(s.batches, 0, n)
	if len(s.batches) == 0 && t.answersAtOnce(i) {
		s.held = false
		t.do("persist %s", s.id)
	} else {
		t.do("persist %s %d", s.id, n)
	}
	t.decide(i, s)
}
