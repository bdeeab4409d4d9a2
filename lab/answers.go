package lab

import (
	"errors"
	"fmt"
	"strings"

	"kvorum/raft"
)

// What can be asked of every run, and is no event of it. The answers are of what is
// shown, and as a script prints them.
var (
	helpCommand    = Command{"help", "help [COMMAND]", "lists what can be done", nil, helpText}
	statusCommand  = Command{"status", "status SERVER", "says what a server has come to, and what it knows of the others if it leads", nil, statusText}
	logsCommand    = Command{"logs", "logs", "draws the logs as Figure 7 does; * is committed, ~ is not on the disk yet, . is in the snapshot", nil, logsText}
	networkCommand = Command{"network", "network", "lists the messages on their way, with their numbers", nil, networkText}
)

func helpText(p *Player, args []string) (string, error) {
	var b strings.Builder
	for _, c := range p.scene.commands() {
		if len(args) == 0 || args[0] == c.Name {
			fmt.Fprintf(&b, "%-40s %s\n", c.Use, c.Help)
		}
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("there is no command %q", args[0])
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func statusText(p *Player, args []string) (string, error) {
	if len(args) != 1 {
		return "", errUsage
	}
	for _, s := range p.look().Servers {
		if s.ID != args[0] {
			continue
		}
		lines := []string{fmt.Sprintf("%s durable=%d first=%d snapshot=%v config=%d%s", s.Outline(), s.Durable, s.First, s.Snapshot, s.Config.Index, s.Config)}
		for _, q := range s.Peers {
			lines = append(lines, fmt.Sprintf("  %s match=%d next=%d %s", q.ID, q.Match, q.Next, q.State))
		}
		return strings.Join(lines, "\n"), nil
	}
	return "", fmt.Errorf("there is no server %s", args[0])
}

// String writes an entry's name as everywhere: index.term.
func (e EntryID) String() string { return fmt.Sprintf("%d.%d", e.Index, e.Term) }

// String writes a configuration as package raft does.
func (c Config) String() string {
	return raft.Configuration{Voters: serverIDs(c.Voters), Old: serverIDs(c.Old), Learners: serverIDs(c.Learners)}.String()
}

func serverIDs(names []string) (ids []raft.ServerID) {
	for _, name := range names {
		ids = append(ids, raft.ServerID(name))
	}
	return ids
}

// logsText draws the part of the logs that a frame shows.
func logsText(p *Player, args []string) (string, error) {
	if len(args) > 0 {
		return "", errUsage
	}
	var last uint64
	for _, s := range p.look().Servers {
		last = max(last, s.Last.Index)
	}
	lo, hi := p.window.of(last)
	var lines []string
	for _, s := range p.look().Servers {
		if s.Process != "gone" {
			lines = append(lines, logText(s, lo, min(hi, s.Last.Index)))
		}
	}
	if lo > 1 {
		lines = append(lines, fmt.Sprintf("from index %d on", lo))
	}
	return strings.Join(lines, "\n"), nil
}

func logText(s Server, lo, hi uint64) string {
	line := fmt.Sprintf("%s term %-2d", s.ID, s.Term)
	for i := lo; i <= hi; i++ {
		cell := "."
		if i >= s.First {
			cell = fmt.Sprint(s.Log[i-max(lo, s.First)].Term)
		}
		if i <= s.Commit {
			cell += "*"
		}
		if i > s.Durable {
			cell += "~"
		}
		line += fmt.Sprintf(" %-3s", cell)
	}
	if line = strings.TrimRight(line, " "); s.Process == "down" {
		line += "  (down)"
	}
	return line
}

func networkText(p *Player, args []string) (string, error) {
	if len(args) > 0 {
		return "", errUsage
	}
	var lines []string
	for _, m := range p.look().Messages {
		lines = append(lines, fmt.Sprintf("#%d %s", m.Number, m.Text))
	}
	if len(lines) == 0 {
		return "no message is on its way", nil
	}
	return strings.Join(lines, "\n"), nil
}

// mark remembers the event that is shown.
func mark(p *Player, args []string) (string, error) {
	if len(args) > 0 {
		return "", errUsage
	}
	p.marked = p.at
	return fmt.Sprintf("event %d is marked", p.at), nil
}

// rewind goes back to the event that was marked.
func rewind(p *Player, args []string) (string, error) {
	switch {
	case len(args) > 0:
		return "", errUsage
	case p.marked < 0:
		return "", errors.New("nothing is marked")
	}
	return "", p.Seek(p.marked)
}
