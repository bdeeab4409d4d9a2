package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

const (
	inc        = "00000000000000aa"
	oldCluster = "00112233445566778899aabbccddeeff"
)

func server(name string) raft.ServerID { return node.NewID(name, inc) }

func servers(names ...string) (ids []raft.ServerID) {
	for _, name := range names {
		ids = append(ids, server(name))
	}
	return ids
}

// disk is the folder "old" of the server n1, with entries in its log.
type disk struct {
	*wal.MemFS
	t     *testing.T
	store *wal.Store
	last  raft.EntryID
}

func newDisk(t *testing.T, voters ...string) *disk {
	d := &disk{MemFS: wal.NewMemFS(), t: t, last: raft.EntryID{Term: 3}}
	var err error
	if d.store, err = wal.Open(d, "old", wal.Options{Name: "n1", Incarnation: inc}); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Bootstrap(oldCluster, servers(voters...)...); err != nil {
		t.Fatal(err)
	}
	d.save(raft.Persist{HardState: &raft.HardState{CurrentTerm: 4, VotedFor: server("n2")}})
	return d
}

func (d *disk) save(b raft.Persist) {
	d.t.Helper()
	if err := d.store.Save([]raft.Persist{b}); err != nil {
		d.t.Fatal(err)
	}
}

// entry appends an entry with a command, a configuration, or neither.
func (d *disk) entry(c kv.Command, config *raft.Configuration) {
	d.t.Helper()
	d.last.Index++
	e := raft.Entry{EntryID: d.last, Config: config}
	if c != nil {
		e.Command = kv.Encode(c)
	}
	d.save(raft.Persist{Entries: []raft.Entry{e}})
}

// snapshot appends entries with the commands, which are the first, and takes a
// snapshot that covers them.
func (d *disk) snapshot(commands ...kv.Command) raft.SnapshotMeta {
	d.t.Helper()
	state := kv.New()
	for _, c := range commands {
		d.entry(c, nil)
		if _, err := state.Apply(raft.Entry{EntryID: d.last, Command: kv.Encode(c)}); err != nil {
			d.t.Fatal(err)
		}
	}
	meta := raft.SnapshotMeta{LastIncludedIndex: d.last.Index, LastIncludedTerm: d.last.Term,
		Config: raft.Configuration{Voters: servers("n1", "n2", "n3")}}
	if _, err := d.store.WriteSnapshot(meta, state.Snapshot()); err != nil {
		d.t.Fatal(err)
	}
	return meta
}

