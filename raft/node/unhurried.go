package node

import (
	"context"
	"io"
	"time"
)

const (
	// restShare is how much longer than it works an unhurried writer rests: it takes a
	// tenth of a processor's time, and of the disk's.
	restShare = 9
	// restAfter is how long it works at a time: longer only for what cannot be divided.
	restAfter = 2 * time.Millisecond
)

// unhurried is a state that is written little by little, so that a large snapshot
// leaves processor and disk to what clients wait for; but at once when it is urgent,
// since the log grows meanwhile. Writing ends with ctx.
type unhurried struct {
	ctx    context.Context
	state  io.WriterTo
	urgent func() bool
}

// WriteTo implements io.WriterTo.
func (u unhurried) WriteTo(w io.Writer) (int64, error) {
	return u.state.WriteTo(&restingWriter{unhurried: u, w: w, since: time.Now()})
}

type restingWriter struct {
	unhurried
	w     io.Writer
	since time.Time // of working
}

// Write implements io.Writer.
func (r *restingWriter) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	worked := time.Since(r.since)
	if err != nil || worked < restAfter || r.urgent() {
		return n, err
	}
	rest := time.NewTimer(restShare * worked)
	defer rest.Stop()
	select {
	case <-rest.C:
		r.since = time.Now()
		return n, nil
	case <-r.ctx.Done():
		return n, r.ctx.Err()
	}
}
