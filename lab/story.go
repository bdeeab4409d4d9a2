package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"iter"

	"kvorum/raft/script"
)

// scriptScene is a script that is played thing by thing, until whoever plays it does
// something: from then on what they do is played, and the script is told no further.
type scriptScene struct {
	name   string
	script script.Script
	stage  *script.Stage
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool // after each thing that happens

	block, line int  // that are played, or were when the story was left
	left        bool // by whoever plays it
	played      int
	last        int // event
	ended       bool
	lines       []string
	sent        map[int]int // message -> the event at which it was there
	sum         uint64
	broken      *Violation
}

func newScriptScene(name string) (*scriptScene, error) {
	src, err := readScenario(name)
	if err != nil {
		return nil, err
	}
	s := &scriptScene{name: name, script: script.Parse(src), line: -1, sent: map[int]int{}}
	turns := 0
	s.yield = func(struct{}) bool { turns++; return true }
	s.guard(s.tell) // once through, to know where it ends
	if s.last = turns - 1; s.broken != nil {
		s.last++ // the panic of a core that is broken on purpose comes after all
	}
	s.broken, s.lines = nil, nil
	s.begin(s.tell)
	s.step()
	s.played = 0 // the first caption is there from the beginning
	return s, nil
}

// errStopped ends what the stage does.
var errStopped = errors.New("stopped")

// turn stops after a thing that has happened, until the scene is to go on.
func (s *scriptScene) turn() {
	if !s.yield(struct{}{}) {
		panic(errStopped)
	}
}

// begin lets step play what is done to the stage.
func (s *scriptScene) begin(what func()) {
	s.resume, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		s.guard(what)
	})
}

func (s *scriptScene) guard(what func()) {
	defer func() {
		if p := recover(); p != nil && p != errStopped {
			s.fail("panic", fmt.Sprint(p)) // the core names broken properties itself
		}
	}()
	what()
}

// tell tells the story. Each block is a turn, too.
func (s *scriptScene) tell() {
	s.stage = script.New(s.turn)
	for s.block = range s.script.Blocks {
		s.stage.Turn()
		s.line = -1
		s.turn()
		for i, line := range s.script.Blocks[s.block].Lines {
			s.line = i
			s.lines = append(s.lines, prompt+line)
			if err := s.stage.Do(line); err != nil {
				panic(fmt.Sprintf("%s: %q: %v", s.name, line, err)) // a test plays all scripts
			}
		}
	}
}

// do leaves the story for what a line says. The first thing that happens then is
// played at once, and the others are what is still to come.
func (s *scriptScene) do(line string) (string, error) {
	if s.broken != nil {
		return "", errors.New("the run is over")
	}
	turns, err := rehearse(s.stage, line)
	if err != nil {
		return "", err
	}
	s.stop()
	s.left, s.ended, s.last = true, false, s.played+turns
	s.begin(func() {
		s.stage.Do(line) //nolint:errcheck // it was rehearsed
	})
	s.step()
	return "", nil
}

// rehearse counts the things that happen when a line is done.
func rehearse(stage *script.Stage, line string) (turns int, err error) {
	defer func() {
		if recover() != nil {
			turns++ // as above
		}
	}()
	err = stage.Copy(func() { turns++ }).Do(line)
	return turns, err
}

func (s *scriptScene) step() bool {
	if s.over() {
		return false
	}
	_, more := s.resume()
	if !more {
		s.ended = true
	}
	lines := s.stage.Said()
	s.lines = append(s.lines, lines...)
	if !more && len(lines) == 0 && s.broken == nil {
		return false
	}
	s.played++
	h := fnv.New64a()
	fmt.Fprint(h, s.sum, lines)
	s.sum = h.Sum64()
	for m := range s.stage.Letters() {
		if _, known := s.sent[m.Number]; !known {
			s.sent[m.Number] = s.played
		}
	}
	for i, text := range s.stage.Broken() {
		if text != "" {
			s.fail(propertyNames[i], text)
		}
	}
	return true
}

func (s *scriptScene) fail(invariant, text string) {
	if s.broken == nil {
		s.broken = &Violation{invariant, text, Point{s.played, float64(s.played)}}
		s.lines = append(s.lines, violationMark+text)
	}
}

// violationMark begins the remark that something broke in a script.
const violationMark = "! "

func (s *scriptScene) hush(bool)             {} // a script is short
func (s *scriptScene) events() int           { return s.played }
func (s *scriptScene) now() float64          { return float64(s.played) }
func (s *scriptScene) next() float64         { return float64(s.played + 1) }
func (s *scriptScene) over() bool            { return s.ended || s.played == s.last }
func (s *scriptScene) digest() uint64        { return s.sum }
func (s *scriptScene) violation() *Violation { return s.broken }
func (s *scriptScene) commands() []Command   { return notation }
func (s *scriptScene) close()                { s.stop() }

func (s *scriptScene) said() []string {
	lines := s.lines
	s.lines = nil
	return lines
}
