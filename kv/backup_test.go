package kv

import (
	"bytes"
	"errors"
	"testing"
)

func TestANewClusterHasTheKeysAndNothingElse(t *testing.T) {
	t.Parallel()
	m := everything(t)
	keys, revision := m.contents(), m.Revision()
	m.StartOver()
	if m.contents() != keys || m.Len() != 2 || m.Revision() != revision {
		t.Errorf("got %q up to %d, want %q up to %d", m.contents(), m.Revision(), keys, revision)
	}
	if d := m.Directory(); len(d.Servers)+len(d.Removed)+m.Sessions() != 0 {
		t.Errorf("it knows %+v and %d sessions", d, m.Sessions())
	}
	// What was answered must not be done again by a session of that name.
	if got := m.apply(Set{"a", []byte("1"), &Once{1, 1, 1}}); got.Status != SessionExpired {
		t.Errorf("a session of the old cluster got %v", got.Status)
	}
	m.apply(Clock{1}) // a clock of its own, however late it was there
	m.restored()      // its hash is that of what it holds
	if got := m.state.now(); got != 1 {
		t.Errorf("the clock shows %d", got)
	}
}

func TestKeysAreCountedOnlyInWholeSnapshots(t *testing.T) {
	t.Parallel()
	whole := everything(t).snapshot()
	if n, err := CountKeys(bytes.NewReader(whole)); n != 2 || err != nil {
		t.Errorf("got %d keys, %v", n, err)
	}
	for i := range whole {
		if _, err := CountKeys(bytes.NewReader(whole[:i])); err == nil {
			t.Errorf("the first %d bytes were taken for the whole", i)
		}
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		if _, err := CountKeys(bytes.NewReader(damaged)); err == nil && i >= len(snapshotMagic)+1+8 { // the revision has no hash
			t.Errorf("byte %d was changed unnoticed", i)
		}
	}
	if _, err := CountKeys(bytes.NewReader(append(whole, 0))); !errors.Is(err, ErrMalformed) {
		t.Errorf("with a byte after the end: %v", err)
	}
}
