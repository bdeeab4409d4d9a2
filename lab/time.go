package lab

import "slices"

// keeps is how many frames are kept: some hundred steps back, and a few megabytes.
// To draw a frame takes as long as to play twenty events, so where a run is replayed
// the frames of its last 64th are kept, which makes that take a third longer at most.
const keeps = 512

// look returns the frame of the event that is shown.
func (p *Player) look() *Frame {
	if !p.has(p.at) {
		p.keep() // then the scene stands there
	}
	return p.kept[p.at%keeps]
}

// has reports whether the frame of an event is kept.
func (p *Player) has(event int) bool {
	f := p.kept[event%keeps]
	return f != nil && f.Event == event
}

// keep keeps the frame of where the scene stands.
func (p *Player) keep() {
	f := p.scene.frame(p.window)
	f.Event, f.Over, f.Violation = p.scene.events(), p.over(), p.scene.violation()
	p.kept[f.Event%keeps] = &f
}

// play brings the scene to an event, or to the end if that comes first, and keeps the
// last so many frames before it.
func (p *Player) play(event, frames int) error {
	if event < p.scene.events() {
		if err := p.restart(); err != nil {
			return err
		}
	}
	for p.scene.events() < event && p.one() {
		if event-p.scene.events() < frames {
			p.keep()
		}
	}
	return nil
}

// show goes to an event, or to the end if that comes first.
func (p *Player) show(event, frames int) error {
	if event > p.scene.events() || !p.has(event) {
		if err := p.play(event, frames); err != nil {
			return err
		}
	}
	p.at = min(event, p.scene.events())
	return nil
}

// Seek goes to the given event, forth or back, or to the end if that comes first.
func (p *Player) Seek(event int) error {
	err := p.show(max(0, event), min(keeps, event/64))
	p.clock = p.now()
	p.shown = p.firstRemark(p.at)
	return err
}

// now returns when the event was that is shown.
func (p *Player) now() float64 {
	if p.at == 0 {
		return 0
	}
	return p.times[p.at-1]
}

// SeekTime goes to the last event up to the given time.
func (p *Player) SeekTime(ms float64) (err error) {
	if ms < p.clock {
		err = p.Seek(p.lastAt(ms))
		p.clock = max(ms, p.clock)
	} else {
		err = p.Advance(ms - p.clock)
		p.shown = p.firstRemark(p.at)
	}
	return err
}

// lastAt returns the last event up to the given time, of those that were ever played.
func (p *Player) lastAt(ms float64) int {
	event, _ := slices.BinarySearchFunc(p.times, ms, func(t, ms float64) int {
		if t <= ms {
			return -1
		}
		return 1
	})
	return event
}

// Advance lets so many milliseconds pass; of a script, so many steps.
func (p *Player) Advance(ms float64) error {
	p.shown = p.firstRemark(p.at + 1)
	end := p.clock + ms
	if err := p.show(max(p.at, p.lastAt(end)), 0); err != nil {
		return err
	}
	for p.at == len(p.digests) && p.comesBy(end) && p.one() {
		p.at = p.scene.events()
	}
	p.clock = max(p.clock, p.now())
	if p.at < p.scene.events() || p.isDue() || !p.over() {
		p.clock = max(p.clock, end)
	}
	return nil
}

// comesBy reports whether the next event comes by the given time, or what was to be
// done never will.
func (p *Player) comesBy(end float64) bool {
	if p.over() {
		return p.done < len(p.run.Do)
	}
	return p.isDue() || p.scene.next() <= end
}

// Step goes on until something is said, n times; back if n is negative.
func (p *Player) Step(n int) error {
	event := p.at
	for ; n < 0 && event > 0; n++ {
		if i := p.firstRemark(event); i > 0 {
			event = p.remarks[i-1].event
		} else {
			event = 0
		}
	}
	for ; n > 0; n-- {
		next, err := p.nextSaid(event)
		if err != nil {
			return err
		}
		if next == event {
			break
		}
		event = next
	}
	return p.Seek(event)
}

// nextSaid returns the next event at which something is said. If that was never
// played it is now.
func (p *Player) nextSaid(event int) (int, error) {
	if i := p.firstRemark(event + 1); i < len(p.remarks) {
		return p.remarks[i].event, nil
	}
	err := p.play(len(p.digests), 0)
	for before := len(p.remarks); err == nil && len(p.remarks) == before && p.one(); {
	}
	return p.scene.events(), err
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

// Window sets which indexes of the logs a frame shows; hi 0: the last lo of them.
func (p *Player) Window(lo, hi uint64) error {
	if p.window == (window{lo, hi}) {
		return nil
	}
	p.window = window{lo, hi}
	p.kept = [keeps]*Frame{}
	return p.play(p.at, 0)
}
