package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// serving runs a command that serves the lab, and returns the address that it
// prints and what it said before. It ends with the test.
func serving(t *testing.T, line string) (address, before string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var complaints bytes.Buffer
	done := make(chan int, 1) // so that it ends if the test has failed before
	go func() {
		done <- run(ctx, strings.Fields(line), in, &complaints)
		in.Close()
	}()
	var text []byte
	for found := []string(nil); found == nil; {
		part := make([]byte, 4096)
		n, err := out.Read(part)
		text = append(text, part[:n]...)
		if found = regexp.MustCompile(`(?s)^(.*)the lab is at (\S+)\n`).FindStringSubmatch(string(text)); found != nil {
			before, address = found[1], found[2]
		} else if err != nil {
			t.Fatalf("%s: %q, %v, %q", line, text, err, &complaints)
		}
	}
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("%s: got %d, %q", line, code, &complaints)
		}
	})
	return address, before
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestTheLabIsServed(t *testing.T) {
	t.Parallel()
	address, _ := serving(t, "serve --addr 127.0.0.1:0")
	for _, name := range []string{"", "main.mjs", "common/theme.css", "lab.wasm.zst", "wasm_exec.js", "functions.json", "mutations.json"} {
		if code, content := get(t, address+name); code != 200 || len(content) == 0 {
			t.Errorf("%q: got %d, %d bytes", name, code, len(content))
		}
	}
	for _, name := range []string{"nothing", "mutants/nothing.wasm.zst", "../main.go", "web.go"} {
		if code, _ := get(t, address+name); code != 404 {
			t.Errorf("%q: got %d", name, code)
		}
	}
	if _, list := get(t, address+"mutations.json"); !strings.Contains(list, `"name":"half-is-a-quorum"`) {
		t.Errorf("the rules that can be broken are %.200s", list)
	}
}

func TestAFailingSeedOpensWhereItFails(t *testing.T) {
	t.Parallel()
	address, said := serving(t, "replay 2 --mutant half-is-a-quorum --open")
	event := regexp.MustCompile(`^seed 2, event (\d+): `).FindStringSubmatch(said)
	if event == nil {
		t.Fatalf("it says %q", said)
	}
	if want := "#seed=2&chaos=1&mutation=half-is-a-quorum&at=" + event[1]; !strings.HasSuffix(address, want) {
		t.Errorf("the address is %s, want the end %s", address, want)
	}
}

func TestTheLabIsWrittenAsFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "site")
	code, out, complaints := raftlabRuns(t, "export "+dir+" --mutants vote-without-log-check")
	if code != 0 || !strings.Contains(out, "a first visit loads ") {
		t.Fatalf("got %d, %q, %q", code, out, complaints)
	}
	for _, name := range []string{"index.html", "lab.wasm.zst", "mutants/vote-without-log-check.wasm.zst", "common/terms.mjs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	list, err := os.ReadFile(filepath.Join(dir, "mutations.json"))
	if err != nil || strings.Count(string(list), `"ready":true`) != 1 || strings.Contains(string(list), `"ready":false`) {
		t.Errorf("the rules that can be broken are %.300s, %v", list, err)
	}
}
