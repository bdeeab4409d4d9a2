package lab

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Engine answers the calls of PROTOCOL.md. The zero Engine is ready.
type Engine struct {
	Mutation string // the rule that this program breaks; empty: none
	player   *Player
}

// request is a call with all the fields that any call has.
type request struct {
	Call     string   `json:"call"`
	Run      *Run     `json:"run"`
	Link     *string  `json:"link"`
	N        *int     `json:"n"`
	MS       *float64 `json:"ms"`
	Quiet    bool     `json:"quiet"`
	Event    *int     `json:"event"`
	Line     string   `json:"line"`
	Lo       uint64   `json:"lo"`
	Hi       uint64   `json:"hi"`
	From     int      `json:"from"`
	To       int      `json:"to"`
	Limit    int      `json:"limit"`
	Upto     int      `json:"upto"`
	Digests  []string `json:"digests"`
	Text     string   `json:"text"`
	Scenario string   `json:"scenario"`
}

// answer is of the calls that answer with a frame.
type answer struct {
	Frame     Frame  `json:"frame"`
	Link      string `json:"link"`
	Answer    string `json:"answer,omitempty"`
	Complaint string `json:"complaint,omitempty"`
}

// Call answers a request; both are JSON. An error is an answer, too.
func (e *Engine) Call(text string) string {
	out, err := e.call(text)
	if err == nil {
		var b []byte
		if b, err = json.Marshal(out); err == nil {
			return string(b)
		}
	}
	b, _ := json.Marshal(map[string]string{"error": err.Error()}) // never fails
	return string(b)
}

func (e *Engine) call(text string) (any, error) {
	var q request
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		return nil, fmt.Errorf("this is no request: %w", err)
	}
	switch q.Call {
	case "hello":
		return map[string]any{"mutation": e.Mutation, "commands": Commands(), "notation": Notation(), "scenarios": Scenarios()}, nil
	case "open":
		return e.open(q)
	}
	if e.player == nil {
		return nil, errors.New("nothing is open")
	}
	if said, err := e.move(q); err != errOther {
		if err != nil {
			return nil, err
		}
		return e.show(said), nil
	}
	return e.tell(q)
}

func (e *Engine) open(q request) (any, error) {
	var r Run
	var at int
	switch {
	case q.Run != nil:
		r = *q.Run
	case q.Link != nil:
		var err error
		if r, at, err = ParseLink(*q.Link); err != nil {
			return nil, err
		}
	}
	p, err := NewPlayer(r)
	if err != nil {
		return nil, err
	}
	if err := p.Seek(at); err != nil {
		return nil, err
	}
	if e.player != nil {
		p.window = e.player.window
		e.player.Close()
	}
	e.player = p
	return e.show(""), nil
}

func (e *Engine) show(said string) answer {
	return answer{e.player.Frame(), e.player.Link(), said, e.player.Complaint()}
}

// errOther says that a call is none that moves.
var errOther = errors.New("another call")

// move does what the calls do that answer with a frame.
func (e *Engine) move(q request) (said string, err error) {
	p := e.player
	switch q.Call {
	case "frame":
	case "step":
		n := 1
		if q.N != nil {
			n = *q.N
		}
		err = p.Step(n)
	case "advance":
		if q.MS == nil {
			return "", errors.New("how many ms?")
		}
		err = p.Advance(*q.MS)
		if q.Quiet {
			p.shown = len(p.remarks)
		}
	case "seek":
		switch {
		case q.Event != nil:
			err = p.Seek(*q.Event)
		case q.MS != nil:
			err = p.SeekTime(*q.MS)
		default:
			err = errors.New("which event, or how many ms?")
		}
	case "do":
		said, err = p.Do(q.Line)
	case "undo":
		err = p.Undo()
	case "window":
		err = p.Window(q.Lo, q.Hi)
	default:
		err = errOther
	}
	return said, err
}

// tell answers the calls that answer with something else.
func (e *Engine) tell(q request) (any, error) {
	p := e.player
	switch q.Call {
	case "run":
		return map[string]any{"run": p.Run(), "link": p.Link()}, nil
	case "said":
		if q.Limit == 0 {
			q.Limit = 200
		}
		said, more := p.Said(q.From, q.To, q.Limit)
		return map[string]any{"said": said, "more": more}, nil
	case "marks":
		return map[string]any{"marks": p.Marks()}, nil
	case "script":
		text, why := p.Script()
		return map[string]any{"text": text, "why": why}, nil
	case "gotest":
		return map[string]any{"text": p.GoTest()}, nil
	case "complete":
		return map[string]any{"words": p.Complete(q.Line)}, nil
	case "digests":
		if q.Upto == 0 {
			q.Upto = len(p.digests)
		}
		digests, broken, err := p.Digests(q.Upto)
		return map[string]any{"digests": digests, "violation": broken}, err
	case "parts":
		at, broken, err := p.Parts(q.Digests)
		return map[string]any{"event": at.Event, "time": at.Time, "same": at.Event == 0, "violation": broken}, err
	}
	return nil, fmt.Errorf("there is no call %q", q.Call)
}
