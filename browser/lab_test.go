package browser

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Expressions that are true or tell something of the lab's page.
const (
	ready     = `document.body?.dataset.ready !== undefined`
	hasLeader = `document.querySelector('main .server[data-role="leader"]:not([data-process="down"])') !== null`
	leader    = `document.querySelector('main .server[data-role="leader"]:not([data-process="down"])').dataset.key`
	moment    = `Number(document.querySelector("#slider").value)`
	playing   = `"playing" in document.body.dataset`
	atTheEnd  = `Number(document.querySelector("#slider").value) >= Number(document.querySelector("#slider").max)`
	isRed     = `document.querySelector('#properties [data-holds="false"]') !== null || !document.querySelector("#violation").hidden || "bad" in document.querySelector("#parting").dataset`
)

// openLab shows the run that the link says, once the page is ready.
func openLab(t testing.TB, link string, how look) *page {
	t.Helper()
	at := serveLab(t)
	at.Fragment = link
	p := open(t, at.String(), how)
	p.until(ready)
	return p
}

// load shows another run in the same tab. The number is of the test's own choice: with
// the same address but for the fragment the page would not be loaded anew.
func (p *page) load(at url.URL, number int, link string) {
	p.t.Helper()
	at.RawQuery, at.Fragment = fmt.Sprint("n=", number), link
	p.do(chromedp.Navigate(at.String()))
	p.until(fmt.Sprintf("location.search === %q && %s", "?"+at.RawQuery, ready))
}

func TestAnElectionACrashAndTheNextElection(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=5", desk)
	p.until(hasLeader)
	first := ask[string](p, leader)
	p.say("crash " + first)
	p.until(fmt.Sprintf(`document.querySelector('.server[data-key=%q]').dataset.process === "down"`, first))
	p.until(hasLeader)
	if second := ask[string](p, leader); second == first {
		t.Fatalf("%s leads, and is down", second)
	}
	p.say("set colour blue")
	p.until(`document.querySelector("#state").innerText.includes("blue")`)
	if ask[bool](p, isRed) {
		t.Errorf("a property fell: %s", p.text("#violation"))
	}
}

func TestTheSliderGoesBackAndForthOverTheSameRun(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=2&servers=3", desk)
	p.until(hasLeader)
	p.keys(" ")
	p.until("!(" + playing + ")")
	const stage = `[...document.querySelectorAll("main .server")].map((s) => s.getAttribute("aria-label")).join("; ")`
	end, before := ask[float64](p, moment), ask[string](p, stage)
	slide := func(to float64) {
		ask[bool](p, fmt.Sprintf(`(() => { const s = document.querySelector("#slider"); s.value = %v; return s.dispatchEvent(new Event("input")); })()`, to))
		p.until(fmt.Sprintf("Math.abs(%s - %v) < 30", moment, to))
	}
	slide(0)
	p.until("!(" + hasLeader + ")")
	slide(end)
	p.until(hasLeader)
	p.keys(kb.End)
	p.until(fmt.Sprintf("%s === %q", stage, before))
}

// TestEveryStoryPlaysToItsEnd plays the scripts of raft/testdata.
func TestEveryStoryPlaysToItsEnd(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&at=1", desk)
	stories := ask[[]string](p, `[...document.querySelectorAll("[data-scenario]")].map((b) => b.dataset.scenario)`)
	if len(stories) < 15 {
		t.Errorf("%d stories, want at least 15", len(stories))
	}
	for _, story := range stories {
		ask[bool](p, fmt.Sprintf(`(document.querySelector('[data-scenario=%q]').click(), true)`, story))
		p.until(fmt.Sprintf(`location.hash.includes("scenario=%s")`, story))
		ask[bool](p, `(() => { const s = document.querySelector("#speed"); s.value = s.options[s.options.length - 1].value; return s.dispatchEvent(new Event("change")); })()`)
		p.until("!(" + playing + ") && " + atTheEnd)
		if blocks := p.text("#caption .blocks span"); !isLast(blocks) {
			t.Errorf("%s stopped in block %s", story, blocks)
		}
		if ask[bool](p, isRed) {
			t.Errorf("%s: a property fell: %s", story, p.text("#violation"))
		}
	}
}

