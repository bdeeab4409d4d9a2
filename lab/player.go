package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Player plays a run, forth and back. It is not safe for concurrent use.
//
// A scene only goes forth. To go back is to play the run again from its beginning,
// which takes seconds where that is far, so on the way the frames of the last events
// are kept: from then on what is shown may be earlier than where the scene stands.
type Player struct {
	run    Run
	scene  scene         // stands at what is shown, or later in the same run
	done   int           // how many actions of the run have been done there
	opened int           // how many scenes were, this one included
	at     int           // the event that is shown
	clock  float64       // of whoever plays it
	marked int           // event; -1: none
	most   int           // event: mostEvents
	kept   [keeps]*Frame // of some events of this run: that of event e at e % keeps
	window window

	// What the run came to, up to the furthest event that was played.
	remarks []remark
	marks   []Mark
	digests []uint64  // after each event, from 1 on
	times   []float64 // likewise
	shown   int       // remarks before this one belong to earlier frames
	undone  []string  // what of the run could not be done, since Complaint was asked
}

// mostEvents is how far a run is played: a calm one has no end of its own. To play that
// far takes some seconds and a hundred megabytes; no chaotic run has come to half of it.
const mostEvents = 400_000

// NewPlayer opens a run at its beginning. Errors: what is wrong with the run.
func NewPlayer(r Run) (*Player, error) {
	p := &Player{run: r, window: window{lo: 24}, marked: -1, most: mostEvents}
	if err := p.restart(); err != nil {
		return nil, err
	}
	return p, nil
}

// restart opens the run at its beginning.
func (p *Player) restart() error {
	s, err := open(p.run)
	if err != nil {
		return err
	}
	if p.scene != nil {
		p.scene.close()
	}
	p.scene, p.done, p.opened = s, 0, p.opened+1
	p.record()
	return nil
}

// Close ends the run.
func (p *Player) Close() { p.scene.close() }

// Run returns the run with all that was done to it.
func (p *Player) Run() Run {
	r := p.run
	r.Drop, r.Do = append([]int{}, r.Drop...), append([]Action{}, r.Do...)
	return r
}

// Link returns the link to what is shown.
func (p *Player) Link() string { return p.run.Link(p.at) }

// Violation returns the first invariant that broke up to what is shown, or nil.
func (p *Player) Violation() *Violation { return p.look().Violation }

// one lets the scene play its next event, an action of the run or one of its own. It
// reports false if there is none.
func (p *Player) one() bool {
	at := p.scene.events()
	if at >= p.most {
		return false
	}
	p.scene.hush(at < len(p.digests)) // then it is recorded
	if p.isDue() {
		line := p.run.Do[p.done].Line
		if _, err := p.scene.do(line); err != nil {
			p.note(remark{event: at, time: p.scene.now(), line: fmt.Sprintf("%s%s: %v", prompt, line, err)})
			p.leaveOut(p.done+1, err)
			return true
		}
		p.done++
		if at == len(p.digests) {
			p.note(remark{event: at + 1, time: p.scene.now(), line: prompt + line})
		}
	} else if !p.scene.step() {
		if p.scene.violation() == nil {
			p.leaveOut(len(p.run.Do), fmt.Errorf("the run has ended at event %d", at))
		}
		return false
	}
	p.record()
	return true
}

// leaveOut takes from the run what is to be done next, up to the given action, because
// it cannot be done: the link is from another version, perhaps, or was damaged.
func (p *Player) leaveOut(end int, why error) {
	for _, a := range p.run.Do[p.done:end] {
		p.undone = append(p.undone, fmt.Sprintf("`%s` at event %d is left out: %v", a.Line, a.At, why))
	}
	p.run.Do = slices.Delete(slices.Clone(p.run.Do), p.done, end)
}

// Complaint returns what of the run could not be done when its event came, a line each,
// since it was last asked for.
func (p *Player) Complaint() string {
	text := strings.Join(p.undone, "\n")
	p.undone = nil
	return text
}

// record keeps what was said at an event that is played for the first time.
func (p *Player) record() {
	at, lines := p.scene.events(), p.scene.said()
	if at <= len(p.digests) && (at > 0 || len(p.remarks) > 0) {
		return
	}
	for _, line := range lines {
		p.note(remark{event: at, time: p.scene.now(), line: line})
	}
	if at > 0 {
		p.digests = append(p.digests, p.scene.digest())
		p.times = append(p.times, p.scene.now())
	}
	if at == p.most {
		p.note(remark{event: at, time: p.scene.now(), line: errMost.Error()})
	}
}

// errMost says that a run is not played on.
var errMost = fmt.Errorf("a run is played up to event %d, and no further", mostEvents)

