package lab

import (
	"fmt"
	"slices"
)

// Player plays a run, forth and back. It is not safe for concurrent use.
//
// To go back is to play from the beginning: the run is the same, and what was said
// the first time is kept.
type Player struct {
	run    Run
	scene  scene
	done   int     // how many actions of the run have been done
	clock  float64 // of whoever plays it
	window window

	// What the run came to, up to the furthest event that was played.
	remarks []remark
	marks   []Mark
	digests []uint64  // after each event, from 1 on
	times   []float64 // likewise
	shown   int       // remarks before this one belong to earlier frames
}

// NewPlayer opens a run at its beginning. Errors: what is wrong with the run.
func NewPlayer(r Run) (*Player, error) {
	p := &Player{run: r, window: window{lo: 24}}
	var err error
	if p.scene, err = open(r); err != nil {
		return nil, err
	}
	p.record()
	return p, nil
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
func (p *Player) Link() string { return p.run.Link(p.scene.events()) }

// Violation returns the first invariant that broke up to what is shown, or nil.
func (p *Player) Violation() *Violation { return p.scene.violation() }

// one plays the next event, an action of the run or one of the scene's own. It
// reports false if there is none.
func (p *Player) one() bool {
	at := p.scene.events()
	if p.done < len(p.run.Do) && p.run.Do[p.done].At == at {
		line := p.run.Do[p.done].Line
		if _, err := p.scene.do(line); err != nil {
			// A link from another version, perhaps: it is said, and left out.
			p.note(remark{at, p.scene.now(), fmt.Sprintf("%s%s: %v", prompt, line, err)})
			p.run.Do = slices.Delete(slices.Clone(p.run.Do), p.done, p.done+1)
			return true
		}
		p.done++
		if at == len(p.digests) {
			p.note(remark{at + 1, p.scene.now(), prompt + line})
		}
	} else if !p.scene.step() {
		return false
	}
	p.record()
	return true
}

// record keeps what was said at an event that is played for the first time.
func (p *Player) record() {
	at, lines := p.scene.events(), p.scene.said()
	if at <= len(p.digests) && (at > 0 || len(p.remarks) > 0) {
		return
	}
	for _, line := range lines {
		p.note(remark{at, p.scene.now(), line})
	}
	if at > 0 {
		p.digests = append(p.digests, p.scene.digest())
		p.times = append(p.times, p.scene.now())
	}
}

// note keeps a remark, and marks the moment if it stands out.
func (p *Player) note(r remark) {
	p.remarks = append(p.remarks, r)
	if s := p.scene.sentence(r); s.Kind != "message" {
		if kind := markOf(s); kind != "" {
			p.marks = append(p.marks, Mark{r.event, r.time, kind, s.Server, s.Text})
		}
	}
}

// Seek goes to the given event, forth or back, or to the end if that comes first.
func (p *Player) Seek(event int) error {
	if event < p.scene.events() {
		if err := p.restart(); err != nil {
			return err
		}
	}
	for p.scene.events() < event && p.one() {
	}
	p.arrive()
	return nil
}

// arrive sets the clock, and what a frame says, to the event that was gone to.
func (p *Player) arrive() {
	p.clock = p.scene.now()
	p.shown = p.firstRemark(p.scene.events())
}

func (p *Player) restart() error {
	s, err := open(p.run)
	if err != nil {
		return err
	}
	p.scene.close()
	p.scene, p.done = s, 0
	p.record()
	return nil
}

// SeekTime goes to the last event up to the given time.
func (p *Player) SeekTime(ms float64) error {
	if ms < p.clock {
		event, _ := slices.BinarySearchFunc(p.times, ms, func(t, ms float64) int {
			if t <= ms {
				return -1
			}
			return 1
		})
		if err := p.Seek(event); err != nil {
			return err
		}
		p.clock = max(ms, p.scene.now())
		return nil
	}
	p.Advance(ms - p.clock)
	p.shown = p.firstRemark(p.scene.events())
	return nil
}

// Advance lets so many milliseconds pass; of a script, so many steps.
func (p *Player) Advance(ms float64) {
	p.shown = p.firstRemark(p.scene.events() + 1)
	end := p.clock + ms
	for !p.scene.over() && (p.scene.next() <= end || p.isDue()) {
		if !p.one() {
			break
		}
	}
	p.clock = max(p.clock, p.scene.now())
	if !p.scene.over() {
		p.clock = max(p.clock, end)
	}
}

func (p *Player) isDue() bool {
	return p.done < len(p.run.Do) && p.run.Do[p.done].At == p.scene.events()
}

// Step goes on until something is said, n times; back if n is negative.
func (p *Player) Step(n int) error {
	if n < 0 {
		return p.stepBack(-n)
	}
	for range n {
		for before := len(p.remarks); p.one(); {
			if at := p.scene.events(); len(p.remarks) > before || p.firstRemark(at) < p.firstRemark(at+1) {
				break
			}
		}
	}
	p.arrive()
	return nil
}

func (p *Player) stepBack(n int) error {
	event := p.scene.events()
	for range n {
		at := p.firstRemark(event)
		if at == 0 {
			return p.Seek(0)
		}
		event = p.remarks[at-1].event
	}
	return p.Seek(event)
}

// firstRemark returns which remark is the first at or after an event.
func (p *Player) firstRemark(event int) int {
	at, _ := slices.BinarySearchFunc(p.remarks, event, func(r remark, event int) int {
		if r.event < event {
			return -1
		}
		return 1
	})
	return at
}

// Do does what a line says, now. What was to be done later is forgotten, with all
// that came of it. It answers what there is to say.
func (p *Player) Do(line string) (answer string, err error) {
	if answer, is := help(line); is {
		return answer, nil
	}
	at := p.scene.events()
	if answer, err = p.scene.do(line); err != nil {
		return "", err
	}
	p.forget(at)
	p.run.Do = append(p.run.Do[:p.done:p.done], Action{at, line})
	p.done++
	p.note(remark{at + 1, p.scene.now(), prompt + line})
	p.record()
	p.arrive()
	return answer, nil
}

// forget forgets what came after an event.
func (p *Player) forget(event int) {
	p.remarks = slices.Clip(p.remarks[:p.firstRemark(event+1)])
	p.digests = slices.Clip(p.digests[:min(event, len(p.digests))])
	p.times = slices.Clip(p.times[:len(p.digests)])
	p.marks = slices.DeleteFunc(p.marks, func(m Mark) bool { return m.Event > event })
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

// Window sets which indexes of the logs a frame shows; hi 0: the last lo of them.
func (p *Player) Window(lo, hi uint64) { p.window = window{lo, hi} }

// saidInFrame is how many sentences a frame has at most, the last ones.
const saidInFrame = 200

// Frame returns what there is to see. What it says was said since the frame before,
// where the run has only advanced since.
func (p *Player) Frame() Frame {
	f := p.scene.frame(p.window)
	f.Event, f.Time, f.Over, f.Violation = p.scene.events(), p.clock, p.scene.over(), p.scene.violation()
	f.Furthest = Point{Event: len(p.digests)}
	if n := len(p.times); n > 0 {
		f.Furthest.Time = p.times[n-1]
	}
	f.Furthest.Time = max(f.Furthest.Time, p.clock)
	last := p.firstRemark(f.Event + 1)
	f.Said = p.sentences(max(p.shown, last-saidInFrame), last)
	return f
}

func (p *Player) sentences(from, to int) []Sentence {
	all := []Sentence{}
	for _, r := range p.remarks[from:max(from, to)] {
		all = append(all, p.scene.sentence(r))
	}
	return all
}

// Marks returns what stands out in the run as far as it was played.
func (p *Player) Marks() []Mark { return append([]Mark{}, p.marks...) }

// Said returns what was said from one event to another, the last of it if that is
// more than the limit.
func (p *Player) Said(from, to, limit int) (said []Sentence, more bool) {
	lo, hi := p.firstRemark(from), p.firstRemark(to+1)
	if hi-lo > limit {
		lo, more = hi-limit, true
	}
	return p.sentences(lo, hi), more
}
