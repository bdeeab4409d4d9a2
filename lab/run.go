package lab

import "fmt"

// Run says what is played. The zero Run is a calm one of three servers.
type Run struct {
	Seed     uint64   `json:"seed"`
	Servers  int      `json:"servers"`  // 1 to 7; 0: three, or in a chaotic run as many as the seed draws
	Chaos    bool     `json:"chaos"`    // the run of `raftlab sim`, with its clients and faults
	Short    bool     `json:"short"`    // with Chaos: the short run of that seed
	Drop     []int    `json:"drop"`     // with Chaos: numbers of the simulator's actions that are left out
	Clients  bool     `json:"clients"`  // without Chaos: clients of the simulator read and write
	Scenario string   `json:"scenario"` // the name of a script; then all of the above is ignored
	Mutation string   `json:"mutation"` // the rule that is broken, by whoever compiled the engine
	Do       []Action `json:"do"`
}

// Action is a command, done right after so many events.
type Action struct {
	At   int    `json:"at"`
	Line string `json:"line"`
}

// check says what is wrong with a run.
func (r Run) check() error {
	if r.Servers < 0 || r.Servers > 7 {
		return fmt.Errorf("%d servers: from 1 to 7 can be played", r.Servers)
	}
	last := -1
	for _, a := range r.Do {
		switch {
		case a.At <= last:
			return fmt.Errorf("%q at event %d is too early: what is done before it, at event %d, is an event itself", a.Line, a.At, last)
		case a.At >= mostEvents:
			return fmt.Errorf("%q at event %d: %w", a.Line, a.At, errMost)
		}
		last = a.At
	}
	return nil
}
