package lab

import (
	"fmt"
	"strings"

	"kvorum/raft"
	"kvorum/raft/script"
)

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
	for l := range s.stage.Letters() {
		m := messageOf(l.Number, l.Message)
		m.Sent = float64(s.sent[l.Number])
		m.Due = m.Sent
		f.Messages = append(f.Messages, m)
	}
	b := s.script.Blocks[s.block]
	f.Scenario = &Caption{
		Name: s.name, Title: s.script.Title(), Block: s.block, Blocks: len(s.script.Blocks),
		Text: b.Comment, Lines: append([]string{}, b.Lines...), Line: s.line, Left: s.left, Printed: s.stage.Printed(),
	}
	return f
}

// actorOf shows a server of a script. Its state is the words that it has applied.
func actorOf(v script.View, lo, hi uint64) Server {
	s := statusOf(v.Status)
	s.ID, s.Votes, s.Log = string(v.ID), ids(v.Votes), entriesOf(v.Log, lo, hi)
	switch {
	case !v.Running:
		s.Process, s.Role = "down", ""
	case v.Held:
		s.Trouble = "stuck"
	}
	if v.Running {
		all := applied(v)
		s.Keys, s.State = len(all), append(s.State, all[max(0, len(all)-shownKeys):]...)
	}
	return s
}

// applied returns the words that a server has applied, by their indexes. What it was
// not given since it started is in a snapshot.
func applied(v script.View) (all []KeyVal) {
	var last raft.Index
	until := func(next raft.Index) {
		switch {
		case next == last+2:
			all = append(all, KeyVal{fmt.Sprint(next - 1), inSnapshot, uint64(next - 1)})
		case next > last+2:
			all = append(all, KeyVal{fmt.Sprintf("%d–%d", last+1, next-1), inSnapshot, uint64(next - 1)})
		}
	}
	for _, e := range v.Applied {
		until(e.Index)
		if last = e.Index; len(e.Command) > 0 {
			all = append(all, KeyVal{fmt.Sprint(e.Index), string(e.Command), uint64(e.Index)})
		}
	}
	until(v.Status.LastApplied + 1)
	return all
}

const inSnapshot = "in the snapshot"
