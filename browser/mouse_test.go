package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A run that stands still with votes on their way.
const elected = "seed=1&servers=5&at=264&do=98:set+x+1;188:crash+n2"

// A run that stands still with several messages on a slow link.
const queued = "seed=1&servers=5&at=200&do=98:set+x+1;100:slow+n2->n3+200;101:set+y+2;110:set+z+3"

// messageOf returns the element of a message.
func messageOf(number string) string {
	return fmt.Sprintf(`document.querySelector('.message[data-number=%q]:not([data-gone])')`, number)
}

// TestAMessageIsDealtWithByClickingIt does each of the deeds of a message's card.
func TestAMessageIsDealtWithByClickingIt(t *testing.T) {
	t.Parallel()
	p := openLab(t, queued, desk)
	// The first on that link that no other covers.
	number := ask[string](p, `[...document.querySelectorAll('.message[aria-label^="n2 -> n3 "]')].find((message) => {
		const box = message.getBoundingClientRect();
		return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest(".message") === message;
	}).dataset.number`)
	const arrives = `Number(document.querySelector("#inspector").dataset.due)`
	count := func() int { return ask[int](p, `document.querySelectorAll(".message:not([data-gone])").length`) }
	before := count()
	for _, deed := range []struct {
		name  string
		after string // true of the page once it has been done
		stays bool
		more  int
	}{
		{name: "drop", after: messageOf(number) + " === null"},
		{name: "deliver", after: messageOf(number) + " === null"},
		{name: "delay", stays: true},
		{name: "duplicate", stays: true, more: 1},
		{name: "reorder", stays: true},
	} {
		p.click(fmt.Sprintf(`.message[data-number=%q]`, number))
		p.until(`!document.querySelector("#inspector").hidden`)
		due := ask[float64](p, arrives)
		p.click(fmt.Sprintf(`#inspector [data-line^="%s %s"]`, deed.name, number))
		p.until(fmt.Sprintf(`location.hash.includes(";200:%s+%s")`, deed.name, number))
		if p.text("#answer"); ask[bool](p, `"bad" in document.querySelector("#answer").dataset`) {
			t.Errorf("%s: %s", deed.name, p.text("#answer"))
		}
		if deed.after != "" {
			p.until(deed.after)
			p.until(`document.querySelector("#inspector").hidden`) // there is nothing to tell of it any more
		}
		if deed.stays {
			p.until(messageOf(number) + " !== null")
			later := ask[float64](p, arrives) - due
			if is := later > 0; is != (deed.name != "duplicate") || deed.name == "delay" && later < 99 {
				t.Errorf("%s: it arrives %v ms later", deed.name, later)
			}
			p.keys(kb.Escape)
		}
		if deed.more > 0 && count() != before+deed.more {
			t.Errorf("%s: %d messages, before %d", deed.name, count(), before)
		}
		p.keys("u")
		p.until(fmt.Sprintf(`!location.hash.includes("200:") && document.querySelectorAll(".message:not([data-gone])").length === %d`, before))
	}
}

// TestAMessageTellsItsFields points at one with the mouse, and comes to another with a key.
func TestAMessageTellsItsFields(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	const tip = `[...document.querySelectorAll(".tip:not([hidden]) dt")].map((name) => name.textContent + "=" + name.nextSibling.textContent).join()`
	told := func(number string) {
		t.Helper()
		p.until(`document.querySelector(".tip").checkVisibility()`)
		said := ask[string](p, messageOf(number)+`.getAttribute("aria-label")`)
		if kind := p.text(".tip b"); !strings.Contains(said, " "+kind+" ") {
			t.Errorf("the tip tells of a %s, the message is %s", kind, said)
		}
		if fields := ask[string](p, tip); !strings.Contains(fields, "lastLogTerm=1") && !strings.Contains(fields, "voteGranted=true") {
			t.Errorf("of %s the tip says %q", said, fields)
		}
	}
	number := ask[string](p, `document.querySelector(".message").dataset.number`)
	p.point(messageOf(number))
	told(number)
	p.move(5, 5)
	p.until(`!document.querySelector(".tip").checkVisibility()`)
	p.keys("m")
	p.until(`document.activeElement.matches(".message")`)
	told(ask[string](p, `document.activeElement.dataset.number`))
}

// middle returns where the middle of an element is seen.
func (p *page) middle(element string) (x, y float64) {
	p.t.Helper()
	at := ask[[]float64](p, fmt.Sprintf(`(() => { const box = %s.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()`, element))
	return at[0], at[1]
}

// move moves the mouse, with its button up; point, to an element.
func (p *page) move(x, y float64) {
	p.t.Helper()
	p.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

func (p *page) point(element string) {
	p.t.Helper()
	p.move(p.middle(element))
}

// TestDraggingALineBetweenServersSplitsThem draws it from one side of the stage to the other.
func TestDraggingALineBetweenServersSplitsThem(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	_, above := p.middle(`document.querySelector('.server[data-key="n2"]')`)
	_, below := p.middle(`document.querySelector('.server[data-key="n3"]')`)
	edge := ask[[]float64](p, `(() => { const box = document.querySelector(".stage").getBoundingClientRect(); return [box.left + 8, box.right - 8]; })()`)
	y := (above + below) / 2
	p.do(chromedp.MouseEvent(chromedp.MousePressed, edge[0], y, chromedp.ButtonLeft))
	for at := edge[0]; at < edge[1]; at += 40 {
		p.do(chromedp.MouseEvent(chromedp.MouseMoved, at, y, chromedp.ButtonLeft))
	}
	p.do(chromedp.MouseEvent(chromedp.MouseReleased, edge[1], y, chromedp.ButtonLeft))
	p.until(`location.hash.includes("264:split")`)
	// Twelve links join the three above to the two below, in either direction.
	p.until(`document.querySelectorAll('main .link[data-cut]').length === 12`)
	links := ask[[]string](p, `[...document.querySelectorAll('main .link[data-cut]')].map((link) => link.dataset.key)`)
	for _, link := range links {
		from, to, _ := strings.Cut(link, ">")
		lower := []string{"n3", "n4"}
		if slices.Contains(lower, from) == slices.Contains(lower, to) {
			t.Errorf("%s is cut, and does not cross the line", link)
		}
	}
	p.click(".heal")
	p.until(`document.querySelectorAll("main .link").length === 0`)
}