// isLast tells "6 of 6" from "2 of 6".
func isLast(blocks string) bool {
	at, of, _ := strings.Cut(blocks, " of ")
	return at == of
}

// TestABrokenRuleShowsRed plays a seed of the simulator, with its faults, twice.
func TestABrokenRuleShowsRed(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&chaos=1&mutation=vote-without-log-check", desk)
	p.until(`document.querySelectorAll("main > .run").length === 2`)
	p.until(isRed)
	if !ask[bool](p, `document.querySelectorAll("main > .run")[0].dataset.broken === undefined`) {
		t.Error("the run with the rule is red too")
	}
	p.click(`[data-to="end"]`)
	p.until(`document.querySelectorAll("main > .run").length === 1`)
	p.until("!(" + isRed + ")")
}

// TestARuleThatIsKnownToFallFalls chooses from the list a rule that falls in a story, and
// one that somebody made fall by hand. Package site's tests let all fall, in no browser.
func TestARuleThatIsKnownToFallFalls(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=3&servers=3&at=250&do=240:set+x+1", desk)
	rules := ask[[]string](p, `fetch("mutations.json").then((r) => r.json()).then((all) => 
		[all.find((m) => m.link.startsWith("scenario=")), all.find((m) => m.link.includes("&do="))].map((m) => m.name))`)
	for _, rule := range rules {
		ask[bool](p, fmt.Sprintf(`(document.querySelector('[data-mutation=%q]').click(), true)`, rule))
		p.until(fmt.Sprintf(`document.querySelectorAll("main > .run > .label")[1]?.innerText.endsWith(%q)`, strings.ReplaceAll(rule, "-", " ")))
		p.until(`document.querySelector("#parting p").innerText.includes("falls: ")`)
		p.until(isRed)
		if heading := p.text("#trace h2"); heading != "Why, without the rule" {
			t.Errorf("what is below the pictures is called %q", heading)
		}
		p.until(`document.querySelector('#trace [data-kind="violation"]') !== null`)
	}
	p.click(`[data-to="end"]`)
	p.until(`location.hash.includes("do=240:set+x+1") && !location.hash.includes("mutation")`)
	p.until("!(" + isRed + ")")
}

// TestThePicturesOfTwoRunsAreTheirOwn chooses a server beside the run with the rule.
func TestThePicturesOfTwoRunsAreTheirOwn(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=6&chaos=1&short=1&mutation=vote-without-log-check", desk)
	p.until(isRed)
	const columns = `[...document.querySelectorAll(".run thead")].map((head) => head.innerText)`
	if heads := ask[[]string](p, columns); len(heads) != 2 || heads[0] != heads[1] {
		t.Errorf("the columns of the logs are %q", heads)
	}
	for run := range 2 {
		of := fmt.Sprintf(`document.querySelectorAll("main > .run")[%d]`, run)
		for i := range ask[int](p, of+`.querySelectorAll(".server").length`) {
			server := fmt.Sprintf(`%s.querySelectorAll(".server")[%d]`, of, i)
			said := ask[string](p, server+`.getAttribute("aria-label")`)
			ask[bool](p, server+`.dispatchEvent(new MouseEvent("click"))`)
			p.until(`!document.querySelector("#inspector").hidden`)
			if card := p.text("#inspector header p"); !strings.Contains(said, card) {
				t.Errorf("the card says %q, the picture %q", card, said)
			}
		}
	}
}

func TestWhatALinkNamesAndIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"scenario=nothing-like-it", "seed=1&at=1&mutation=nothing-like-it"} {
		p := openLab(t, link, desk)
		p.until(`document.querySelector("#answer").innerText.includes("nothing-like-it")`)
		p.until(`document.querySelector("main .server") !== null`)
	}
}

