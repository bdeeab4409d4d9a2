package lab

import (
	"strconv"
	"strings"
	"time"

	"kvorum/raft/sim"
)

// worldScene is a run of the simulator.
type worldScene struct {
	world *sim.World
	lines []string     // since said was asked
	yours map[int]bool // the clients that are whoever plays the run
}

func newWorldScene(r Run) *worldScene {
	s := &worldScene{yours: map[int]bool{}}
	s.open(r, nil)
	return s
}

// open begins the run. If record is not nil it is given what the cores are.
func (s *worldScene) open(r Run, record func(sim.Input)) {
	o := sim.Options{
		Seed: r.Seed, Servers: r.Servers, Short: r.Short, Drop: r.Drop, Calm: !r.Chaos, Record: record,
		Trace: func(line string) { s.lines = append(s.lines, line) },
	}
	if r.Clients {
		o.Clients = 3
	}
	s.world = sim.NewWorld(o)
}

func (s *worldScene) step() bool     { return s.world.Step() }
func (s *worldScene) hush(on bool)   { s.world.Quiet(on) }
func (s *worldScene) events() int    { return s.world.Events() }
func (s *worldScene) now() float64   { return ms(s.world.Now()) }
func (s *worldScene) next() float64  { return ms(s.world.Next()) }
func (s *worldScene) over() bool     { return s.world.Over() }
func (s *worldScene) digest() uint64 { return s.world.Digest() }
func (s *worldScene) close()         { s.world.Close() }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (s *worldScene) violation() *Violation {
	v := s.world.Violation()
	if v == nil {
		return nil
	}
	return &Violation{v.Invariant, v.Text, Point{s.world.Events(), ms(v.At)}}
}

// said leaves out the times, which are known, the stack of a panic, which is not the
// same twice, and which of the simulator's actions begins: what it does is said, too.
func (s *worldScene) said() []string {
	var lines []string
	for _, line := range s.lines {
		_, text, _ := strings.Cut(strings.TrimLeft(line, " "), "s ")
		if !strings.HasPrefix(text, "goroutine ") && !strings.HasPrefix(text, "action ") {
			lines = append(lines, s.addressed(text))
		}
	}
	s.lines = nil
	return lines
}

// addressed says "you" of the clients that whoever plays the run is.
func (s *worldScene) addressed(line string) string {
	before, rest, _ := strings.Cut(line, "client ")
	name, text, _ := strings.Cut(rest, ": ")
	if number, err := strconv.Atoi(name); err != nil || !s.yours[number] {
		return line
	}
	return before + "you: " + text
}

// sentence tells by its form what a line of the simulator's trace is.
func (s *worldScene) sentence(r remark) Sentence {
	kind, server, text := "fault", "", r.line
	first, rest, _ := strings.Cut(r.line, " ")
	switch {
	case strings.HasPrefix(r.line, prompt):
		kind, text = "command", strings.TrimPrefix(r.line, prompt)
	case strings.HasPrefix(r.line, "  "):
		kind, text = "message", strings.TrimSpace(r.line)
		server, _, _ = strings.Cut(text, " ")
	case first == "client" || first == "you:":
		kind = "client"
	case isServer(first) && (strings.Contains(rest, " of client ") || strings.Contains(rest, " of you: ")):
		kind, server, text = "client", first, rest
	case isServer(first):
		return reason(r, first, rest)
	case len(first) > 1 && strings.Contains("IVFQLp", first[:1]) && strings.HasPrefix(rest, "at "):
		kind = "violation"
	}
	return Sentence{Event: r.event, Time: r.time, Server: server, Kind: kind, Text: text, Sections: []string{}}
}

// isServer reports whether a word is the name of a server: n1, or n1@2.
func isServer(word string) bool {
	return len(word) > 1 && word[0] == 'n' && '0' <= word[1] && word[1] <= '9' && !strings.HasSuffix(word, ":")
}
