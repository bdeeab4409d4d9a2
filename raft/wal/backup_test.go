package wal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedBackupIsRefusedAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	m := meta(9, 3)
	whole := fileOf(t, m, "the state")
	file := filepath.Join(t.TempDir(), "backup")
	read := func(content []byte) (string, error) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBackup(file)
		if err != nil {
			return "", err
		}
		defer b.Close()
		if !sameMeta(b.Meta, m) || b.Size != int64(len(content)) {
			t.Errorf("got %+v", b)
		}
		state, err := io.ReadAll(b)
		return string(state), err
	}
	if state, err := read(whole); state != "the state" || err != nil {
		t.Fatalf("got %q, %v", state, err)
	}
	for what, content := range map[string][]byte{
		"empty":     nil,
		"no backup": []byte("dear diary, this is not a backup at all"),
		"cut short": whole[:len(whole)-1],
		"a bit":     append([]byte(strings.Replace(string(whole[:len(whole)-4]), "state", "statf", 1)), whole[len(whole)-4:]...),
	} {
		_, err := read(content)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), file) || !strings.HasSuffix(err.Error(), "take another backup") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