// TestARuleIsBrokenFromTheList chooses one, and sees where the runs part.
func TestARuleIsBrokenFromTheList(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&at=1", desk)
	p.keys("b")
	p.until(`document.querySelector("#break-dialog").open`)
	p.click(`[data-mutation="commit-an-old-term-by-counting"]`)
	p.until(`document.querySelectorAll("main > .run").length === 2`)
	p.until(`!document.querySelector('[data-to="parts"]').disabled`)
}

func TestAPhoneShowsEverythingInItsWidth(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=5", look{width: 360, height: 740, scale: 2})
	p.until(hasLeader)
	const wide = `[...document.querySelectorAll("body > *, main > *, .card")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.id || e.className).join()`
	if out := ask[string](p, wide); out != "" {
		t.Errorf("wider than the screen: %s", out)
	}
	if width := ask[int](p, "document.documentElement.scrollWidth"); width > 360 {
		t.Errorf("the page is %d pixels wide, on a screen of 360", width)
	}
}

// TestTheKeyboardAlone does without a mouse what one does with it.
func TestTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=3&servers=3", desk)
	p.until(hasLeader)
	p.keys(" ")
	p.until("!(" + playing + ")")
	at := ask[float64](p, moment)
	p.keys(kb.ArrowLeft)
	p.until(fmt.Sprintf("%s < %v", moment, at))
	at = ask[float64](p, moment)
	p.keys(kb.ArrowRight)
	p.until(fmt.Sprintf("%s > %v", moment, at))

	for !ask[bool](p, `document.querySelector(".message") !== null`) {
		p.keys(kb.ArrowRight)
	}
	p.keys("m")
	p.until(`document.activeElement.matches(".message")`)
	p.enter()
	p.until(`!document.querySelector("#inspector").hidden && document.querySelector("#inspector").contains(document.activeElement)`)
	p.keys(kb.Escape)
	p.until(`document.querySelector("#inspector").hidden`)

	p.keys("1") // the card of n1, whose first button has the focus
	p.until(`!document.querySelector("#inspector").hidden && document.querySelector("#inspector").contains(document.activeElement)`)
	for !ask[bool](p, `document.activeElement.dataset.line === "crash n1"`) {
		p.keys(kb.Tab)
	}
	p.keys(kb.Enter)
	p.until(`document.querySelector('.server[data-key="n1"]').dataset.process === "down"`)
	p.until(`document.querySelector("#inspector").contains(document.activeElement)`)
	p.keys(kb.Escape)
	p.until(`document.querySelector("#inspector").hidden`)

	p.keys("/")
	p.until(`document.activeElement.id === "line"`)
	ask[bool](p, `(document.activeElement.value = "", true)`) // the protocol types the slash too
	p.keys("res", kb.Tab)
	p.until(`document.querySelector("#line").value === "restart"`)
	ask[bool](p, `(document.querySelector("#line").value = "", true)`)
	p.keys("restart n1", kb.Enter)
	p.until(`document.querySelector('.server[data-key="n1"]').dataset.process === "up"`)
	p.keys(kb.ArrowUp)
	p.until(`document.querySelector("#line").value === "restart n1"`)
	p.keys(kb.Escape, "?")
	p.until(`document.querySelector("#keys-dialog").open`)
	p.keys(kb.Escape)
	p.until(`!document.querySelector("#keys-dialog").open`)
	p.keys("/")
	p.until(`document.activeElement.id === "line"`)
	ask[bool](p, `(document.activeElement.value = "help", true)`)
	p.keys(kb.Enter)
	p.until(`document.querySelector("#command-list").checkVisibility()`)
}

func TestALinkIsARun(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=5&servers=3", desk)
	p.until(hasLeader)
	p.keys(" ")
	p.say("set x 1")
	p.keys(kb.Escape)
	const picture = `document.querySelector(".logs table").innerText + document.querySelector("#moment").innerText`
	p.until(`location.hash.includes("do=")`)
	want, link := ask[string](p, picture), ask[string](p, "location.href")
	again := open(t, link, desk)
	again.until(ready)
	if got := ask[string](again, picture); got != want {
		t.Errorf("the link %s shows\n%s\nwant\n%s", link, got, want)
	}
}
