package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows, on standard error, how far something is: a bar on a terminal,
// elsewhere a line now and then.
type progress struct {
	out         io.Writer
	bar         bool
	state       func() (part float64, words string)
	quit, ended chan struct{}
}

const barWidth = 40

func startProgress(out io.Writer, state func() (part float64, words string)) *progress {
	p := &progress{out, isTerminal(out), state, make(chan struct{}), make(chan struct{})}
	go p.run()
	return p
}

// run draws until quit is closed.
func (p *progress) run() {
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

func (p *progress) draw() {
	part, words := p.state()
	part = min(part, 1)
	if !p.bar {
		fmt.Fprintf(p.out, "%3.0f %%, %s\n", 100*part, words)
		return
	}
	fmt.Fprintf(p.out, "\r[%-*s] %s ", barWidth, strings.Repeat("#", int(barWidth*part)), words)
}

// stop ends the drawing, and clears the bar away.
func (p *progress) stop() {
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
