package transcript

import (
	"fmt"
	"time"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// Recording is a run of the simulator as its cores see it, with what was said
// meanwhile. Its method Take is for sim.Options.Record.
type Recording struct {
	Title string // the first comment of the script

	acts []act
}

// Take notes an input of a core, or what became of a message.
func (r *Recording) Take(i sim.Input) { r.acts = append(r.acts, act{Input: i}) }

// Say notes a remark, which becomes a comment on what is taken after it.
func (r *Recording) Say(m Remark) { r.acts = append(r.acts, act{remark: &m}) }

// Remark is something that is said about a run.
type Remark struct {
	At   time.Duration // virtual
	Kind RemarkKind
	Text string
}

// RemarkKind says what a remark is about.
type RemarkKind int

// What is said: what happens to servers, what somebody does to them, and that an
// invariant is broken. What happens is not said right after what somebody does.
const (
	Fault RemarkKind = iota
	Command
	Violation
)

func (m *Remark) String() string {
	text := m.Text
	if m.Kind == Command {
		text = "> " + text
	}
	return timed(m.At, text)
}

// timed returns a comment on what happens at a moment.
func timed(at time.Duration, text string) string {
	return fmt.Sprintf("%.3fs: %s", at.Seconds(), text)
}

// act is an input of a core, or what became of one of its messages or batches; or a
// remark, then Kind is empty. Others name it by its index among all acts.
type act struct {
	sim.Input
	remark *Remark

	next    int    // the next input of the same server; 0: there is none
	drained bool   // after it the core was asked for its effects. There were
	batch   uint64 // the batch with this number, to be saved; 0: none
	work    int    // and so many things to do in all, as sim.Work counts them
	fates   []int  // the acts that say which of its messages were lost or repeated at once

	told bool   // by a command, or without one
	key  string // of its message, once it is known
}

// tie tells each input which one is its server's next, which fates are those of its
// messages, and which effects were asked for right after it. It returns the terms in
// which somebody reads. If the core gave up at its last input it was not asked for
// effects any more.
func tie(acts []act, gaveUp bool) (reading map[raft.Term]bool) {
	last, final := map[raft.ServerID]int{}, 0
	reading = map[raft.Term]bool{}
	for i := range acts {
		a := &acts[i]
		if a.Kind == sim.ReadAsked {
			reading[a.Term] = true
		}
		n, known := last[a.Server]
		before := &acts[n]
		switch {
		case a.isFate() && known && before.Event == a.Event:
			before.fates, a.told = append(before.fates, i), true
			continue
		case !a.isInput():
			continue
		case a.Kind == sim.Drained && known && !before.drained && before.isCall():
			before.drain(a)
			a.told = true
			continue
		case a.Kind == sim.Drained:
			a.drain(a)
		}
		if known {
			before.next = i
		}
		last[a.Server], final = i, i
	}
	if gaveUp {
		acts[final].drained = true
	}
	return reading
}

// drain notes the effects that were asked for after a.
func (a *act) drain(effects *act) {
	a.drained, a.batch, a.work = true, effects.Number, effects.Work
}

// isQuiet reports whether a core was asked for its effects after a, and there were none.
func (a *act) isQuiet() bool { return a.drained && a.work == 0 }

// isFate reports whether a is what became of a message.
func (a *act) isFate() bool { return a.Kind == sim.Lost || a.Kind == sim.Repeated }

// isInput reports whether a is something that happens to the core of its server.
func (a *act) isInput() bool {
	return a.remark == nil && !a.isFate() && a.Kind != sim.Written
}

// isCall reports whether a is a call that effects may follow.
func (a *act) isCall() bool {
	return a.isInput() && a.Kind != sim.Started && a.Kind != sim.Ended && a.Kind != sim.Drained
}
