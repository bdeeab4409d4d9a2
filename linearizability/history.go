package linearizability

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// History is what the clients of one run saw, and what was done to the
// servers meanwhile.
type History struct {
	Name       string
	Seed       uint64
	Operations []Operation
	Faults     []Fault
}

// Fault is one thing done to the servers, and the proof that it had an effect.
type Fault struct {
	Name   string        `json:"name"`
	Start  time.Duration `json:"start_ns"`
	End    time.Duration `json:"end_ns"`
	Effect string        `json:"effect"`
}

// Recorder makes a history. Its clock is the monotonic one of this process, so
// that the times of all clients can be compared.
type Recorder struct {
	start      time.Time
	lastClient atomic.Int64

	mu      sync.Mutex // guards what follows, which seldom changes; a client's operations are its own
	clients []*Client
	faults  []Fault
}

// NewRecorder returns a recorder whose history begins now.
func NewRecorder() *Recorder { return &Recorder{start: time.Now()} }

// Now is the time since the history began.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Fault notes a fault that began at start and ends now.
func (r *Recorder) Fault(name string, start time.Duration, effect string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, Fault{Name: name, Start: start, End: r.Now(), Effect: effect})
}

// Client returns a new client. One goroutine may use it.
func (r *Recorder) Client() *Client {
	c := &Client{recorder: r, id: r.newID()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients = append(r.clients, c)
	return c
}

func (r *Recorder) newID() int { return int(r.lastClient.Add(1)) - 1 }

// History returns what was recorded. All clients must have finished.
func (r *Recorder) History(name string, seed uint64) History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := History{Name: name, Seed: seed, Faults: r.faults}
	for _, c := range r.clients {
		h.Operations = append(h.Operations, c.operations...)
	}
	return h
}

// Client performs operations one after the other, and records them.
type Client struct {
	recorder   *Recorder
	id         int
	operations []Operation
}

// Do performs o on kv, and returns it with its times, outcome and answer.
func (c *Client) Do(ctx context.Context, kv KV, o Operation) Operation {
	o.Client = c.id
	o.Call = c.recorder.Now()
	err := perform(ctx, kv, &o)
	o.Return = c.recorder.Now()
	o.Outcome = outcome(err)
	if err != nil {
		o.Error = err.Error()
	}
	if o.Outcome == Unknown {
		// It is still running, and a client runs one operation at a time:
		// whoever goes on from here is another client.
		c.id = c.recorder.newID()
	}
	c.operations = append(c.operations, o)
	return o
}

// line is one line of a file that holds a history: the first one has Format.
type line struct {
	Format    int        `json:"format,omitzero"`
	Name      string     `json:"name,omitzero"`
	Seed      uint64     `json:"seed,omitzero"`
	Operation *Operation `json:"operation,omitzero"`
	Fault     *Fault     `json:"fault,omitzero"`
}

const format = 1

// Write writes h as JSON, one operation or fault a line.
func (h History) Write(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	lines := []line{{Format: format, Name: h.Name, Seed: h.Seed}}
	for i := range h.Faults {
		lines = append(lines, line{Fault: &h.Faults[i]})
	}
	for i := range h.Operations {
		lines = append(lines, line{Operation: &h.Operations[i]})
	}
	for _, l := range lines {
		if err := encoder.Encode(l); err != nil {
			return fmt.Errorf("linearizability: write history: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("linearizability: write history: %w", err)
	}
	return nil
}

// ReadHistory reads what Write wrote.
func ReadHistory(r io.Reader) (History, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var h History
	for n := 1; ; n++ {
		var l line
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) && n > 1 {
			return h, nil
		}
		if err != nil {
			return History{}, fmt.Errorf("linearizability: read history, line %d: %w", n, err)
		}
		switch {
		case n == 1 && l.Format != format:
			return History{}, fmt.Errorf("linearizability: history has format %d, this program reads %d", l.Format, format)
		case n == 1:
			h.Name, h.Seed = l.Name, l.Seed
		case l.Operation != nil:
			h.Operations = append(h.Operations, *l.Operation)
		case l.Fault != nil:
			h.Faults = append(h.Faults, *l.Fault)
		}
	}
}

// ReadHistoryFile reads the history in the file at path.
func ReadHistoryFile(path string) (History, error) {
	f, err := os.Open(path)
	if err != nil {
		return History{}, fmt.Errorf("linearizability: read history: %w", err)
	}
	defer f.Close()
	return ReadHistory(f)
}
