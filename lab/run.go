package lab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

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
	at := 0
	for _, a := range r.Do {
		if a.At < at {
			return fmt.Errorf("%q at event %d comes after something at event %d", a.Line, a.At, at)
		}
		at = a.At + 1 // an action is an event itself
	}
	return nil
}

// Link writes a run, and the event of it that is shown, as the fragment of a URL.
// What is as in the zero Run is left out.
func (r Run) Link(at int) string {
	var parts []string
	add := func(name, value string, is bool) {
		if is {
			parts = append(parts, name+"="+escape(value))
		}
	}
	add("scenario", r.Scenario, r.Scenario != "")
	add("seed", strconv.FormatUint(r.Seed, 10), r.Scenario == "")
	add("servers", strconv.Itoa(r.Servers), r.Servers != 0)
	add("chaos", "1", r.Chaos)
	add("short", "1", r.Short)
	add("clients", "1", r.Clients)
	var drop, do []string
	for _, n := range r.Drop {
		drop = append(drop, strconv.Itoa(n))
	}
	add("drop", strings.Join(drop, "."), len(drop) > 0)
	add("mutation", r.Mutation, r.Mutation != "")
	add("at", strconv.Itoa(at), at != 0)
	for _, a := range r.Do {
		do = append(do, strconv.Itoa(a.At)+":"+escape(a.Line))
	}
	if len(do) > 0 {
		parts = append(parts, "do="+strings.Join(do, ";"))
	}
	return strings.Join(parts, "&")
}

// ParseLink reads what Link writes, with or without the # before it.
func ParseLink(link string) (r Run, at int, err error) {
	for part := range strings.SplitSeq(strings.TrimPrefix(link, "#"), "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if err := r.set(name, value, &at); err != nil {
			return Run{}, 0, fmt.Errorf("the link says %q: %w", part, err)
		}
	}
	return r, at, r.check()
}

var errNumber = errors.New("that is no number from 0 on")

func (r *Run) set(name, value string, at *int) error {
	if name == "do" {
		return r.setActions(value)
	}
	text, err := unescape(value)
	if err != nil {
		return err
	}
	number, notNumber := strconv.ParseUint(text, 10, 64)
	switch name {
	case "scenario":
		r.Scenario = text
		return nil
	case "mutation":
		r.Mutation = text
		return nil
	case "drop":
		for n := range strings.SplitSeq(text, ".") {
			i, err := strconv.Atoi(n)
			if err != nil {
				return errNumber
			}
			r.Drop = append(r.Drop, i)
		}
		return nil
	}
	if notNumber != nil {
		return errNumber
	}
	switch name {
	case "seed":
		r.Seed = number
	case "servers":
		r.Servers = int(min(number, 8))
	case "chaos":
		r.Chaos = number != 0
	case "short":
		r.Short = number != 0
	case "clients":
		r.Clients = number != 0
	case "at":
		*at = int(min(number, 1<<31-1))
	default:
		return errors.New("that means nothing")
	}
	return nil
}

func (r *Run) setActions(value string) error {
	for action := range strings.SplitSeq(value, ";") {
		at, line, _ := strings.Cut(action, ":")
		n, err := strconv.ParseUint(at, 10, 31)
		if err != nil {
			return errNumber
		}
		if line, err = unescape(line); err != nil {
			return err
		}
		r.Do = append(r.Do, Action{int(n), line})
	}
	return nil
}

// escape writes text as a part of a link: a space as +, and what is not plain as
// %XX, byte by byte.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ':
			b.WriteByte('+')
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~@,", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func unescape(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '+':
			b.WriteByte(' ')
		case '%':
			if i+2 >= len(text) {
				return "", errors.New("it ends in the middle of a character")
			}
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return "", errors.New("a % is followed by two hexadecimal digits")
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), nil
}
