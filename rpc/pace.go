package rpc

import "time"

const (
	// minChunk and maxChunk bound how much of a snapshot goes into one message: what
	// takes a thirtieth of a second at 256 kbit/s, and what each side holds in memory.
	minChunk = 1 << 10
	maxChunk = 256 << 10
	// maxUnderWay leaves some of gRPC's own window, which must not be what limits.
	maxUnderWay = window - 2*maxChunk
)

// pace decides how much of a snapshot may be under way: sent, and not yet
// acknowledged. What of it waits in a router on the way delays the heartbeats that
// come behind it, and a slow link with a deep queue could delay them by more than an
// election timeout. A queue shows by its delay, long before anything is lost. So
// the window follows the delay, as that of LEDBAT does (RFC 6817): in a round trip
// it grows up to twofold while acknowledgements are as fast as they ever were, stays
// when they take patience longer than that, and shrinks beyond.
type pace struct {
	patience time.Duration // how much a queue may delay
	fastest  time.Duration // of all acknowledgements: there was no queue; 0: there was none yet
	window   int64         // bytes that may be under way
	underWay int64
	chunks   []sentChunk // under way, oldest first
	buffer   [maxChunk]byte
}

type sentChunk struct {
	bytes int64
	at    time.Time
}

func newPace(patience time.Duration) *pace { return &pace{patience: patience, window: minChunk} }

// next returns where to read the next chunk into, of no more than rest bytes; nil:
// there is no room now. A chunk is a small part of the window where possible: what it
// takes to send the chunk itself is not to be mistaken for a queue.
func (p *pace) next(rest int64) []byte {
	n := min(max(p.window/16, minChunk), maxChunk, rest)
	if p.underWay+n > p.window {
		return nil
	}
	return p.buffer[:n]
}

func (p *pace) sent(n int, now time.Time) {
	p.underWay += int64(n)
	p.chunks = append(p.chunks, sentChunk{int64(n), now})
}

// acknowledged notes that the oldest chunk under way has arrived.
func (p *pace) acknowledged(now time.Time) {
	c := p.chunks[0]
	p.chunks = p.chunks[1:]
	p.underWay -= c.bytes
	took := max(now.Sub(c.at), 1)
	if p.fastest == 0 || took < p.fastest {
		p.fastest = took
	}
	late := min(float64(took)/float64(p.fastest+p.patience), 2)
	p.window += int64(float64(c.bytes) * (1 - late))
	p.window = min(max(p.window, minChunk), maxUnderWay)
}