func (d *disk) close() {
	d.t.Helper()
	if err := d.store.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// survivor opens the folder as recover does.
func (d *disk) survivor() *Survivor {
	d.t.Helper()
	s, err := OpenSurvivor(d, "old", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { s.Close() })
	return s
}

// wantNew checks that dir is the folder of a new cluster of n1 alone, and
// returns its state.
func wantNew(t *testing.T, fsys wal.FS, dir string, at raft.EntryID) *kv.Store {
	t.Helper()
	s, err := wal.Open(fsys, dir, wal.Options{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	saved, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	id := s.Identity()
	if id.ClusterID == oldCluster || id.Incarnation == inc || !slices.Equal(saved.Snapshot.Config.Servers(), []raft.ServerID{id.ServerID()}) {
		t.Errorf("it is %+v with %v", id, saved.Snapshot.Config)
	}
	if got := saved.Snapshot.ID(); got.Index != at.Index+Gap || got.Term != at.Term {
		t.Errorf("its log begins after %v, want %v and the gap", got, at)
	}
	r, err := s.OpenSnapshot(saved.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	state := kv.New()
	if err := state.Restore(r); err != nil {
		t.Fatal(err)
	}
	if d := state.Directory(); len(d.Servers)+len(d.Removed)+state.Sessions() > 0 {
		t.Errorf("it still knows %+v and %d sessions", d, state.Sessions())
	}
	return state
}

func wantKey(t *testing.T, state *kv.Store, key, value string, revision raft.Index) {
	t.Helper()
	if got, at, ok := state.Get(key); string(got) != value || at != revision || !ok {
		t.Errorf("%s = %q at %d, want %q at %d", key, got, at, value, revision)
	}
}

// takeBackup writes the backup of a store with two keys and all else that a
// store may hold.
func takeBackup(t *testing.T) (file string, last raft.EntryID) {
	t.Helper()
	d := newDisk(t, "n1", "n2", "n3")
	defer d.close()
	meta := d.snapshot(
		kv.Set{Key: "a", Value: []byte("1")}, kv.OpenSession{}, kv.Set{Key: "b", Value: []byte("2")},
		kv.PutServer{ID: server("n1"), Addr: "127.0.0.1:1"}, kv.RemoveServer{ID: server("n9")},
	)
	f, size, err := d.store.OpenSnapshotFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, meta.ID()
}

func TestARestoredClusterHasTheKeysAndRevisions(t *testing.T) {
	t.Parallel()
	file, last := takeBackup(t)
	fsys := wal.NewMemFS()
	info, id, err := Restore(fsys, file, "new", "n1")
	if err != nil {
		t.Fatal(err)
	}
	if info.Last != last || info.Keys != 2 || id.Name != "n1" {
		t.Errorf("got %+v, %+v", info, id)
	}
	if checked, err := Check(file); checked != info || err != nil {
		t.Errorf("checked: %+v, %v; want %+v", checked, err, info)
	}
	state := wantNew(t, fsys, "new", last)
	wantKey(t, state, "a", "1", 1)
	wantKey(t, state, "b", "2", 3)
}

func TestADamagedBackupMakesNoFolder(t *testing.T) {
	t.Parallel()
	file, _ := takeBackup(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += 11 {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		for what, content := range map[string][]byte{"a changed byte": damaged, "a cut": whole[:i]} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			fsys := wal.NewMemFS()
			if _, _, err := Restore(fsys, file, "new", "n1"); !errors.Is(err, wal.ErrCorrupt) {
				t.Errorf("%s at %d: got %v", what, i, err)
			}
			if _, err := Check(file); err == nil {
				t.Errorf("%s at %d: the check notices nothing", what, i)
			}
			if names, _ := fsys.ReadDir("new"); len(names) > 0 {
				t.Errorf("%s at %d: it made %v", what, i, names)
			}
		}
	}
}

// All of the log counts, behind the snapshot too, whether it was committed or
// not; but what the snapshot covers must not be applied again.
func TestARecoveredClusterHasAllThatTheSurvivorHas(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "n1", "n2", "n3")
	d.snapshot(
		kv.CompareAndSet{Key: "a", Expected: kv.HasValue("1"), Value: []byte("only the second time")},
		kv.CompareAndSet{Key: "a", Expected: kv.Absent{}, Value: []byte("1")},
		kv.Set{Key: "c"},
	)
	d.entry(nil, nil)
	d.entry(kv.PutServer{ID: server("n2"), Addr: "127.0.0.1:2"}, nil)
	d.entry(kv.Set{Key: "b", Value: []byte("2")}, nil)
	d.entry(kv.Delete{Key: "c"}, nil)
	d.close()
	before, _ := d.ReadDir("old")
	s := d.survivor()
	if s.Last != d.last || s.Snapshot.Index != 3 || s.Keys() != 2 || s.Address(server("n2")) != "127.0.0.1:2" {
		t.Errorf("got %+v, %d keys", s, s.Keys())
	}
	if _, err := s.Recover(d, "new"); err != nil {
		t.Fatal(err)
	}
	recovered := wantNew(t, d, "new", d.last)
	wantKey(t, recovered, "a", "1", 2)
	wantKey(t, recovered, "b", "2", 6)
	if recovered.Len() != 2 {
		t.Errorf("it has %d keys, want 2", recovered.Len())
	}
	if after, _ := d.ReadDir("old"); !slices.Equal(before, after) {
		t.Errorf("the old folder held %v and now %v", before, after)
	}
}

func TestRecoveryIsRefusedWhereItIsNotDue(t *testing.T) {
	t.Parallel()
	five := raft.Configuration{Voters: servers("n1", "n2", "n3", "n4", "n5"), Learners: servers("n6")}
	joint := raft.Configuration{Voters: servers("n1"), Old: servers("n1", "n2", "n3"), Learners: servers("n6")}
	for _, tt := range []struct {
		config *raft.Configuration // nil: the three it was bootstrapped with
		lost   []string
		want   error
		count  int
	}{
		{nil, []string{"n2", "n3"}, nil, 2},
		{nil, []string{string(server("n2")), "n3"}, nil, 2},
		{nil, []string{"n2"}, ErrQuorum, 0},
		{nil, nil, ErrQuorum, 0},
		{nil, []string{"n2", "n4"}, ErrNotMember, 0},
		{nil, []string{"n1", "n2", "n3"}, ErrSelf, 0},
		{&five, []string{"n2", "n3"}, ErrQuorum, 0},
		{&five, []string{"n2", "n6"}, ErrQuorum, 0},
		{&five, []string{"n2", "n3", "n4"}, nil, 3},
		{&joint, []string{"n2"}, ErrQuorum, 0},
		{&joint, []string{"n2", "n3"}, nil, 2}, // the new majority alone decides nothing
		{&raft.Configuration{Voters: servers("n2", "n3")}, []string{"n2", "n3"}, ErrNotMember, 0},
		{&raft.Configuration{Voters: servers("n2", "n3"), Learners: servers("n1")}, []string{"n2", "n3"}, nil, 2},
	} {
		d := newDisk(t, "n1", "n2", "n3")
		if tt.config != nil {
			d.entry(nil, tt.config)
		}
		d.close()
		lost, err := d.survivor().Lost(tt.lost)
		if !errors.Is(err, tt.want) || len(lost) != tt.count {
			t.Errorf("%+v without %v: got %v, %v; want %v and %d", tt.config, tt.lost, lost, err, tt.want, tt.count)
		}
	}
}

func TestNothingIsRecoveredFromNowhereOrAFolderInUse(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "n1")
	for dir, want := range map[string]error{"nowhere": fs.ErrNotExist, "old": wal.ErrLocked} {
		if _, err := OpenSurvivor(d, dir, nil); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", dir, err, want)
		}
	}
}

// A crash anywhere leaves the survivor as it is.
func TestARecoveryThatCrashesCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	crash := errors.New("crash")
	for at, crashed := 0, true; crashed; at++ {
		d := newDisk(t, "n1", "n2", "n3")
		d.entry(kv.Set{Key: "a", Value: []byte("1")}, nil)
		d.close()
		n := at
		d.Before = func(string, string) error {
			if n--; n < 0 {
				return crash
			}
			return nil
		}
		err := recoverInto(d, "new")
		d.Before = nil
		if crashed = err != nil; crashed && !errors.Is(err, crash) {
			t.Fatal(err)
		}
		d.Crash(func() bool { return at%2 == 0 })
		if err := recoverInto(d, "again"); err != nil {
			t.Fatalf("after a crash at operation %d: %v", at, err)
		}
		wantKey(t, wantNew(t, d, "again", d.last), "a", "1", 1)
	}
}

func recoverInto(d *disk, dir string) error {
	s, err := OpenSurvivor(d, "old", nil)
	if err != nil {
		return err
	}
	_, err = s.Recover(d, dir)
	return errors.Join(err, s.Close())
}
