// Package engine has the lab's engine as WebAssembly: the one that was built with
// this program, and, where there is the source and the go command, others that
// break a rule.
package engine

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"kvorum/raft/mutants"
)

// built is what `make build` has put there, beside a file that is always there.
//
//go:embed built
var built embed.FS

// ErrNotBuilt says that this program was built without the engine, and that there is
// no source to build it from.
var ErrNotBuilt = errors.New("this program was built without the lab's engine, and the source is not here: use `make build`, or run it in a checkout of kvorum")

// Engine returns the engine, compressed with zstd: the one that is in this program,
// or else one that is built now, which takes half a minute.
func Engine(ctx context.Context) ([]byte, error) {
	if b, err := built.ReadFile("built/lab.wasm.zst"); err == nil {
		return b, nil
	}
	b, err := Build(ctx, "")
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, mutants.ErrNoSource) {
		return nil, ErrNotBuilt
	}
	return b, err
}

// Support returns wasm_exec.js of the Go release that the engine is built with: what
// a page needs to run it.
func Support(ctx context.Context) ([]byte, error) {
	if b, err := built.ReadFile("built/wasm_exec.js"); err == nil {
		return b, nil
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, ErrNotBuilt
	}
	return os.ReadFile(filepath.Join(string(bytes.TrimSpace(root)), "lib", "wasm", "wasm_exec.js"))
}

// Build compiles the engine from the source around the working directory, and
// compresses it. It breaks the given rule of the bug zoo, if that is not empty.
func Build(ctx context.Context, mutation string) ([]byte, error) {
	root, err := mutants.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kvorum-lab-")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the folder for temporary files
	// Without inlining it is a tenth smaller, and fast enough.
	args := []string{"build", "-trimpath", "-gcflags=all=-l", "-ldflags=-s -w -X main.mutation=" + mutation}
	if mutation != "" {
		m, ok := mutants.Find(mutation)
		if !ok {
			return nil, fmt.Errorf("engine: there is no mutant %q", mutation)
		}
		overlay, err := m.Overlay(dir)
		if err != nil {
			return nil, err
		}
		args = append(args, "-overlay="+overlay)
	}
	file := filepath.Join(dir, "lab.wasm")
	build := exec.CommandContext(ctx, "go", append(args, "-o", file, "./lab/wasm")...)
	build.Dir, build.Env = root, append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("engine: go build: %w\n%s", err, out)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return compress(ctx, wasm), nil
}

// compress compresses for visitors who wait: with the zstd command if there is one,
// whose best is a seventh smaller than what the library makes.
func compress(ctx context.Context, b []byte) []byte {
	command := exec.CommandContext(ctx, "zstd", "-19", "--quiet", "--stdout", fmt.Sprintf("--stream-size=%d", len(b)))
	command.Stdin = bytes.NewReader(b)
	if out, err := command.Output(); err == nil {
		return out
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20))
	if err != nil {
		panic("engine: " + err.Error()) // the options are wrong
	}
	defer w.Close() //nolint:errcheck // it writes nowhere
	return w.EncodeAll(b, nil)
}

// WriteBuilt builds the engine into the folder that the next build of this package
// embeds.
func WriteBuilt(ctx context.Context) error {
	root, err := mutants.Root()
	if err != nil {
		return err
	}
	wasm, err := Build(ctx, "")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	support, err := os.ReadFile(filepath.Join(string(bytes.TrimSpace(out)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for name, b := range map[string][]byte{"lab.wasm.zst": wasm, "wasm_exec.js": support} {
		file := filepath.Join(root, "lab", "engine", "built", name)
		if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, b) {
			continue // what is built from it stays as it is
		}
		if err := os.WriteFile(file, b, fs.FileMode(0o644)); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	return nil
}
