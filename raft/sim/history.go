package sim

import (
	"fmt"
	"time"

	"kvorum/raft"
)

// Kind is what an operation does.
type Kind string

// The operations of clients.
const (
	Get           Kind = "get"
	Set           Kind = "set"
	Delete        Kind = "delete"
	CompareAndSet Kind = "cas"
	openSession   Kind = "open session"
)

// Outcome is what a client knows about an operation after it returned.
type Outcome string

// The outcomes.
const (
	OK       Outcome = "ok"
	Definite Outcome = "definite" // it had, and will have, no effect
	Unknown  Outcome = "unknown"  // it may have taken effect, or may yet
)

// Level is how fresh the state must be from which a get is answered, in the words of
// clients.
type Level string

// The levels.
const (
	Linearizable Level = ""        // as of when it was asked, or later
	Bounded      Level = "bounded" // known to be not older than MaxAge
	Stale        Level = "stale"   // what the server at hand has
)

// State is the state of one key.
type State struct {
	Exists bool
	Value  string
}

// String tells the state for a trace.
func (s State) String() string {
	if !s.Exists {
		return "absent"
	}
	return fmt.Sprintf("%.12s", s.Value)
}

// Operation is what one client asked for, with what came of it. Times are virtual.
type Operation struct {
	Client       int
	At           raft.ServerID // whom it was asked of, if of one server only
	Kind         Kind
	Key          string
	Call, Return time.Duration
	Outcome      Outcome
	Refused      string // why, as package rpc says it; empty: nobody says

	Level    Level // of a get
	MaxAge   time.Duration
	Expected State  // of a compare-and-set
	Value    string // to be written; no other operation writes the same
	Swapped  bool   // by a compare-and-set
	Seen     State  // by a get or a failed comparison; of a delete, Exists only
}

// String tells the operation for a trace.
func (o *Operation) String() string {
	text := string(o.Kind) + " " + o.Key
	switch o.Kind {
	case openSession:
		text = string(o.Kind)
	case Set:
		text = fmt.Sprintf("%s = %.12s", text, o.Value)
	case CompareAndSet:
		text = fmt.Sprintf("%s = %.12s if %v", text, o.Value, o.Expected)
	case Get:
		switch o.Level {
		case Stale:
			text += " stale"
		case Bounded:
			text += fmt.Sprintf(" bounded %v", o.MaxAge)
		}
	}
	if o.Refused != "" {
		text += ": " + o.Refused
	}
	switch {
	case o.Outcome == "": // not yet
		return text
	case o.Outcome != OK:
		return fmt.Sprintf("%s %s", text, o.Outcome)
	case o.Kind == Get:
		return fmt.Sprintf("%s is %v", text, o.Seen)
	case o.Kind == CompareAndSet && !o.Swapped:
		return fmt.Sprintf("%s: no, it is %v", text, o.Seen)
	}
	return text + " ok"
}

// history returns what the clients of a short run saw. What is not finished by
// now is of unknown outcome.
func (l *clients) history(now time.Duration) []Operation {
	var all []Operation
	for _, o := range l.recorded {
		if !o.done {
			o.Outcome, o.Return = Unknown, now
		}
		all = append(all, o.Operation)
	}
	return all
}
