// Package progress shows how far a command is.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Progress shows how far something is: a bar on a terminal, elsewhere a line
// now and then.
type Progress struct {
	out         io.Writer
	bar         bool
	state       func() (part float64, words string)
	quit, ended chan struct{}
}

const barWidth = 40

// Start begins to show, on out, what state says: which part of the whole is done,
// and in words. It is called from another goroutine, until Stop.
func Start(out io.Writer, state func() (part float64, words string)) *Progress {
	p := &Progress{out, isTerminal(out), state, make(chan struct{}), make(chan struct{})}
	go p.run()
	return p
}

// run draws until quit is closed.
func (p *Progress) run() {
	defer close(p.ended)
	every := 10 * time.Second
	if p.bar {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
			p.draw()
		}
	}
}

func (p *Progress) draw() {
	part, words := p.state()
	part = min(part, 1)
	if !p.bar {
		fmt.Fprintf(p.out, "%3.0f %%, %s\n", 100*part, words)
		return
	}
	fmt.Fprintf(p.out, "\r[%-*s] %s ", barWidth, strings.Repeat("#", int(barWidth*part)), words)
}

// Stop ends the drawing, and clears the bar away.
func (p *Progress) Stop() {
	close(p.quit)
	<-p.ended
	if p.bar {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
