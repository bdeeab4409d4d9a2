package kv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"kvorum/raft"
)

func (m *machine) snapshot() []byte {
	m.t.Helper()
	return written(m.t, m.Snapshot())
}

func written(t testing.TB, s io.WriterTo) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := s.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, said %d, %v", b.Len(), n, err)
	}
	return b.Bytes()
}

// restored is a machine that goes on from m's snapshot.
func (m *machine) restored() *machine {
	m.t.Helper()
	r := newMachine(m.t)
	if err := r.Restore(bytes.NewReader(m.snapshot())); err != nil {
		m.t.Fatal(err)
	}
	r.at = m.at
	return r
}

// everything returns a machine with one of everything in it.
func everything(t testing.TB) *machine {
	m := newMachine(t)
	m.apply(OpenSession{})
	m.apply(OpenSession{})
	m.apply(Clock{1_700_000_000_000})
	m.apply(PutServer{ID: "n1@5f3c9a0e11d2b4c7", Addr: "127.0.0.1:8400"})
	m.apply(PutServer{ID: "n2@a8d01b7c93e4f562", Addr: "127.0.0.1:8410", StayLearner: true})
	m.apply(RemoveServer{ID: "n3@0123456789abcdef"})
	m.apply(Set{"a", []byte("1"), &Once{1, 1, 1}})
	m.apply(CompareAndSet{"a", Absent{}, []byte("2"), &Once{1, 2, 1}})
	m.apply(Set{Key: "b"})
	return m
}

func TestEqualStatesAreEqualSnapshots(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a := newMachine(t)
		for range 60 {
			a.apply(randomCommand(a.at+1, rng.IntN))
		}
		b := a.restored()
		for range 60 { // what is applied after a restore shows what was not in it
			c := randomCommand(a.at+1, rng.IntN)
			if x, y := a.applyRaw(c), b.applyRaw(c); !bytes.Equal(x, y) {
				t.Fatalf("seed %d, entry %d, %+v: %x and, restored, %x", seed, a.at, c, x, y)
			}
		}
		if a.hashOnly() != b.hashOnly() || !bytes.Equal(a.snapshot(), b.snapshot()) {
			t.Fatalf("seed %d: the states differ", seed)
		}
	}
}

// InstallSnapshot rule 8 (Figure 13).
func TestRestoreReplacesEverything(t *testing.T) {
	t.Parallel()
	m := everything(t)
	other := newMachine(t)
	other.apply(Set{Key: "c", Value: []byte("3")})
	snapshot := other.snapshot()
	if err := m.Restore(bytes.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	if got, want := m.contents(), "c=3@1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !bytes.Equal(m.snapshot(), snapshot) {
		t.Errorf("something of the old state is left")
	}
	if m.hashOnly() != other.hashOnly() || m.Revision() != 1 || m.Sessions() != 0 || m.state.now() != 0 {
		t.Errorf("hash %x, revision %d, %d sessions, clock %d", m.hashOnly(), m.Revision(), m.Sessions(), m.state.now())
	}
}

func TestARetryIsKnownAfterARestore(t *testing.T) {
	t.Parallel()
	m := everything(t)
	r := m.restored()
	for sequence, want := range map[uint64]Result{
		1: {Revision: 7},
		2: {Existed: true, Value: []byte("1"), Revision: 7},
	} {
		got := r.apply(Delete{"a", &Once{1, sequence, 1}}) // the retry's command does not matter
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("sequence %d: got %+v, want %+v", sequence, got, want)
		}
	}
	if got, want := r.contents(), "a=1@7 b=@9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestASnapshotIsOnePointInTime writes snapshots while commands are applied and
// keys are read. The race detector looks at it too.
func TestASnapshotIsOnePointInTime(t *testing.T) {
	t.Parallel()
	type taken struct {
		hash uint64
		at   raft.Index
		b    []byte
		err  error
	}
	m := newMachine(t)
	m.apply(OpenSession{})
	results := make(chan taken, 20) // all there will be: nobody waits to send
	rng := rand.New(rand.NewPCG(1, 2))
	for range cap(results) {
		for range 200 {
			m.apply(Set{fmt.Sprint(rng.IntN(500)), []byte("v"), &Once{1, uint64(m.at), uint64(max(m.at, 20)) - 20}})
			m.apply(Delete{Key: fmt.Sprint(rng.IntN(500))})
		}
		s, want := m.Snapshot(), taken{at: m.at, hash: m.hashOnly()}
		go func() {
			m.Get("1")
			for range m.View().List("1", "", 10) {
				m.Hash()
			}
			var b bytes.Buffer
			_, want.err = s.WriteTo(&b)
			want.b = b.Bytes()
			results <- want
		}()
	}
	for range cap(results) {
		want := <-results
		r := New()
		if err := errors.Join(want.err, r.Restore(bytes.NewReader(want.b))); err != nil {
			t.Fatal(err)
		}
		if hash, at := r.Hash(); hash != want.hash || at != want.at {
			t.Errorf("got hash %x at %d, want %x at %d", hash, at, want.hash, want.at)
		}
	}
}

