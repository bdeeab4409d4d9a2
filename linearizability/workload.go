package linearizability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// KV is the service as one client sees it. An error that is ErrDefinite means
// that the operation had and will have no effect; after any other error it may
// have taken effect, or may yet.
type KV interface {
	Get(ctx context.Context, key string) (State, error)
	Set(ctx context.Context, key, value string) error
	Delete(ctx context.Context, key string) (existed bool, err error)
	// CompareAndSet returns the state that it found, where it did not swap.
	CompareAndSet(ctx context.Context, key string, expected State, value string) (swapped bool, found State, err error)
}

// ErrDefinite marks, by errors.Is, the failure of an operation that certainly
// had no effect.
var ErrDefinite = errors.New("the operation had no effect")

func outcome(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, ErrDefinite):
		return Definite
	}
	return Unknown
}

// perform runs o on kv and notes in o what it saw.
func perform(ctx context.Context, kv KV, o *Operation) (err error) {
	switch o.Kind {
	case Get:
		o.Seen, err = kv.Get(ctx, o.Key)
	case Set:
		err = kv.Set(ctx, o.Key, o.Value)
	case Delete:
		o.Seen.Exists, err = kv.Delete(ctx, o.Key)
	case CompareAndSet:
		o.Swapped, o.Seen, err = kv.CompareAndSet(ctx, o.Key, o.Expected, o.Value)
	}
	return err
}

// Mix is how often each operation is chosen, relative to the others.
type Mix struct{ Get, Set, Delete, CompareAndSet int }

// Workload is what the clients of one run do. The seed decides it, as far as
// what the clients see does not.
type Workload struct {
	Seed    uint64
	Clients int
	Keys    int
	Hot     int // per cent of the operations that go to the first key
	Mix     Mix
	Timeout time.Duration // for one operation
	Pause   time.Duration // on average, between a client's operations
}

// Balanced is a workload of moderate contention, slow enough that a history of
// some seconds with several unknown outcomes is decided at once.
func Balanced(seed uint64) Workload {
	return Workload{
		Seed: seed, Clients: 9, Keys: 6, Hot: 30,
		Mix:     Mix{Get: 50, Set: 25, Delete: 8, CompareAndSet: 17},
		Timeout: time.Second, Pause: 10 * time.Millisecond,
	}
}

// Run lets each client work until ctx is done; an operation that has begun by
// then ends by its own timeout. Before each operation pick tells which service
// the client asks; it is nil if none can be reached.
func (w Workload) Run(ctx context.Context, r *Recorder, pick func(client int, rng *rand.Rand) KV) {
	var clients sync.WaitGroup
	for i := range w.Clients {
		c := r.Client()
		clients.Go(func() { w.runClient(ctx, c, i, pick) })
	}
	clients.Wait()
}

func (w Workload) runClient(ctx context.Context, c *Client, number int, pick func(int, *rand.Rand) KV) {
	rng := rand.New(rand.NewPCG(w.Seed, uint64(number)))
	seen := map[string]State{} // what this client last saw of each key
	for n := 0; wait(ctx, time.Duration(2*rng.Float64()*float64(w.Pause))); n++ {
		kv := pick(number, rng)
		if kv == nil {
			continue
		}
		o := w.choose(rng, seen)
		if o.Kind == Set || o.Kind == CompareAndSet {
			o.Value = fmt.Sprintf("c%d.%d", number, n)
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Timeout)
		o = c.Do(bounded, kv, o)
		cancel()
		if o.Outcome == OK {
			seen[o.Key] = left(o)
		}
	}
}

// choose draws the next operation. A compare-and-set expects what the client
// last saw, so that some succeed although others write.
func (w Workload) choose(rng *rand.Rand, seen map[string]State) Operation {
	key := 0
	if rng.IntN(100) >= w.Hot {
		key = rng.IntN(w.Keys)
	}
	o := Operation{Key: fmt.Sprintf("k%d", key)}
	m := w.Mix
	switch p := rng.IntN(m.Get + m.Set + m.Delete + m.CompareAndSet); {
	case p < m.Get:
		o.Kind = Get
	case p < m.Get+m.Set:
		o.Kind = Set
	case p < m.Get+m.Set+m.Delete:
		o.Kind = Delete
	default:
		o.Kind, o.Expected = CompareAndSet, seen[o.Key]
	}
	return o
}

// left is the state in which o, whose outcome is OK, left its key.
func left(o Operation) State {
	switch {
	case o.Kind == Set, o.Swapped:
		return Present(o.Value)
	case o.Kind == Delete:
		return Absent
	}
	return o.Seen
}

// ReadAll reads every key once, so that a history ends by showing what it
// left. It returns the first error.
func (w Workload) ReadAll(ctx context.Context, r *Recorder, kv KV) error {
	c := r.Client()
	for key := range w.Keys {
		o := c.Do(ctx, kv, Operation{Kind: Get, Key: fmt.Sprintf("k%d", key)})
		if o.Outcome != OK {
			return fmt.Errorf("linearizability: %v: %s", o, o.Error)
		}
	}
	return nil
}

// wait waits for d, and tells whether ctx still goes on.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
