package kv

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kvorum/raft"
)

// machine is a store with a log of its own: each command gets the next index.
type machine struct {
	*Store
	t  testing.TB
	at raft.Index
}

func newMachine(t testing.TB) *machine { return &machine{Store: New(), t: t} }

// apply applies c as the next entry, as the bytes that the log would hold.
func (m *machine) apply(c Command) Result {
	m.t.Helper()
	r, err := DecodeResult(m.applyRaw(c))
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

func (m *machine) applyRaw(c Command) []byte {
	m.t.Helper()
	m.at++
	b, err := m.Apply(raft.Entry{EntryID: raft.EntryID{Index: m.at, Term: 1}, Command: Encode(c)})
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

// contents is what the store maps keys to, as "key=value@revision".
func (m *machine) contents() string {
	var items []string
	for i := range m.View().List("", "", 0) {
		items = append(items, fmt.Sprintf("%s=%s@%d", i.Key, i.Value, i.Revision))
	}
	return strings.Join(items, " ")
}

// TestCommands applies each row's commands in order, the first at index 1, and
// looks at the result of the last, and at what the store holds then.
func TestCommands(t *testing.T) {
	t.Parallel()
	set := func(k, v string) Command { return Set{Key: k, Value: []byte(v)} }
	cas := func(e Expected) Command { return CompareAndSet{Key: "k", Expected: e, Value: []byte("new")} }
	swapped := Result{Swapped: true, Revision: 2}
	mismatch := Result{Existed: true, Value: []byte("old"), Revision: 1}
	for _, tt := range []struct {
		name     string
		commands []Command
		want     Result
		contents string
	}{
		{"set makes a key", []Command{set("k", "v")}, Result{Revision: 1}, "k=v@1"},
		{"set replaces a value", []Command{set("k", "v"), set("k", "w")}, Result{Revision: 2}, "k=w@2"},
		{"an empty value is a value", []Command{set("k", "")}, Result{Revision: 1}, "k=@1"},
		{"any key is applied", []Command{set("", "v"), set("\xff\x00", "w")}, Result{Revision: 2}, "=v@1 \xff\x00=w@2"},
		{"delete removes a key", []Command{set("k", "v"), Delete{Key: "k"}}, Result{Existed: true, Revision: 2}, ""},
		{"delete of nothing", []Command{Delete{Key: "k"}}, Result{Revision: 1}, ""},
		{"cas absent, absent", []Command{set("j", "v"), cas(Absent{})}, swapped, "j=v@1 k=new@2"},
		{"cas absent, present", []Command{set("k", "old"), cas(Absent{})}, mismatch, "k=old@1"},
		{"cas value, same", []Command{set("k", "old"), cas(HasValue("old"))}, swapped, "k=new@2"},
		{"cas value, other", []Command{set("k", "old"), cas(HasValue("older"))}, mismatch, "k=old@1"},
		{"cas value, absent", []Command{cas(HasValue("old"))}, Result{}, ""},
		{"cas empty value, absent", []Command{cas(HasValue(nil))}, Result{}, ""},
		{"cas empty value, same", []Command{set("k", ""), cas(HasValue(nil))}, swapped, "k=new@2"},
		{"cas revision, same", []Command{set("k", "old"), cas(AtRevision(1))}, swapped, "k=new@2"},
		{"cas revision, other", []Command{set("k", "old"), cas(AtRevision(2))}, mismatch, "k=old@1"},
		{"cas revision 0, absent", []Command{cas(AtRevision(0))}, Result{}, ""},
		{"open session", []Command{OpenSession{}}, Result{Revision: 1}, ""},
		{"close session", []Command{OpenSession{}, CloseSession{1}}, Result{Existed: true, Revision: 2}, ""},
		{"close session again", []Command{OpenSession{}, CloseSession{1}, CloseSession{1}}, Result{Revision: 3}, ""},
		{"put server", []Command{PutServer{ID: "n1@a", Addr: "h:1"}}, Result{Revision: 1}, ""},
		{"remove server", []Command{PutServer{ID: "n1@a"}, RemoveServer{"n1@a"}}, Result{Existed: true, Revision: 2}, ""},
		{"remove unknown server", []Command{RemoveServer{"n1@a"}}, Result{Revision: 1}, ""},
		{"clock", []Command{Clock{1}}, Result{Revision: 1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			var got Result
			for _, c := range tt.commands {
				got = m.apply(c)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if got := m.contents(); got != tt.contents {
				t.Errorf("the store holds %q, want %q", got, tt.contents)
			}
			if got := m.Revision(); got != m.at {
				t.Errorf("revision %d after %d entries", got, m.at)
			}
		})
	}
}

func TestDirectoryRemembersWhoWasRemoved(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	check := func(servers map[raft.ServerID]Server, removed map[raft.ServerID]bool) {
		t.Helper()
		if got, want := m.Directory(), (Directory{servers, removed}); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	n1 := Server{Addr: "h:1"}
	m.apply(PutServer{ID: "n1@a", Addr: "h:1"})
	m.apply(PutServer{ID: "n2@b", Addr: "h:2", StayLearner: true})
	check(map[raft.ServerID]Server{"n1@a": n1, "n2@b": {"h:2", true}}, map[raft.ServerID]bool{})
	m.apply(RemoveServer{"n2@b"})
	check(map[raft.ServerID]Server{"n1@a": n1}, map[raft.ServerID]bool{"n2@b": true})
	m.apply(PutServer{ID: "n2@b", Addr: "h:3"}) // proposed by discovery before the removal
	check(map[raft.ServerID]Server{"n1@a": n1}, map[raft.ServerID]bool{"n2@b": true})
	m.apply(PutServer{ID: "n2@b", Addr: "h:3", Readmit: true})
	check(map[raft.ServerID]Server{"n1@a": n1, "n2@b": {"h:3", false}}, map[raft.ServerID]bool{})
}

func TestClockNeverFalls(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, tt := range []struct{ proposed, want int64 }{{-5, 0}, {100, 100}, {99, 100}, {-1, 100}, {101, 101}} {
		m.apply(Clock{tt.proposed})
		if got := m.state.now(); got != tt.want {
			t.Errorf("after a proposal of %d: got %d, want %d", tt.proposed, got, tt.want)
		}
	}
}

func TestAnEntryWithoutCommandOnlyMovesTheRevision(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.apply(Set{Key: "k", Value: []byte("v")})
	before, _ := m.Hash()
	result, err := m.Apply(raft.Entry{EntryID: raft.EntryID{Index: 2, Term: 2}})
	if result != nil || err != nil {
		t.Errorf("got %v, %v", result, err)
	}
	if hash, revision := m.Hash(); hash != before || revision != 2 {
		t.Errorf("hash %x at %d, want %x at 2", hash, revision, before)
	}
}

func TestApplyRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	set := Encode(Set{Key: "k", Value: []byte("v")})
	for _, tt := range []struct {
		name    string
		command []byte
		want    error
	}{
		{"a later version", append([]byte{commandVersion + 1}, set[1:]...), ErrUnknown},
		{"an unknown kind", []byte{commandVersion, 200}, ErrUnknown},
		{"half a command", set[:len(set)-1], ErrMalformed},
		{"a version and nothing else", set[:1], ErrMalformed},
		{"more than a command", append(bytes.Clone(set), 0), ErrMalformed},
		{"an unknown expectation", []byte{commandVersion, byte(kindCompareAndSet), 0, 0, 0, 0, 0, 9, 0, 0, 0, 0}, ErrMalformed},
		{"a bool of 2", []byte{commandVersion, byte(kindDelete), 2, 0, 0, 0, 0}, ErrMalformed},
		{"a length past the end", []byte{commandVersion, byte(kindRemoveServer), 0xff, 0xff, 0xff, 0xff}, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.apply(Set{Key: "k", Value: []byte("old")})
			before, revision := m.Hash()
			_, err := m.Apply(raft.Entry{EntryID: raft.EntryID{Index: 2, Term: 1}, Command: tt.command})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if hash, at := m.Hash(); hash != before || at != revision {
				t.Errorf("the state changed")
			}
		})
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, k := range []string{"b", "a", "ab", "aa", "ac", "c"} {
		m.apply(Set{Key: k})
	}
	for _, tt := range []struct {
		prefix, startAfter string
		limit              int
		want               []string
	}{
		{"", "", 0, []string{"a", "aa", "ab", "ac", "b", "c"}},
		{"a", "", 0, []string{"a", "aa", "ab", "ac"}},
		{"a", "", 2, []string{"a", "aa"}},
		{"a", "aa", 2, []string{"ab", "ac"}},
		{"a", "aaa", 1, []string{"ab"}},
		{"a", "ac", 2, nil},
		{"a", "b", 0, nil},
		{"b", "a", 0, []string{"b"}},
		{"x", "", 0, nil},
		{"", "b", 0, []string{"c"}},
	} {
		var got []string
		for i := range m.View().List(tt.prefix, tt.startAfter, tt.limit) {
			got = append(got, i.Key)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("List(%q, %q, %d): got %q, want %q", tt.prefix, tt.startAfter, tt.limit, got, tt.want)
		}
	}
	for i := range m.View().List("", "", 0) { // a caller may stop early
		if i.Key == "aa" {
			break
		}
	}
}

func TestAViewIsOnePointInTime(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.apply(Set{Key: "a", Value: []byte("1")})
	m.apply(Set{Key: "b", Value: []byte("1")})
	v := m.View()
	m.apply(Set{Key: "a", Value: []byte("2")})
	m.apply(Delete{Key: "b"})
	var got []string
	for i := range v.List("", "", 0) {
		got = append(got, i.Key+string(i.Value))
	}
	if want := []string{"a1", "b1"}; !slices.Equal(got, want) || v.Revision() != 2 {
		t.Errorf("got %q at %d, want %q at 2", got, v.Revision(), want)
	}
	if value, revision, ok := m.Get("a"); string(value) != "2" || revision != 3 || !ok {
		t.Errorf("Get after it: %q, %d, %v", value, revision, ok)
	}
	if _, _, ok := m.Get("b"); ok {
		t.Errorf("the deleted key is still there")
	}
}
