package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// progress tells once a second, on standard error, how it is going.
type progress struct {
	done, failed atomic.Int64
	quit, ended  chan struct{}
}

func startProgress(out io.Writer, what string) *progress {
	p := &progress{quit: make(chan struct{}), ended: make(chan struct{})}
	go p.run(out, what)
	return p
}

func (p *progress) count(err error) {
	if err != nil {
		p.failed.Add(1)
		return
	}
	p.done.Add(1)
}

func (p *progress) run(out io.Writer, what string) {
	defer close(p.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began, before := time.Now(), int64(0)
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
			done := p.done.Load()
			fmt.Fprintf(out, "%s: after %.0f s %d done, %d/s, %d errors\n",
				what, time.Since(began).Seconds(), done, done-before, p.failed.Load())
			before = done
		}
	}
}

func (p *progress) stop() {
	close(p.quit)
	<-p.ended
}
