// Package site puts the lab together for a browser: the page, the engine, and what
// PROTOCOL.md says is beside them. All links are relative, and nothing is asked of
// anybody else, so any server of files can serve it.
package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kvorum/lab"
	"kvorum/lab/engine"
	"kvorum/lab/web"
	"kvorum/lab/web/common"
)

// Files returns the site by path, without the engines that break a rule.
func Files(ctx context.Context) (map[string][]byte, error) {
	files := map[string][]byte{"functions.json": lab.Functions}
	if err := errors.Join(add(files, web.Files, ""), add(files, common.Files, "common")); err != nil {
		return nil, err
	}
	var err error
	if files["lab.wasm.zst"], err = engine.Engine(ctx); err != nil {
		return nil, err
	}
	if files["wasm_exec.js"], err = engine.Support(ctx); err != nil {
		return nil, err
	}
	return files, nil
}

func add(files map[string][]byte, from fs.FS, folder string) error {
	return fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path.Join(folder, name)], err = fs.ReadFile(from, name)
		return err
	})
}

// Export writes the site into a folder, which is made if it is not there, with the
// engines of some mutations. It tells what it does, a line each.
func Export(ctx context.Context, dir string, broken []string, tell func(line string)) error {
	files, err := Files(ctx)
	if err != nil {
		return err
	}
	for _, name := range broken {
		tell("building the engine that breaks the rule " + name)
		b, err := engine.Build(ctx, name)
		if err != nil {
			return err
		}
		files[wasmOf(name)] = b
	}
	if files["mutations.json"], err = json.Marshal(mutations(func(name string) bool { return slices.Contains(broken, name) }, false)); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if err := os.WriteFile(file, files[name], 0o644); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	plain, compressed := firstVisit(files)
	tell(fmt.Sprintf("%d files; a first visit loads %d kB, %d if the server compresses text", len(files), plain/1000, compressed/1000))
	return nil
}

// firstVisit returns how many bytes a page loads that breaks no rule: from a server
// that sends files as they are, and from one that compresses text.
func firstVisit(files map[string][]byte) (plain, compressed int) {
	for name, content := range files {
		if strings.HasPrefix(name, "mutants/") || path.Ext(name) == ".LICENSE" {
			continue
		}
		plain += len(content)
		if path.Ext(name) == ".zst" {
			compressed += len(content)
		} else {
			compressed += len(gzipped(content))
		}
	}
	return plain, compressed
}
