package lab

import (
	"fmt"
	"strings"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// recording is a run of the simulator as its cores see it, with what was said
// meanwhile.
type recording struct {
	run   Run
	at    int // the event up to which it was played
	acts  []act
	scene *worldScene // where it came to

	reading map[raft.Term]bool // the terms in which somebody reads
	seeds   map[int]uint64     // of the cores, by the act that starts them
}

// act is an input of a core, or what becomes of one of its messages or batches, or a
// sentence that stands out: then said is not empty.
type act struct {
	sim.Input
	breaks bool   // that an invariant broke was said
	said   string // in the words of a comment; empty: nothing worth one

	next    int  // the next input of the same server; 0: none is known
	decides bool // after it the core was asked for its effects,
	batch   uint64
	work    int    // and there were none
	done    bool   // a command has seen to it
	key     string // of its message, once it is known
	fates   []int  // what became at once of what was sent by it: lost, repeated
}

// record plays a run up to an event.
func record(r Run, at int) *recording {
	rec := &recording{run: r, at: at, scene: &worldScene{yours: map[int]bool{}}}
	s := rec.scene
	s.open(r, func(i sim.Input) {
		rec.listen()
		rec.acts = append(rec.acts, act{Input: i})
	})
	for done := 0; s.events() < at; {
		if done < len(r.Do) && r.Do[done].At == s.events() {
			line := r.Do[done].Line
			done++
			rec.listen()
			rec.say(prompt + line)
			s.do(line) //nolint:errcheck // where it cannot be done it is not part of the run
		} else if !s.step() {
			break
		}
	}
	rec.listen()
	rec.tie()
	rec.sow()
	return rec
}

// listen notes what was said since the last input.
func (rec *recording) listen() {
	for _, line := range rec.scene.said() {
		rec.say(line)
	}
}

// say notes a sentence, if it stands out.
func (rec *recording) say(line string) {
	s := rec.scene.sentence(remark{line: line})
	text := ""
	switch {
	case s.Kind == "command":
		text = "> " + s.Text
	case s.Kind == "violation":
		text = s.Text
	case s.Kind == "fault" && s.Text != "starts" && !strings.HasPrefix(s.Text, "action "):
		text = strings.TrimSpace(s.Server + " " + s.Text)
	}
	if w := rec.scene.world; w != nil && text != "" {
		a := act{said: fmt.Sprintf("%.3fs: %s", w.Now().Seconds(), text), breaks: s.Kind == "violation"}
		a.At, a.Event = w.Now(), w.Events()
		rec.acts = append(rec.acts, a)
	}
}

// tie tells each input which one is its server's next, and puts the effects that were
// asked for right after an input to that.
func (rec *recording) tie() {
	last, final := map[raft.ServerID]int{}, 0
	rec.reading = map[raft.Term]bool{}
	for i := range rec.acts {
		a := &rec.acts[i]
		if a.Kind == sim.ReadAsked {
			rec.reading[a.Term] = true
		}
		before, known := last[a.Server]
		if b := &rec.acts[before]; known && (a.Kind == sim.Lost || a.Kind == sim.Repeated) && b.Event == a.Event && a.said == "" {
			b.fates, a.done = append(b.fates, i), true
		}
		if !a.isInput() {
			continue
		}
		if known && a.Kind == sim.Drained && !rec.acts[before].decides && rec.acts[before].isCall() {
			b := &rec.acts[before]
			b.decides, b.batch, b.work, a.done = true, a.Number, a.Work, true
			continue
		}
		if a.Kind == sim.Drained {
			a.decides, a.batch, a.work = true, a.Number, a.Work
		}
		if known {
			rec.acts[before].next = i
		}
		last[a.Server], final = i, i
	}
	if v := rec.scene.violation(); v != nil && v.Invariant == "panic" {
		rec.acts[final].decides = true // it was not asked: it is not there any more
	}
}

// isQuiet reports whether a core was asked for its effects after a, and there were none.
func (a *act) isQuiet() bool { return a.decides && a.work == 0 }

// isInput reports whether a is something that happens to the core of its server.
func (a *act) isInput() bool {
	switch a.Kind {
	case "", sim.Lost, sim.Repeated, sim.Written:
		return false
	}
	return true
}

// isCall reports whether a is a call that effects may follow.
func (a *act) isCall() bool {
	return a.isInput() && a.Kind != sim.Started && a.Kind != sim.Ended && a.Kind != sim.Drained
}
