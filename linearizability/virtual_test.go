package linearizability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

// virtual is a cluster in a synctest bubble: the real consensus, driver and
// state machine, on a network and on disks that take virtual time and lose
// what they may lose.
type virtual struct {
	mu       sync.Mutex // guards all: replicas, the wire and the nemesis share it
	rng      *rand.Rand
	replicas []*replica
	cut      map[link]bool
}

// replica is one server. It comes and goes; its disk stays.
type replica struct {
	id    raft.ServerID
	disk  *memoryDisk
	node  *node.Node
	store *kv.Store
	stop  func() error // ends it as a crash does
	up    bool
}

const (
	virtualTick  = 10 * time.Millisecond
	dropPercent  = 2
	twicePercent = 2
)

func newVirtual(seed uint64, size int) *virtual {
	v := &virtual{rng: rand.New(rand.NewPCG(seed, 7)), cut: map[link]bool{}}
	var ids []raft.ServerID
	for i := range size {
		ids = append(ids, node.NewID(fmt.Sprintf("n%d", i+1), "00"))
	}
	for _, id := range ids {
		disk := &memoryDisk{rng: rand.New(rand.NewPCG(seed, v.rng.Uint64())), saved: raft.Bootstrap(ids...), states: map[raft.EntryID][]byte{}}
		v.replicas = append(v.replicas, &replica{id: id, disk: disk})
	}
	for i := range v.replicas {
		v.start(i)
	}
	return v
}

func (v *virtual) start(i int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.replicas[i]
	r.store = kv.New()
	run := r.disk.mount()
	r.node = node.New(node.Config{
		Raft: raft.Config{ID: r.id, ElectionTicks: 10, HeartbeatTicks: 2, Seed: v.rng.Uint64(),
			MaxAppend: raft.Limit{Entries: 16}, MaxInflight: raft.Limit{Entries: 64}, MaxUncommitted: raft.Limit{Entries: 256}},
		TickInterval: virtualTick, SnapshotEntries: 50, SnapshotTail: 10,
		Storage: run, Transport: wire{v, i, run}, StateMachine: r.store,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r.up = true
	go func(n *node.Node) { ended <- n.Run(ctx) }(r.node)
	r.stop = func() error {
		v.mu.Lock()
		r.up = false
		v.mu.Unlock()
		run.crash() // first, so that nothing it still does counts
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, errCrashed) {
			return fmt.Errorf("%s: %w", r.id, err)
		}
		return nil
	}
}

// at returns what runs as the replica numbered i now.
func (v *virtual) at(i int) (*node.Node, *kv.Store) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.replicas[i].node, v.replicas[i].store
}

func (v *virtual) number(id raft.ServerID) int {
	return slices.IndexFunc(v.replicas, func(r *replica) bool { return r.id == id })
}

// wire is the network as one run of one replica uses it.
type wire struct {
	v    *virtual
	from int
	run  *mounted
}

// Send delivers m after a while, or not at all, or twice.
func (w wire) Send(m raft.Message) {
	w.v.mu.Lock()
	times := 1
	if p := w.v.rng.IntN(100); p < dropPercent {
		times = 0
	} else if p < dropPercent+twicePercent {
		times = 2
	}
	delays := make([]time.Duration, times)
	for i := range delays {
		delays[i] = time.Duration(w.v.rng.ExpFloat64() * 2e6)
	}
	w.v.mu.Unlock()
	if snapshot, ok := m.Body.(raft.InstallSnapshot); ok {
		time.AfterFunc(5*time.Millisecond, func() { w.deliverSnapshot(m, snapshot.Snapshot) })
		return
	}
	for _, d := range delays {
		time.AfterFunc(d, func() { w.deliver(m) })
	}
}

func (w wire) deliver(m raft.Message) bool {
	to := w.v.number(m.To)
	if !w.passes(to) {
		return false
	}
	n, _ := w.v.at(to)
	n.Receive(m)
	return true
}

func (w wire) passes(to int) bool {
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	return !w.v.cut[link{w.from, to}] && !w.run.crashed()
}

// deliverSnapshot copies the state ahead of the message.
func (w wire) deliverSnapshot(m raft.Message, meta raft.SnapshotMeta) {
	sender, _ := w.v.at(w.from)
	defer sender.SnapshotDone(m.To)
	if to := w.v.number(m.To); w.passes(to) {
		w.v.replicas[to].disk.put(meta, w.v.replicas[w.from].disk.get(meta))
		w.deliver(m)
	}
}

// virtualKV is the service at one replica. It forwards writes to the leader.
type virtualKV struct {
	v  *virtual
	at int
}

func (k virtualKV) Get(ctx context.Context, key string) (State, error) {
	n, store := k.v.at(k.at)
	if _, err := n.Barrier(ctx); err != nil {
		return Absent, err
	}
	value, _, ok := store.Get(key)
	if !ok {
		return Absent, nil
	}
	return Present(string(value)), nil
}

func (k virtualKV) Set(ctx context.Context, key, value string) error {
	_, err := k.propose(ctx, kv.Set{Key: key, Value: []byte(value)})
	return err
}

func (k virtualKV) Delete(ctx context.Context, key string) (bool, error) {
	result, err := k.propose(ctx, kv.Delete{Key: key})
	return result.Existed, err
}

func (k virtualKV) CompareAndSet(ctx context.Context, key string, expected State, value string) (bool, State, error) {
	command := kv.CompareAndSet{Key: key, Value: []byte(value), Expected: kv.Absent{}}
	if expected.Exists {
		command.Expected = kv.HasValue(expected.Value)
	}
	result, err := k.propose(ctx, command)
	if err != nil || result.Swapped {
		return result.Swapped, Absent, err
	}
	return false, State{Exists: result.Existed, Value: string(result.Value)}, nil
}

// noEffect are the errors after which a command certainly has no effect.
var noEffect = []error{raft.ErrNotLeader, raft.ErrNoLeader, raft.ErrBusy, raft.ErrTransferring, node.ErrSlotLost}

func (k virtualKV) propose(ctx context.Context, command kv.Command) (kv.Result, error) {
	n, _ := k.v.at(k.at)
	leader := k.v.number(n.Leadership().Leader)
	if leader < 0 || !k.v.reaches(k.at, leader) {
		return kv.Result{}, ErrDefinite // it did not leave
	}
	n, _ = k.v.at(leader)
	answer, _, err := n.Propose(ctx, kv.Encode(command))
	if !k.v.reaches(leader, k.at) {
		return kv.Result{}, errors.New("the answer was lost")
	}
	for _, e := range noEffect {
		if errors.Is(err, e) {
			return kv.Result{}, fmt.Errorf("%w: %w", ErrDefinite, err)
		}
	}
	if err != nil {
		return kv.Result{}, err
	}
	return kv.DecodeResult(answer)
}

// reaches tells whether one replica can open a connection to another.
func (v *virtual) reaches(from, to int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.replicas[to].up && !v.cut[link{from, to}]
}

// leader waits until there is a leader of a term after the given one.
func (v *virtual) leader(t *testing.T, after raft.Term) (leader int, term raft.Term) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(virtualTick) {
		for i := range v.replicas {
			n, _ := v.at(i)
			if l := n.Leadership(); l.Role == raft.Leader && l.Term > after {
				return i, l.Term
			}
		}
	}
	t.Fatalf("no leader after term %d for 20 s", after)
	return 0, 0
}
