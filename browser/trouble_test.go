package browser

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"
)

// TestADamagedLinkIsSaidAndTheFirstRunOpened follows links that mail programs and hands
// have spoiled.
func TestADamagedLinkIsSaidAndTheFirstRunOpened(t *testing.T) {
	t.Parallel()
	at := serveLab(t)
	for _, fragment := range []string{"%", "seed=1&do=10:set+x+100%", "seed=one", "no=1"} {
		p := open(t, at.String()+"#"+fragment, desk)
		p.until(ready)
		p.until(`"bad" in document.querySelector("#answer").dataset && document.querySelector("#answer").textContent !== ""`)
		p.until(`document.querySelectorAll("main .server").length === 5`)
		if name := p.text("#playing-name"); name != "seed 1, 5 servers" {
			t.Errorf("#%s shows %q", fragment, name)
		}
		p.close()
	}
}

// serveSpoilt serves the lab with one of its files changed.
func serveSpoilt(t *testing.T, file string, spoil func(content []byte) []byte) string {
	to := serveLab(t)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasSuffix(r.Request.URL.Path, file) {
				return nil
			}
			content, err := io.ReadAll(r.Body)
			content = spoil(content)
			r.Header.Set("Content-Length", strconv.Itoa(len(content)))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			return err
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}

func TestAnEngineThatDoesNotStartIsSaid(t *testing.T) {
	t.Parallel()
	p := open(t, serveSpoilt(t, "lab.wasm.zst", func([]byte) []byte { return []byte("no engine") }), desk)
	p.until(`document.querySelector("#trouble").checkVisibility() && document.querySelector("#trouble").textContent.includes("No more can be played")`)
	if name := p.text("#playing-name"); name != "Not started" {
		t.Errorf("what is played is called %q", name)
	}
}

// callsEngine is where the worker calls the engine.
const callsEngine = `globalThis.kvorum(data.request)`

// spoilWorker lets the engine do something else when it is asked to crash n1.
func spoilWorker(t *testing.T, instead string) func([]byte) []byte {
	return func(worker []byte) []byte {
		if !bytes.Contains(worker, []byte(callsEngine)) {
			t.Errorf("worker.mjs does not say %s", callsEngine)
		}
		return bytes.ReplaceAll(worker, []byte(callsEngine), []byte(`(data.request.includes("crash n1") ? `+instead+` : `+callsEngine+`)`))
	}
}

// TestAnEngineThatHangsOrBreaksDownIsBegunAnew lets it, and opens the first run by a click.
func TestAnEngineThatHangsOrBreaksDownIsBegunAnew(t *testing.T) {
	t.Parallel()
	for instead, says := range map[string]string{"(() => { for (;;); })()": "at it still", "undefined": "broke down"} {
		p := open(t, serveSpoilt(t, "worker.mjs", spoilWorker(t, instead))+"#seed=2&servers=3&at=100", desk)
		p.until(ready)
		p.set("#line", "crash n1")
		ask[bool](p, `(document.querySelector("#command").requestSubmit(), true)`)
		p.until(`document.querySelector("#trouble").checkVisibility() && document.querySelector("#trouble").textContent.includes("` + says + `")`)
		p.click("#trouble button")
		p.until(`document.querySelectorAll("main .server").length === 5 && location.hash.startsWith("#seed=1&servers=5")`)
		p.until(`document.querySelector("#trouble").hidden`)
		p.click("#play")
		p.until(hasLeader)
		p.close()
	}
}

// TestWhatALinkCannotDoAndWhatIsForgottenIsSaid opens a run with a server that is not
// there, and acts before what was done later.
func TestWhatALinkCannotDoAndWhatIsForgottenIsSaid(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=3&at=200&do=100:crash+n9;150:set+x+1;160:set+x+2", desk)
	p.until(`document.querySelector("#answer").textContent.includes("crash n9") && "bad" in document.querySelector("#answer").dataset`)
	p.click("#start")
	p.until(moment + " === 0")
	p.say("crash n1")
	p.until(`document.querySelector("#answer").textContent.includes("forgotten: ")`)
}
