package linearizability

import (
	"fmt"
	"time"
)

// Kind is what an operation does.
type Kind string

// The operations of the service that the model knows.
const (
	Get           Kind = "get"
	Set           Kind = "set"
	Delete        Kind = "delete"
	CompareAndSet Kind = "cas"
)

// Outcome is what a client knows about an operation after it returned.
type Outcome string

const (
	// OK: the operation took effect once, and what it saw is recorded.
	OK Outcome = "ok"
	// Definite: it failed, and had and will have no effect.
	Definite Outcome = "definite"
	// Unknown: it may have taken effect, or may yet.
	Unknown Outcome = "unknown"
)

// State is the state of one key. Two states are the same if they are ==.
type State struct {
	Exists bool   `json:"exists,omitzero"`
	Value  string `json:"value,omitzero"`
}

// Absent is the state of a key that does not exist.
var Absent = State{}

// Present is the state of a key that holds value.
func Present(value string) State { return State{Exists: true, Value: value} }

func (s State) String() string {
	if !s.Exists {
		return "absent"
	}
	return s.Value
}

// Operation is one call of one client, with what came of it. Call and Return
// are times since the history began, on one monotonic clock.
type Operation struct {
	Client  int           `json:"client"`
	Kind    Kind          `json:"kind"`
	Key     string        `json:"key"`
	Call    time.Duration `json:"call_ns"`
	Return  time.Duration `json:"return_ns"`
	Outcome Outcome       `json:"outcome"`

	Expected State  `json:"expected,omitzero"` // of a compare-and-set
	Value    string `json:"value,omitzero"`    // to be written; no other operation writes the same

	Swapped bool   `json:"swapped,omitzero"` // by a compare-and-set
	Seen    State  `json:"seen,omitzero"`    // by a get or a failed comparison; of a delete, Exists only
	Error   string `json:"error,omitzero"`   // why the outcome is not OK, for people
}

// String tells the operation as the visualization shows it.
func (o Operation) String() string {
	switch o.Kind {
	case Get:
		return fmt.Sprintf("get(%s) = %s", o.Key, o.answer(o.Seen.String()))
	case Set:
		return fmt.Sprintf("set(%s, %s) = %s", o.Key, o.Value, o.answer("ok"))
	case Delete:
		return fmt.Sprintf("delete(%s) = %s", o.Key, o.answer(fmt.Sprintf("existed: %t", o.Seen.Exists)))
	}
	answer := "swapped"
	if !o.Swapped {
		answer = "no: " + o.Seen.String()
	}
	return fmt.Sprintf("cas(%s, %s, %s) = %s", o.Key, o.Expected, o.Value, o.answer(answer))
}

func (o Operation) answer(ok string) string {
	if o.Outcome == OK {
		return ok
	}
	return string(o.Outcome)
}
