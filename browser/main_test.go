package browser

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// binaries is the folder of kvorum's programs, built once for all tests.
var binaries string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "kvorum-browser"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	for _, args := range [][]string{
		{"run", "./cmd/raftlab", "engine"}, // which raftlab then has in it
		{"build", "-o", binaries + "/", "./cmd/kvorum", "./cmd/kvctl", "./cmd/kvbench", "./cmd/raftlab"},
	} {
		build := exec.Command("go", args...)
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go %v: %v\n%s", args, err, out)
			return 1
		}
	}
	return m.Run()
}

// program returns the path of one of kvorum's.
func program(name string) string { return filepath.Join(binaries, name) }

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+/\S*`)

// serveLab starts `raftlab serve`, and returns its address. It ends with the test.
func serveLab(t testing.TB) *url.URL {
	t.Helper()
	chromium(t) // without which there is nothing to serve
	serve := withUs(exec.Command(program("raftlab"), "serve", "--addr", "127.0.0.1:0"))
	serve.Dir = ".." // to build an engine without a rule it needs the sources
	serve.Stderr = os.Stderr
	out, err := serve.StdoutPipe()
	if err == nil {
		err = serve.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if found := address.FindString(lines.Text()); found != "" {
			at, err := url.Parse(found)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	t.Fatal("raftlab serve ended without saying its address")
	return nil
}
