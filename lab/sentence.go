package lab

import (
	"strings"
)

// prompt begins the remark that a command was given.
const prompt = "> "

// reason returns what a server says, with where that is written.
func reason(r remark, server, text string) Sentence {
	s := Sentence{Event: r.event, Time: r.time, Server: server, Kind: "fault", Text: text, Sections: []string{}}
	if name := speaker(text); name != "" {
		f := functions()[name]
		s.Kind, s.Function, s.File, s.Line, s.Sections = "reason", name, f.File, f.Line, f.Sections
	}
	return s
}

// markOf says what kind of mark a sentence is worth; empty: none.
func markOf(s Sentence) string {
	switch {
	case s.Kind == "command" || s.Kind == "violation":
		return s.Kind
	case s.Function == "Raft.becomeLeader":
		return "leader"
	case s.Function == "Raft.appendAsLeader":
		return "config"
	case s.Function == "Raft.Compact" || s.Function == "Raft.install":
		return "snapshot"
	case s.Kind == "fault" && strings.HasPrefix(s.Text, "crashes"):
		return "crash"
	case s.Kind == "fault" && s.Text == "starts" && s.Event > 0:
		return "restart"
	}
	return ""
}
