package lab

import (
	"fmt"
	"strings"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/sim"
)

// shownKeys and shownOperations are how much of a state and of the clients a frame
// shows.
const (
	shownKeys       = 12
	shownOperations = 24
)

func (s *worldScene) frame(w window) Frame {
	views := s.world.Servers()
	lo, hi := w.of(lastIndex(views, func(v sim.View) raft.Index { return v.Status.Last.Index }))
	f := Frame{Servers: []Server{}, Messages: []Message{}, Links: []Link{}, Operations: s.operations()}
	for _, v := range views {
		f.Servers = append(f.Servers, serverOf(v, lo, hi))
	}
	for _, m := range s.world.Flights() {
		flight := messageOf(m.Number, m.Message)
		flight.Sent, flight.Due, flight.Waits, flight.Repeated = ms(m.Sent), ms(m.Due), m.Waits, m.Repeated
		f.Messages = append(f.Messages, flight)
	}
	for _, l := range s.world.Links() {
		f.Links = append(f.Links, Link{string(l.From), string(l.To), l.Cut, ms(l.Slow)})
	}
	f.Properties = properties(s.broken())
	return f
}

func lastIndex[V any](views []V, of func(V) raft.Index) (last uint64) {
	for _, v := range views {
		last = max(last, uint64(of(v)))
	}
	return last
}

// broken says which of the five properties broke, the simulator's I1 to I5, in the
// order of Figure 3.
func (s *worldScene) broken() (texts [5]string) {
	if v := s.world.Violation(); v != nil {
		text := v.Text
		for i := range texts {
			named := v.Invariant == "panic" && strings.Contains(text, propertyNames[i])
			if v.Invariant == fmt.Sprintf("I%d", i+1) || named {
				texts[i] = text
			}
		}
	}
	return texts
}

func serverOf(v sim.View, lo, hi uint64) Server {
	s := statusOf(v.Status)
	s.ID, s.Process, s.Trouble, s.Clock = string(v.ID), string(v.Process), v.Trouble, v.Clock
	s.Timer = Timer{v.Timer, v.TimerOf}
	s.Votes, s.Reads, s.Applied = ids(v.Votes), v.Reads, uint64(v.Applied)
	s.Log = entriesOf(v.Entries(raft.Index(lo), raft.Index(hi)), lo, hi)
	if v.State == nil {
		s.Role, s.Applied = "", uint64(v.Status.LastApplied)
		return s
	}
	view := v.State.View()
	for item := range view.List("", "", 0) {
		if s.Keys++; s.Keys <= shownKeys {
			s.State = append(s.State, KeyVal{item.Key, shorten(string(item.Value)), uint64(item.Revision)})
		}
	}
	hash, _ := v.State.Hash()
	s.Sessions, s.Hash = v.State.Sessions(), digestText(hash)
	return s
}

// shorten keeps a value to what fits into a cell.
func shorten(text string) string {
	if r := []rune(text); len(r) > 24 {
		return string(r[:23]) + "…"
	}
	return text
}

// commandOf says what an entry holds.
func commandOf(e raft.Entry) (kind, text string) {
	switch {
	case e.Config != nil:
		return "config", e.Config.String()
	case len(e.Command) == 0:
		return "no-op", "no-op"
	}
	c, err := kv.Decode(e.Command)
	if err != nil { // a script's
		return "command", string(e.Command)
	}
	switch c := c.(type) {
	case kv.Set:
		return "set", fmt.Sprintf("set %s = %s", c.Key, shorten(string(c.Value)))
	case kv.Delete:
		return "delete", "delete " + c.Key
	case kv.CompareAndSet:
		return "cas", fmt.Sprintf("cas %s = %s if %s", c.Key, shorten(string(c.Value)), expectedOf(c.Expected))
	case kv.OpenSession:
		return "session", "open a session"
	case kv.Clock:
		return "clock", fmt.Sprintf("the time is %.1f s", float64(c.UnixMilli)/1000)
	}
	return "command", fmt.Sprintf("%T", c)
}

func expectedOf(e kv.Expected) string {
	if v, is := e.(kv.HasValue); is {
		return shorten(string(v))
	}
	return "absent"
}

func (s *worldScene) operations() []Operation {
	all := []Operation{}
	asked := s.world.Operations(shownOperations)
	for i, o := range asked {
		text, state := o.String(), string(o.Outcome)
		text = strings.TrimSuffix(strings.TrimSuffix(text, " "+state), " ok")
		if state == "" {
			state = "waits"
		}
		all = append(all, Operation{
			Number: s.world.Asked() - len(asked) + i + 1, Client: s.client(o.Client), At: string(o.At), Text: text, State: state,
			Asked: ms(o.Call), Ended: ms(o.Return),
		})
	}
	return all
}

// client names who asked: whoever plays the run, or one of the simulator's clients.
func (s *worldScene) client(number int) string {
	if s.yours[number] {
		return "you"
	}
	return fmt.Sprint(number)
}
