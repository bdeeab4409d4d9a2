package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what must come. It is far more than
// anything takes on a machine that has nothing else to do.
const patience = 60 * time.Second

// page is a tab of a browser, in a profile of its own.
type page struct {
	t     testing.TB
	ctx   context.Context
	how   look
	close func() // which the end of the test does, too

	// complaints is what the console said. The browser's goroutine writes it
	// while the test reads it, and neither could own it.
	mutex      sync.Mutex
	complaints []string
}

// look says how a page is looked at.
type look struct {
	width, height int64
	scale         float64 // pixels of the screen in one of the page; 0: 1
	dark          bool
	still         bool // the person prefers reduced motion
}

var desk = look{width: 1440, height: 900}

// open shows the page at url. When the test ends the page is closed, and must
// not have complained: no error, no exception, nothing refused by its policy.
func open(t testing.TB, url string, how look) *page {
	t.Helper()
	p := &page{t: t, how: how}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which root cannot have
	}
	browser, quit := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(quit)
	var cancel context.CancelFunc
	p.ctx, cancel = chromedp.NewContext(browser, chromedp.WithListener(p.listen))
	p.close = sync.OnceFunc(func() {
		if err := chromedp.Cancel(p.ctx); err != nil {
			t.Errorf("the browser ended badly: %v", err)
		}
		cancel()
		for _, complaint := range p.complaints {
			t.Errorf("the console says: %s", complaint)
		}
	})
	t.Cleanup(p.close)
	p.do(chromedp.EmulateViewport(how.width, how.height, chromedp.EmulateScale(max(how.scale, 1))))
	p.check(call(p.ctx, log.Enable, cdp.Empty{}))
	p.check(call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: how.features()}))
	p.do(chromedp.Navigate(url))
	return p
}

func call[P, R any](ctx context.Context, command cdp.Command[P, R], params P) error {
	_, err := chromedp.Call(ctx, command, params)
	return err
}

// chromium returns the path of the browser, and skips the test if there is none.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs Chromium (apt-get install chromium)")
	return ""
}

func (l look) features() []*emulation.MediaFeature {
	scheme, motion := "light", "no-preference"
	if l.dark {
		scheme = "dark"
	}
	if l.still {
		motion = "reduce"
	}
	return []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}}
}

// listen notes what the page complains of.
func (p *page) listen(event any) {
	var complaint string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			complaint += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			complaint = fmt.Sprint(e.Type)
			for _, arg := range e.Args {
				complaint += " " + string(arg.Value) + arg.Description
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			complaint = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if complaint != "" {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.complaints = append(p.complaints, complaint)
	}
}

func (p *page) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.check(chromedp.Do(p.ctx, steps...))
}

// until waits for the expression to be true.
func (p *page) until(expression string) {
	p.t.Helper()
	err := chromedp.Do(p.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience)))
	if err != nil {
		p.t.Fatalf("waited for %s: %v; the console says %q, the page:\n%.600s", expression, err, p.complaints, p.text("body"))
	}
}

// ask evaluates the expression, or what it promises.
func ask[T any](p *page, expression string) T {
	p.t.Helper()
	answer, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return answer
}

func (p *page) text(selector string) string {
	p.t.Helper()
	return ask[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// click clicks what the selector finds, as a mouse would: it must be seen.
func (p *page) click(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("click %s: %v", selector, err)
	}
}

// keys presses keys one after another, each named as in package kb or by its letter.
func (p *page) keys(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		if len(key) == 1 && key > " " {
			p.press(key, "", key)
		} else {
			p.do(chromedp.KeyEvent(key))
		}
	}
}

func (p *page) enter() {
	p.t.Helper()
	p.press("Enter", "Enter", "\r")
}

// press presses a key as a keyboard does: who handles the key keeps what it would have
// typed from whatever has the focus then. The events of package chromedp are not so bound.
func (p *page) press(key, code, text string) {
	p.t.Helper()
	event := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Code: code, Text: text}
	if code == "Enter" {
		event.WindowsVirtualKeyCode = 13
	}
	p.check(call(p.ctx, input.DispatchKeyEvent, event))
	event.Type, event.Text = input.DispatchKeyEventTypeKeyUp, ""
	p.check(call(p.ctx, input.DispatchKeyEvent, event))
}

// set gives a field of the page a value, as a choice does.
func (p *page) set(selector, value string) {
	p.t.Helper()
	ask[bool](p, fmt.Sprintf(`(() => { const field = document.querySelector(%q); field.value = %q; return field.dispatchEvent(new Event("change")); })()`, selector, value))
}

// say types a line into the lab's command line, and waits for its answer.
func (p *page) say(line string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS("#line"), line+"\r"))
	p.until(fmt.Sprintf("document.querySelector('#answer').textContent.startsWith(%q)", line))
	if ask[bool](p, "'bad' in document.querySelector('#answer').dataset") {
		p.t.Fatalf("%s: %s", line, p.text("#answer"))
	}
}
