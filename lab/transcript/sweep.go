package transcript

import (
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// sweep delivers what waits in the order in which it was sent, as far as that is what
// comes next to each server: so one command can deliver many. What comes after the
// next remark stays there.
func (t *teller) sweep() {
	for !t.isStuck() {
		n := t.arrival()
		if n == 0 {
			return
		}
		t.tellNext(n)
	}
}

// arrival returns the act that is the arrival of a message that waits, if it is the
// next of its receiver, and the message the first on its link; 0: there is none.
func (t *teller) arrival() int {
	passed := map[script.Link]bool{}
	for l := range t.draft.stage.Letters() {
		if passed[l.Link()] {
			continue
		}
		passed[l.Link()] = true
		if t.lost[l.Number] {
			continue
		}
		if n := t.nextStep(l); n > 0 {
			return n
		}
	}
	return 0
}

// nextStep returns the act by which a message arrives if nothing comes before it but
// quiet ticks that need not be told; in brief, also past answers that teach the
// receiver nothing, if this is another. Else it returns 0.
func (t *teller) nextStep(l script.Letter) int {
	s := t.actors[l.To]
	if s == nil || s.gathering {
		return 0
	}
	afterTicks, afterAnswers := s.ticks > 0, false
	for n := s.next; n > 0 && n < t.limit; n = t.acts[n].next {
		a := &t.acts[n]
		switch {
		case a.told:
		case a.Kind == sim.Ticked && a.isQuiet():
			afterTicks = true
		case t.isArrival(a, l):
			if afterAnswers && t.teachesNothing(a, s) || !afterAnswers && (!afterTicks || isIdleAnswer(a) || t.forgetsTicks(a, s)) {
				return n
			}
			return 0
		case t.brief && t.teachesNothing(a, s):
			afterAnswers = true
		default:
			return 0
		}
	}
	return 0
}

// isArrival reports whether an act is the arrival of a message.
func (t *teller) isArrival(a *act, l script.Letter) bool {
	return a.Kind == sim.Stepped && a.drained && a.Message.From == l.From && t.keyOf(a) == t.keyOfLetter(l)
}

// tellNext tells the arrival of a message, and before it the ticks before it, unless
// they may come after it.
func (t *teller) tellNext(n int) {
	a := &t.acts[n]
	for s := t.actors[a.Server]; s.next != n && !isIdleAnswer(a); {
		t.tell(s.next)
	}
	t.tell(n)
}