// over reports whether nothing comes any more where the scene stands.
func (p *Player) over() bool { return p.scene.over() || p.scene.events() >= p.most }

// note keeps a remark, and marks the moment if it stands out.
func (p *Player) note(r remark) {
	s := p.scene.sentence(r)
	r.kind = s.Kind
	p.remarks = append(p.remarks, r)
	if kind := markOf(s); kind != "" {
		p.marks = append(p.marks, Mark{r.event, r.time, kind, s.Server, s.Text})
	}
}

// isDue reports whether an action is what comes next.
func (p *Player) isDue() bool {
	return p.done < len(p.run.Do) && p.run.Do[p.done].At == p.scene.events()
}

// Do does what a line says, now. What was to be done later is forgotten, with all
// that came of it. It answers what there is to say.
func (p *Player) Do(line string) (answer string, err error) {
	c, args, err := find(p.scene.commands(), line)
	if err != nil {
		return "", err
	}
	if c.ask != nil {
		answer, err = c.ask(p, args)
		return answer, c.explain(err)
	}
	if err := p.play(p.at, 0); err != nil {
		return "", err
	}
	if p.at >= p.most {
		return "", errMost
	}
	p.scene.hush(false)
	if answer, err = p.scene.do(line); err != nil {
		return "", err
	}
	answer = strings.TrimPrefix(answer+forgotten(len(p.run.Do)-p.done), "\n")
	p.forget(p.at)
	p.run.Do = append(p.run.Do[:p.done:p.done], Action{p.at, line})
	p.done++
	p.note(remark{event: p.at + 1, time: p.scene.now(), line: prompt + line})
	p.record()
	return answer, p.Seek(p.scene.events())
}

func forgotten(actions int) string {
	switch actions {
	case 0:
		return ""
	case 1:
		return "\nforgotten: 1 later command"
	}
	return fmt.Sprintf("\nforgotten: %d later commands", actions)
}

// forget forgets what came after an event.
func (p *Player) forget(event int) {
	p.remarks = slices.Clip(p.remarks[:p.firstRemark(event+1)])
	p.digests = slices.Clip(p.digests[:min(event, len(p.digests))])
	p.times = slices.Clip(p.times[:len(p.digests)])
	p.marks = slices.DeleteFunc(p.marks, func(m Mark) bool { return m.Event > event })
	if p.marked > event {
		p.marked = -1
	}
	for i, f := range p.kept {
		if f != nil && f.Event > event {
			p.kept[i] = nil
		}
	}
}

// Undo forgets the last action, and goes to where it was done.
func (p *Player) Undo() error {
	if len(p.run.Do) == 0 {
		return fmt.Errorf("nothing was done")
	}
	last := p.run.Do[len(p.run.Do)-1]
	p.run.Do = p.run.Do[:len(p.run.Do)-1]
	p.forget(last.At)
	if err := p.restart(); err != nil {
		return err
	}
	return p.Seek(last.At)
}

// saidInFrame is how many sentences of each kind a frame has at most, the last ones.
const saidInFrame = 200

// Frame returns what there is to see. What it says was said since the frame before,
// where the run has only advanced since.
func (p *Player) Frame() Frame {
	f := *p.look()
	f.Time, f.Furthest = p.clock, Point{Event: len(p.digests)}
	f.Over = f.Over && !slices.ContainsFunc(p.run.Do, func(a Action) bool { return a.At == f.Event })
	if n := len(p.times); n > 0 {
		f.Furthest.Time = p.times[n-1]
	}
	f.Furthest.Time = max(f.Furthest.Time, p.clock)
	f.Said, _ = p.last(p.shown, p.firstRemark(f.Event+1), saidInFrame)
	return f
}

// last returns what was said from one remark to another: of each kind the last so many
// sentences, for there are so many messages that nothing else would be among the last.
func (p *Player) last(from, to, limit int) (said []Sentence, more bool) {
	said = []Sentence{}
	count := map[string]int{}
	for i := to - 1; i >= from; i-- {
		r := p.remarks[i]
		if count[r.kind]++; count[r.kind] <= limit {
			said = append(said, p.scene.sentence(r))
		} else {
			more = true
		}
	}
	slices.Reverse(said)
	return said, more
}

// Marks returns what stands out in the run as far as it was played.
func (p *Player) Marks() []Mark { return append([]Mark{}, p.marks...) }

// Said returns what was said from one event to another; of each kind only the last so
// many sentences, if there are more.
func (p *Player) Said(from, to, limit int) (said []Sentence, more bool) {
	return p.last(p.firstRemark(from), p.firstRemark(to+1), limit)
}