func TestASnapshotKeepsTheRepliesOfItsTime(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.apply(OpenSession{})
	for _, sequence := range []uint64{2, 9, 5, 7, 3, 8, 4, 6} {
		s, want := m.Snapshot(), m.snapshot()
		m.once(1, sequence, 1)
		if !bytes.Equal(written(t, s), want) {
			t.Errorf("the reply to %d went into an older snapshot", sequence)
		}
	}
}

func TestADamagedSnapshotLeavesTheStateAlone(t *testing.T) {
	t.Parallel()
	m := everything(t)
	before := m.snapshot()
	refuse := func(what string, r io.Reader, want error) {
		t.Helper()
		if err := m.Restore(r); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	for n := range before {
		refuse(fmt.Sprintf("the first %d bytes", n), bytes.NewReader(before[:n]), io.ErrUnexpectedEOF)
	}
	headerSize := len(snapshotMagic) + 1 + 8
	for i := headerSize; i < len(before); i++ {
		damaged := slices.Clone(before)
		damaged[i] ^= 0x40
		if err := m.Restore(bytes.NewReader(damaged)); err == nil {
			t.Errorf("byte %d was damaged, and nobody saw", i)
		}
	}
	refuse("trailing bytes", bytes.NewReader(append(slices.Clone(before), 0)), ErrMalformed)
	refuse("another file", bytes.NewReader(make([]byte, 100)), ErrMalformed)
	later := slices.Clone(before)
	later[len(snapshotMagic)]++
	refuse("a later version", bytes.NewReader(later), ErrUnknown)
	broken := errors.New("the checksum is wrong")
	refuse("an error instead of the end", io.MultiReader(bytes.NewReader(before), iotest.ErrReader(broken)), broken)
	if !bytes.Equal(m.snapshot(), before) {
		t.Errorf("the state changed")
	}
}

func TestASnapshotThatCannotBeWrittenSaysSo(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	m := everything(t)
	m.apply(Set{Key: "big", Value: make([]byte, 1<<20)})
	r, w := io.Pipe()
	r.CloseWithError(full)
	if n, err := m.Snapshot().WriteTo(w); !errors.Is(err, full) || n != 0 {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestTheFormatIsStable pins the bytes: a change of them is a new version, or
// servers could not read their own logs and snapshots after an upgrade, and
// the hashes of a half-upgraded cluster would differ.
func TestTheFormatIsStable(t *testing.T) {
	t.Parallel()
	var encoded []byte
	for _, c := range commands {
		encoded = append(encoded, Encode(c)...)
	}
	m := everything(t)
	for _, tt := range []struct{ what, got, want string }{
		{"commands", digest(encoded), "63c31305b44a2fc0"},
		{"snapshot", digest(m.snapshot()), "024210c60ef03d5a"},
		{"hash", fmt.Sprintf("%016x", m.hashOnly()), "368835314133aef1"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.what, tt.got, tt.want)
		}
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func FuzzSnapshotRoundTrip(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, 20))
	f.Fuzz(func(t *testing.T, script []byte) {
		m := newMachine(t)
		for len(script) > 0 {
			m.apply(randomCommand(m.at+1, func(n int) int {
				if len(script) == 0 {
					return 0
				}
				b := script[0]
				script = script[1:]
				return int(b) % n
			}))
		}
		r := m.restored()
		if r.hashOnly() != m.hashOnly() || !bytes.Equal(r.snapshot(), m.snapshot()) {
			t.Errorf("the restored state differs")
		}
	})
}

// withRightHash returns the snapshot with the hash in it that Restore asks for,
// so that the fuzzer comes past it.
func withRightHash(snapshot []byte) []byte {
	var hash, said uint64
	_, err := readState(bytes.NewReader(snapshot))
	if err == nil {
		return snapshot
	}
	_, told, _ := strings.Cut(err.Error(), "the state's hash is ")
	if n, _ := fmt.Sscanf(told, "%x, the snapshot says %x", &hash, &said); n != 2 {
		return snapshot
	}
	fixed := bytes.Clone(snapshot)
	at := bytes.LastIndex(fixed, appendUint64([]byte{recordEnd}, said))
	return append(appendUint64(fixed[:at+1], hash), snapshot[at+9:]...)
}

func FuzzRestore(f *testing.F) {
	f.Add(everything(f).snapshot())
	f.Add(newMachine(f).snapshot())
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMachine(t)
		m.apply(Set{Key: "k"})
		before := m.snapshot()
		if err := m.Restore(bytes.NewReader(withRightHash(b))); err != nil {
			if !bytes.Equal(m.snapshot(), before) {
				t.Errorf("%v, but the state changed", err)
			}
			return
		}
		if r := m.restored(); r.hashOnly() != m.hashOnly() {
			t.Errorf("what was restored does not restore")
		}
	})
}
