package lab

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/script"
	"kvorum/raft/testdata"
)

// Scenario is a script of raft/testdata.
type Scenario struct {
	Name   string `json:"name"`   // of the file, without .txt
	Title  string `json:"title"`  // what it says of itself first
	Blocks int    `json:"blocks"` // how many captions it has
}

// Scenarios lists them: what the paper tells first, then the thesis, then incidents.
func Scenarios() []Scenario {
	files, _ := testdata.Scripts.ReadDir(".") // never fails
	var all []Scenario
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".txt")
		src, _ := readScenario(name)
		s := script.Parse(src)
		all = append(all, Scenario{name, s.Title(), len(s.Blocks)})
	}
	chapter := func(s Scenario) int {
		return slices.IndexFunc([]string{"section-5", "figure", "section-", "thesis-", ""}, func(prefix string) bool {
			return strings.HasPrefix(s.Name, prefix)
		})
	}
	slices.SortStableFunc(all, func(a, b Scenario) int {
		return cmp.Or(cmp.Compare(chapter(a), chapter(b)), cmp.Compare(numbers(a.Name), numbers(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// numbers makes figure7 come before figure10.
func numbers(name string) (n int) {
	for _, c := range name {
		if '0' <= c && c <= '9' {
			n = 10*n + int(c-'0')
		}
	}
	if strings.HasPrefix(name, "figure") {
		return n
	}
	return 0
}

func readScenario(name string) (string, error) {
	src, err := testdata.Scripts.ReadFile(name + ".txt")
	if err != nil {
		return "", fmt.Errorf("there is no scenario %q", name)
	}
	return string(src), nil
}

// scriptScene is a script that is played thing by thing.
type scriptScene struct {
	name   string
	script script.Script
	stage  *script.Stage
	resume func() (struct{}, bool)
	stop   func()

	block, line int // that are played
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
	s.play(func(struct{}) bool { turns++; return true }) // once through, to know where it ends
	if s.last = turns - 1; s.broken != nil {
		s.last++ // the panic of a core that is broken on purpose comes after all
	}
	s.broken, s.lines = nil, nil
	s.resume, s.stop = iter.Pull(s.play)
	s.step()
	s.played = 0 // the first caption is there from the beginning
	return s, nil
}

// play plays the script, and stops after each thing that happens and before each block.
func (s *scriptScene) play(yield func(struct{}) bool) {
	stopped := errors.New("stopped")
	defer func() {
		if p := recover(); p != nil && p != stopped {
			s.fail("panic", fmt.Sprint(p)) // the core names broken properties itself
		}
	}()
	turn := func() {
		if !yield(struct{}{}) {
			panic(stopped)
		}
	}
	s.stage = script.New(turn)
	for s.block = range s.script.Blocks {
		s.stage.Turn()
		s.line = -1
		turn()
		for i, line := range s.script.Blocks[s.block].Lines {
			s.line = i
			s.lines = append(s.lines, prompt+line)
			if err := s.stage.Do(line); err != nil {
				panic(fmt.Sprintf("%s: %q: %v", s.name, line, err)) // a test plays all scripts
			}
		}
	}
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
	for _, m := range s.stage.Letters() {
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

func (s *scriptScene) events() int           { return s.played }
func (s *scriptScene) now() float64          { return float64(s.played) }
func (s *scriptScene) next() float64         { return float64(s.played + 1) }
func (s *scriptScene) over() bool            { return s.ended || s.played == s.last }
func (s *scriptScene) digest() uint64        { return s.sum }
func (s *scriptScene) violation() *Violation { return s.broken }
func (s *scriptScene) words(string) []string { return nil }
func (s *scriptScene) close()                { s.stop() }

func (s *scriptScene) said() []string {
	lines := s.lines
	s.lines = nil
	return lines
}

func (s *scriptScene) do(string) (string, error) {
	return "", errors.New("nothing can be done in a script: open a run of your own")
}

func (s *scriptScene) sentence(r remark) Sentence {
	out := Sentence{Event: r.event, Time: r.time, Kind: "client", Text: strings.TrimSpace(r.line), Sections: []string{}}
	server, text, is := strings.Cut(out.Text, ": ")
	switch {
	case strings.HasPrefix(r.line, prompt):
		out.Kind, out.Text = "command", strings.TrimPrefix(r.line, prompt)
	case strings.HasPrefix(r.line, violationMark):
		out.Kind, out.Text = "violation", strings.TrimPrefix(r.line, violationMark)
	case is && !strings.Contains(server, " "):
		return reason(r, server, text)
	case strings.Contains(r.line, " -> "):
		out.Kind = "message"
		out.Server, _, _ = strings.Cut(out.Text, " ")
	default:
		out.Server, out.Text, _ = strings.Cut(out.Text, " ")
	}
	return out
}

func (s *scriptScene) frame(w window) Frame {
	views := s.stage.Servers()
	lo, hi := w.of(lastIndex(views, func(v script.View) raft.Index { return v.Status.Last.Index }))
	f := Frame{Servers: []Server{}, Messages: []Message{}, Links: []Link{}, Operations: []Operation{}, Properties: properties(s.stage.Broken())}
	for _, v := range views {
		f.Servers = append(f.Servers, actorOf(v, lo, hi))
	}
	for _, l := range s.stage.Letters() {
		m := messageOf(l.Number, l.Message)
		m.Sent = float64(s.sent[l.Number])
		m.Due = m.Sent
		f.Messages = append(f.Messages, m)
	}
	b := s.script.Blocks[s.block]
	f.Scenario = &Caption{
		Name: s.name, Title: s.script.Title(), Block: s.block, Blocks: len(s.script.Blocks),
		Text: b.Comment, Lines: append([]string{}, b.Lines...), Line: s.line, Printed: s.stage.Printed(),
	}
	return f
}

// actorOf shows a server of a script. Its state is the commands that it has applied.
func actorOf(v script.View, lo, hi uint64) Server {
	s := statusOf(v.Status)
	s.ID, s.Votes, s.Log = string(v.ID), ids(v.Votes), entriesOf(v.Log, lo, hi)
	switch {
	case !v.Running:
		s.Process, s.Role = "down", ""
	case v.Held:
		s.Trouble = "stuck"
	}
	for _, e := range v.Applied {
		if len(e.Command) > 0 {
			s.Keys++
			s.State = append(s.State, KeyVal{string(e.Command), fmt.Sprintf("applied at %d", e.Index), uint64(e.Index)})
		}
	}
	s.State = s.State[max(0, len(s.State)-shownKeys):]
	return s
}
