package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kvorum/raft"
)

// model is what a Store must hold, without a disk.
type model struct {
	hardState raft.HardState
	snapshot  raft.SnapshotMeta
	log       map[raft.Index]raft.Entry
	last      raft.Index
}

func (m model) String() string {
	return fmt.Sprintf("{%v, snapshot %v, %d entries up to %v}", m.hardState, m.snapshot.ID(), len(m.log), m.log[m.last].EntryID)
}

func (m model) clone() model {
	log := map[raft.Index]raft.Entry{}
	for i, e := range m.log {
		log[i] = e
	}
	m.log = log
	return m
}

func (m *model) install(meta raft.SnapshotMeta) {
	if m.log[meta.LastIncludedIndex].EntryID != meta.ID() {
		m.log, m.last = map[raft.Index]raft.Entry{}, meta.LastIncludedIndex
	}
	m.snapshot = meta
}

func (m *model) append(es []raft.Entry) {
	for _, e := range es {
		for i := e.Index; i <= m.last; i++ {
			delete(m.log, i)
		}
		m.log[e.Index], m.last = e, e.Index
	}
}

// after returns the states that a crash during Save may leave: it is made
// durable up to a snapshot, with it, or as a whole.
func (m model) after(batches []raft.Persist) (states []model) {
	m = m.clone()
	for _, b := range batches {
		if b.HardState != nil {
			m.hardState = *b.HardState
		}
		if b.Snapshot != nil {
			states = append(states, m.clone())
			m.install(*b.Snapshot)
			states = append(states, m.clone())
		}
		m.append(b.Entries)
	}
	return append(states, m)
}

// is reports whether the model is what was loaded. A tail of entries that the
// snapshot covers may be there too, if it is the right one.
func (m model) is(saved raft.Saved) bool {
	if saved.HardState != m.hardState || !reflect.DeepEqual(saved.Snapshot, m.snapshot) {
		return false
	}
	next := m.snapshot.LastIncludedIndex + 1
	if n := len(saved.Entries); n > 0 {
		next = saved.Entries[n-1].Index + 1
	}
	for i, e := range saved.Entries {
		if !reflect.DeepEqual(e, m.log[e.Index]) || e.Index != saved.Entries[0].Index+raft.Index(i) {
			return false
		}
	}
	return next == m.last+1 && (len(saved.Entries) == 0 || saved.Entries[0].Index <= m.snapshot.LastIncludedIndex+1)
}

// trial drives a Store with what a Raft might ask of it.
type trial struct {
	t     *testing.T
	rng   *rand.Rand
	fsys  *MemFS
	store *Store
	model model

	countdown int // operations of the file system until the crash; negative: none
	crashed   bool
	crashedAt string // the operation and the kind of file
	story     string // how it came to this
}

var errCrash = errors.New("crash")

func newTrial(t *testing.T, seed uint64) *trial {
	x := &trial{t: t, rng: rand.New(rand.NewPCG(seed, 0)), fsys: NewMemFS(), model: model{log: map[raft.Index]raft.Entry{}}}
	x.fsys.Before = x.before
	return x
}

func (x *trial) before(op, name string) error {
	if x.countdown == 0 {
		if !x.crashed {
			kind, _, _ := strings.Cut(filepath.Base(name), "-")
			x.crashedAt = op + " " + strings.TrimSuffix(kind, tmpSuffix)
		}
		x.crashed = true
		return errCrash
	}
	x.countdown--
	return nil
}

func stateOf(id raft.EntryID) string { return strings.Repeat(fmt.Sprint(id), int(id.Index%50)) }

// step does one thing, and returns the states that a crash during it may leave.
func (x *trial) step() []model {
	if x.rng.IntN(6) == 0 && x.model.last > x.model.snapshot.LastIncludedIndex {
		return x.takeSnapshot()
	}
	batches := make([]raft.Persist, 1+x.rng.IntN(3))
	m := x.model
	for i := range batches {
		batches[i] = x.batch(m)
		states := m.after(batches[i : i+1])
		m = states[len(states)-1]
	}
	states := append([]model{x.model}, x.model.after(batches)...)
	for _, b := range batches {
		if b.Snapshot != nil && !x.receive(*b.Snapshot) {
			return states
		}
	}
	x.check(x.store.Save(batches))
	return states
}

func (x *trial) check(err error) {
	if err != nil && !x.crashed {
		x.t.Helper()
		x.t.Fatal(x.story, err)
	}
}

