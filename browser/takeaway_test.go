package browser

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp/kb"
)

// copied clicks a button of "Take it away", and returns what is on the clipboard then.
func (p *page) copied(kind string) string {
	p.t.Helper()
	if !ask[bool](p, `document.querySelector("#share-dialog").open`) {
		p.click("#share")
	}
	ask[bool](p, `navigator.clipboard.writeText("nothing was copied").then(() => true)`)
	p.click(`[data-copy="` + kind + `"]`)
	p.until(`document.querySelector("#copied").textContent === "Copied."`)
	return ask[string](p, `navigator.clipboard.readText()`)
}

// mayReadClipboard lets the page do what only this test wants.
func (p *page) mayReadClipboard() {
	p.t.Helper()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		p.check(call(p.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: "granted",
		}))
	}
}

// picture is all that tells one moment of a run from another.
const picture = `document.querySelector(".logs table").innerText + document.querySelector("#moment").innerText + [...document.querySelectorAll("main .server, .message:not([data-gone])")].map((s) => s.getAttribute("aria-label")).sort().join("; ")`

func TestACopiedLinkOpensTheSameRunAtTheSameEvent(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	p.mayReadClipboard()
	p.keys(kb.ArrowLeft)
	p.until(`!location.hash.includes("at=264")`)
	link, want := p.copied("link"), ask[string](p, picture)
	again := open(t, link, desk)
	again.until(ready)
	if got := ask[string](again, picture); got != want {
		t.Errorf("the link %s shows\n%s\nwant\n%s", link, got, want)
	}
}

func TestAStoryIsCopiedAsTheScriptThatItIs(t *testing.T) {
	t.Parallel()
	p := openLab(t, "scenario=figure8&at=152", desk)
	p.mayReadClipboard()
	want, err := os.ReadFile("../raft/testdata/figure8.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.copied("script"); got != string(want) {
		t.Errorf("the clipboard has\n%s", got)
	}
}

// TestAnyRunIsCopiedAsAScript does so with one that had no script.
func TestAnyRunIsCopiedAsAScript(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	p.mayReadClipboard()
	text := p.copied("script")
	for _, want := range []string{"\ncluster n1 n2 n3 n4 n5", "\ncrash n2", "\n----\n"} {
		if !strings.Contains("\n"+text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestARunIsCopiedAsAGoTest lets go vet compile it, and looks for what was done.
func TestARunIsCopiedAsAGoTest(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	p.mayReadClipboard()
	text := p.copied("gotest")
	for _, want := range []string{"func Test", `{At: 98, Line: "set x 1"}`, `{At: 188, Line: "crash n2"}`, "Seek(264)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if shown := p.text("#taken"); strings.TrimSpace(shown) != strings.TrimSpace(text) {
		t.Errorf("what is shown is not what was copied:\n%s", shown)
	}
}

// TestAnExportedSiteRunsFromAnyServerOfFiles breaks a rule there, too.
func TestAnExportedSiteRunsFromAnyServerOfFiles(t *testing.T) {
	t.Parallel()
	chromium(t)
	const rule = "vote-without-log-check"
	dir := t.TempDir()
	export := exec.Command(program("raftlab"), "export", "--mutants", rule, dir)
	export.Dir = ".." // to build an engine without a rule it needs the sources
	if out, err := export.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	site := httptest.NewServer(http.StripPrefix("/some/where", http.FileServer(http.Dir(dir))))
	t.Cleanup(site.Close)
	p := open(t, site.URL+"/some/where/#seed=1&servers=5", desk)
	p.until(ready)
	p.until(hasLeader)
	p.keys("b")
	p.until(`document.querySelector("#break-dialog").open`)
	p.click(`[data-mutation="` + rule + `"]`)
	p.until(`document.querySelectorAll("main > .run").length === 2`)
	p.until(isRed)
}
