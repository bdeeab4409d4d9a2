package kv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"

	"kvorum/raft"
)

// model is the state machine again, the slow and obvious way.
type model struct {
	clocks   map[raft.Index]int64
	items    map[string]item
	servers  map[raft.ServerID]Server
	removed  map[raft.ServerID]bool
	sessions map[uint64]modelSession
}

type modelSession struct {
	lastUse  raft.Index
	lowWater uint64
	replies  map[uint64]Result
}

func newModel() *model {
	return &model{
		clocks: map[raft.Index]int64{}, items: map[string]item{}, servers: map[raft.ServerID]Server{},
		removed: map[raft.ServerID]bool{}, sessions: map[uint64]modelSession{},
	}
}

// String writes down everything in m, in one way: fmt sorts maps.
func (m *model) String() string { return fmt.Sprint(*m) }

func (m *model) apply(at raft.Index, c Command) Result {
	o := onceOf(c)
	if o == nil {
		return m.perform(at, c)
	}
	s, ok := m.sessions[o.Session]
	if !ok {
		return Result{Status: SessionExpired}
	}
	if o.Sequence < s.lowWater || o.Sequence < o.FirstUnacked {
		return Result{Status: SequenceStale}
	}
	s.lastUse, s.lowWater = at, max(s.lowWater, o.FirstUnacked)
	if _, known := s.replies[o.Sequence]; !known {
		s.replies[o.Sequence] = m.perform(at, c)
	}
	maps.DeleteFunc(s.replies, func(sequence uint64, _ Result) bool { return sequence < s.lowWater })
	m.sessions[o.Session] = s
	return s.replies[o.Sequence]
}

func (m *model) perform(at raft.Index, c Command) Result {
	r := Result{Revision: at}
	switch c := c.(type) {
	case Set:
		m.items[c.Key] = item{c.Value, at}
	case Delete:
		_, r.Existed = m.items[c.Key]
		delete(m.items, c.Key)
	case CompareAndSet:
		i, ok := m.items[c.Key]
		if !reflect.DeepEqual(c.Expected, Absent{}) != ok ||
			ok && !reflect.DeepEqual(c.Expected, HasValue(i.value)) && c.Expected != Expected(AtRevision(i.revision)) {
			return Result{Existed: ok, Value: i.value, Revision: i.revision}
		}
		m.items[c.Key] = item{c.Value, at}
		r.Swapped = true
	case OpenSession:
		m.sessions[uint64(at)] = modelSession{at, 1, map[uint64]Result{}}
	case CloseSession:
		_, r.Existed = m.sessions[c.Session]
		delete(m.sessions, c.Session)
	case PutServer:
		if m.removed[c.ID] && !c.Readmit {
			break
		}
		m.servers[c.ID] = Server{c.Addr, c.StayLearner}
		delete(m.removed, c.ID)
	case RemoveServer:
		_, r.Existed = m.servers[c.ID]
		delete(m.servers, c.ID)
		m.removed[c.ID] = true
	case Clock:
		m.advance(at, c.UnixMilli)
	}
	return r
}

func (m *model) advance(at raft.Index, now int64) {
	for _, unixMilli := range m.clocks {
		if now <= unixMilli {
			return
		}
	}
	if now <= 0 {
		return
	}
	m.clocks[at] = now
	old := func(unixMilli int64) bool { return now-unixMilli > SessionTTL.Milliseconds() }
	for id, s := range m.sessions {
		for clock, unixMilli := range m.clocks {
			if s.lastUse < clock && old(unixMilli) {
				delete(m.sessions, id)
			}
		}
	}
	maps.DeleteFunc(m.clocks, func(_ raft.Index, unixMilli int64) bool { return old(unixMilli) })
}

// randomCommand makes up the command of the entry at index at, from few enough
// keys, sessions and sequences that they meet.
func randomCommand(at raft.Index, intn func(int) int) Command {
	key := string(rune('a' + intn(6)))
	value := HasValue(fmt.Sprint("v", intn(3)))
	id := raft.ServerID(rune('A' + intn(3)))
	session := uint64(1 + intn(int(at)))
	var o *Once
	if intn(2) == 0 {
		o = &Once{session, uint64(intn(8)), uint64(intn(4))}
	}
	switch intn(12) {
	case 0, 1, 2:
		return Set{key, value, o}
	case 3, 4:
		return Delete{key, o}
	case 5, 6, 7:
		expected := []Expected{Absent{}, value, AtRevision(max(int(at)-1-intn(8), 0))}[intn(3)]
		return CompareAndSet{key, expected, value, o}
	case 8:
		return OpenSession{}
	case 9:
		return []Command{CloseSession{session}, Clock{int64(at) * int64(intn(90)) * 1000}}[intn(2)]
	case 10:
		return PutServer{id, string(value), intn(2) == 0, intn(2) == 0}
	default:
		return RemoveServer{id}
	}
}

// TestRandomCommandsDoWhatTheModelSays also checks that the hash is the state's:
// equal where states are equal, different where they differ.
func TestRandomCommandsDoWhatTheModelSays(t *testing.T) {
	t.Parallel()
	stateOf, hashOf := map[uint64]string{}, map[string]uint64{}
	statuses := map[Status]int{}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m, model := newMachine(t), newModel()
		for range 100 {
			c := randomCommand(m.at+1, rng.IntN)
			got, want := m.apply(c), model.apply(m.at, c)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, entry %d, %+v: got %+v, want %+v", seed, m.at, c, got, want)
			}
			statuses[got.Status]++
			hash, state := m.hashOnly(), model.String()
			if s, seen := stateOf[hash]; seen && s != state {
				t.Fatalf("seed %d, entry %d: hash %x is that of\n%s\nand of\n%s", seed, m.at, hash, s, state)
			}
			if h, seen := hashOf[state]; seen && h != hash {
				t.Fatalf("seed %d, entry %d: hashes %x and %x of\n%s", seed, m.at, h, hash, state)
			}
			stateOf[hash], hashOf[state] = state, hash
		}
		m.checkHolds(model)
	}
	if len(statuses) != 3 {
		t.Errorf("the commands did not meet every status: %v", statuses)
	}
}

func (m *machine) hashOnly() uint64 {
	hash, _ := m.Hash()
	return hash
}

func (m *machine) checkHolds(want *model) {
	m.t.Helper()
	got := newModel()
	for i := range m.View().List("", "", 0) {
		got.items[i.Key] = item{i.Value, i.Revision}
	}
	got.servers, got.removed = m.Directory().Servers, m.Directory().Removed
	m.state.clocks.Scan(func(at raft.Index, unixMilli int64) bool {
		got.clocks[at] = unixMilli
		return true
	})
	m.state.sessions.Scan(func(id uint64, s session) bool {
		replies := map[uint64]Result{}
		for _, r := range s.replies {
			replies[r.sequence], _ = DecodeResult(r.result)
		}
		got.sessions[id] = modelSession{s.lastUse, s.lowWater, replies}
		return true
	})
	if got.String() != want.String() {
		m.t.Fatalf("the store holds\n%s\nthe model\n%s", got, want)
	}
}
