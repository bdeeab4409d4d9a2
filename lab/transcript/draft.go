package transcript

import (
	"fmt"
	"strings"

	"kvorum/raft"
	"kvorum/raft/script"
)

// draft is a script as it is written, and the stage on which it is played meanwhile.
// Its last block is not written yet.
type draft struct {
	stage *script.Stage
	text  strings.Builder // the blocks before the last

	comments    []string
	isCommanded bool // the last of the comments is what somebody did, and no command follows yet
	commands    []command
	panicked    string // what a core said that gave up, in the last command

	statuses map[raft.ServerID]raft.Status // that were asked for since the last command
}

func newDraft() *draft {
	return &draft{stage: script.New(nil), statuses: map[raft.ServerID]raft.Status{}}
}

// status returns what a server says of itself. It is not asked twice between two
// commands: much is looked for that does not come next.
func (d *draft) status(id raft.ServerID) raft.Status {
	st, known := d.statuses[id]
	if !known {
		st, _ = d.stage.Status(id)
		d.statuses[id] = st
	}
	return st
}

// command is a line of a block. One that delivers a single message may be merged with
// others.
type command struct {
	text     string
	delivers *delivery // nil: no single message
}

// delivery is of a message that may not be the first that waited.
type delivery struct {
	link   script.Link
	passed map[script.Link]bool // messages waited there that were sent before it
	left   map[script.Link]bool // messages wait there after it
}

// linesOfABlock is how many commands stand together at most.
const linesOfABlock = 12

// hasRoom reports whether the block has room for another command. Those that deliver,
// one after the other, count as one: they will be merged.
func (d *draft) hasRoom() bool {
	n := 0
	for i, c := range d.commands {
		if c.delivers == nil || i == 0 || d.commands[i-1].delivers == nil {
			n++
		}
	}
	return n < linesOfABlock
}

// do performs a command, and writes it.
func (d *draft) do(line string) (err error) {
	d.commands = append(d.commands, command{text: line})
	clear(d.statuses)
	defer func() {
		if p := recover(); p != nil { // the core names broken properties itself
			d.panicked = fmt.Sprint(p)
		}
	}()
	return d.stage.Do(line)
}

// delivery returns what is known of the delivery of a message before it.
func (d *draft) delivery(l script.Letter) *delivery {
	all := delivery{link: l.Link(), passed: map[script.Link]bool{}}
	for other := range d.stage.Letters() {
		if other.Number == l.Number {
			break
		}
		all.passed[other.Link()] = true
	}
	return &all
}

// delivered notes that the last command has delivered a message.
func (d *draft) delivered(as *delivery) {
	as.left = map[script.Link]bool{}
	for l := range d.stage.Letters() {
		as.left[l.Link()] = true
	}
	d.commands[len(d.commands)-1].delivers = as
}

// comment begins a block, or goes on with the comments before its first command.
func (d *draft) comment(text string) {
	d.turn()
	d.comments = append(d.comments, text)
}

// turn ends a block, if it has a command.
func (d *draft) turn() {
	if len(d.commands) == 0 {
		return
	}
	d.writeComments()
	for _, line := range merge(d.commands) {
		d.text.WriteString(line + "\n")
	}
	if out := d.stage.Printed(); out != "" {
		d.text.WriteString("----\n" + out)
	}
	d.commands = nil
	d.stage.Turn()
}

// writeComments writes the comments of a block, and the empty line before it.
func (d *draft) writeComments() {
	if d.text.Len() > 0 {
		d.text.WriteString("\n")
	}
	for _, c := range d.comments {
		d.text.WriteString(wrap(c))
	}
	d.comments, d.isCommanded = nil, false
}

// String ends the script, and returns it.
func (d *draft) String() string {
	d.turn()
	if len(d.comments) > 0 {
		d.writeComments()
	}
	return d.text.String()
}

// wrap writes a comment in lines.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		if width+1+len(word) > 88 || width == 0 {
			if width > 0 {
				b.WriteString("\n")
			}
			b.WriteString("#")
			width = 1
		}
		b.WriteString(" " + word)
		width += 1 + len(word)
	}
	return b.String() + "\n"
}
