package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"kvorum/raft/mutants"
)

// runMutated compiles this program with a rule broken, in a folder aside, and
// runs it with args in place of this one.
func (l *raftlab) runMutated(ctx context.Context, which string, args ...string) error {
	m, ok := mutants.Find(which)
	if !ok {
		return noMutant(which)
	}
	dir, err := os.MkdirTemp("", "raftlab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the folder for temporary files
	overlay, err := m.Overlay(dir)
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "raftlab.exe")
	if out, err := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, "kvorum/cmd/raftlab").CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %v\n%s", m.Name, err, out) // not %w: the exit code of go is not ours
	}
	child := exec.CommandContext(ctx, program, append(slices.Clone(args), "--mutant=", "--mutated="+m.Name)...) // the last --mutant counts
	child.Stdout, child.Stderr = l.stdout, l.stderr
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) } // it prints what it has found yet
	child.WaitDelay = 10 * time.Second
	if err := child.Run(); !errors.Is(err, context.Canceled) || !child.ProcessState.Success() {
		return err
	}
	return nil // it was told to end, and did
}

func noMutant(which string) error {
	return usageError{fmt.Errorf("there is no mutant %q: `raftlab mutants` lists them", which)}
}