func (x *trial) takeSnapshot() []model {
	covered := x.model.snapshot.LastIncludedIndex
	index := covered + 1 + raft.Index(x.rng.IntN(int(x.model.last-covered)))
	m := meta(index, x.model.log[index].Term)
	after := x.model.clone()
	after.snapshot = m
	_, err := x.store.WriteSnapshot(m, strings.NewReader(stateOf(m.ID())))
	x.check(err)
	return []model{x.model, after}
}

// batch is one that a Raft in the state of m might ask for.
func (x *trial) batch(m model) (b raft.Persist) {
	term := m.hardState.CurrentTerm
	if term == 0 || x.rng.IntN(4) == 0 {
		term += raft.Term(1 + x.rng.IntN(2))
		b.HardState = hardState(term, raft.ServerID(fmt.Sprintf("n%d", x.rng.IntN(4))))
	}
	covered := m.snapshot.LastIncludedIndex
	if x.rng.IntN(8) == 0 {
		index := covered + 1 + raft.Index(x.rng.IntN(12))
		s := meta(index, term)
		if e, ok := m.log[index]; ok && x.rng.IntN(2) == 0 {
			s = meta(index, e.Term)
		}
		b.Snapshot = &s
		m = m.clone()
		m.install(s)
		covered = index
	}
	if x.rng.IntN(5) > 0 {
		first := m.last + 1
		if x.rng.IntN(5) == 0 {
			first = covered + 1 + raft.Index(x.rng.IntN(int(m.last-covered)+1))
		}
		b.Entries = entries(first, first+raft.Index(x.rng.IntN(4)), term)
	}
	if x.rng.IntN(5) == 0 && covered > 0 {
		b.Discard = raft.Index(x.rng.IntN(int(covered) + 1))
	}
	return b
}

// receive returns false if a crash came while the file was received.
func (x *trial) receive(m raft.SnapshotMeta) bool {
	file := fileOf(x.t, m, stateOf(m.ID()))
	in, err := x.store.ReceiveSnapshot(m, int64(len(file)))
	if err == nil {
		_, err = in.Write(file[in.Offset():])
		if errors.Is(err, ErrClosed) {
			err = nil // it was here already
		}
	}
	if err == nil {
		err = in.Commit()
	}
	x.check(err)
	return !x.crashed
}

// recover restarts, perhaps after more crashes, and checks what is there.
func (x *trial) recover(states []model) {
	for {
		if x.crashed && x.rng.IntN(3) > 0 { // else the process was killed: nothing is lost yet
			lossy := x.rng.IntN(101)
			x.fsys.Crash(func() bool { return x.rng.IntN(100) >= lossy })
		} else {
			x.fsys.Kill()
		}
		x.crashed, x.countdown = false, -1
		if x.rng.IntN(4) == 0 {
			x.countdown = x.rng.IntN(6)
		}
		s, err := tryOpen(x.fsys, "d")
		if x.crashed {
			continue
		}
		if err != nil {
			x.t.Fatal(err)
		}
		x.store, x.countdown = s, -1
		break
	}
	x.expect(states)
}

// expect checks that the storage, just opened, holds one of the states.
func (x *trial) expect(states []model) {
	x.t.Helper()
	saved := load(x.t, x.store)
	i := slices.IndexFunc(states, func(m model) bool { return m.is(saved) })
	if i < 0 {
		x.t.Fatalf("%sloaded {%v, snapshot %v, entries %v}, want one of %v", x.story, saved.HardState, saved.Snapshot.ID(), saved.Entries, states)
	}
	x.model = states[i]
	if id := saved.Snapshot.ID(); id.Index > 0 {
		wantState(x.t, x.store, saved.Snapshot, stateOf(id))
	}
}

func TestACrashAnywhereLosesNothingThatWasSaved(t *testing.T) {
	t.Parallel()
	crashes := 0
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := newTrial(t, seed)
			x.crashed = true // and so the folder is made under crashes too
			x.recover([]model{x.model})
			for range 60 {
				if x.rng.IntN(3) == 0 {
					x.countdown = x.rng.IntN(12)
				}
				states := x.step()
				x.countdown = -1
				switch {
				case x.crashed:
					crashes++
					x.recover(states)
				case x.rng.IntN(10) == 0:
					x.crashed = x.rng.IntN(2) == 0 // the power fails, or only the process ends
					x.recover(states[len(states)-1:])
				default:
					x.model = states[len(states)-1]
				}
			}
		})
	}
	if crashes < 500 {
		t.Fatalf("only %d crashes: the test tests nothing", crashes)
	}
}
