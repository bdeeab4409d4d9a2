package lab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

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

// ParseLink reads what Link writes, with or without the # before it. On its way some
// mail program may have escaped all of it once more.
func ParseLink(link string) (r Run, at int, err error) {
	link = strings.TrimPrefix(link, "#")
	if !strings.Contains(link, "=") {
		if plain, err := unescape(strings.ReplaceAll(link, "+", "%2B")); err == nil {
			link = plain
		}
	}
	for part := range strings.SplitSeq(link, "&") {
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

// set sets what a part of a link is about.
func (r *Run) set(name, value string, at *int) error {
	if name == "do" {
		return r.setActions(value)
	}
	text, err := unescape(value)
	if err != nil {
		return err
	}
	switch name {
	case "scenario":
		r.Scenario = text
	case "mutation":
		r.Mutation = text
	case "drop":
		return r.setDrop(text)
	case "seed":
		r.Seed, err = strconv.ParseUint(text, 10, 64)
	case "servers":
		r.Servers, err = number(text)
	case "chaos":
		r.Chaos, err = isSet(text)
	case "short":
		r.Short, err = isSet(text)
	case "clients":
		r.Clients, err = isSet(text)
	case "at":
		if *at, err = number(text); *at > mostEvents {
			return errMost
		}
	default:
		return errors.New("that means nothing")
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return errors.New("that is too large")
	case err != nil:
		return errNumber
	}
	return nil
}

var errNumber = errors.New("that is no number from 0 on")

// number reads a number; one that is too large for anything is another that is.
func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil
	}
	return int(min(n, 1<<31-1)), err
}

func isSet(text string) (bool, error) {
	n, err := number(text)
	return n != 0, err
}

func (r *Run) setDrop(text string) error {
	for part := range strings.SplitSeq(text, ".") {
		n, err := number(part)
		if err != nil {
			return errNumber
		}
		r.Drop = append(r.Drop, n)
	}
	return nil
}

// setActions reads actions. Where no : is as it was, what separates them was escaped.
func (r *Run) setActions(value string) error {
	if !strings.Contains(value, ":") {
		value = strings.NewReplacer("%3A", ":", "%3a", ":", "%3B", ";", "%3b", ";").Replace(value)
	}
	for action := range strings.SplitSeq(value, ";") {
		at, line, is := strings.Cut(action, ":")
		if !is {
			return errors.New("an action is EVENT:COMMAND, and the next one follows a ;")
		}
		n, err := number(at)
		if err != nil {
			return errNumber
		}
		if line, err = unescape(line); err != nil {
			return err
		}
		r.Do = append(r.Do, Action{n, line})
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
			n, err := strconv.ParseUint(text[i+1:min(i+3, len(text))], 16, 8)
			if err != nil || i+2 >= len(text) {
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
