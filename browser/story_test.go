package browser

import (
	"fmt"
	"strings"
	"testing"
)

// TestAStoryIsLeftAndGoneBackTo drops a message of Figure 8, crashes its leader, takes
// that back, and goes back to where the story was left.
func TestAStoryIsLeftAndGoneBackTo(t *testing.T) {
	t.Parallel()
	p := openLab(t, "scenario=figure8&at=152", desk)
	const left = `"left" in document.querySelector("#caption").dataset`
	told, before := p.text("#caption"), ask[string](p, picture)
	number := ask[string](p, `document.querySelector('.message[aria-label^="S1 -> S4 "]').dataset.number`)
	p.click(fmt.Sprintf(`.message[data-number=%q]`, number))
	p.until(`!document.querySelector("#inspector").hidden`)
	p.click(fmt.Sprintf(`#inspector [data-line="drop #%s"]`, number))
	p.until(left + " && " + messageOf(number) + " === null")
	if said := p.text("#caption .text"); !strings.Contains(said, "left the story") {
		t.Errorf("the caption says %q", said)
	}

	const s1 = `document.querySelector('.server[data-key="S1"]').dataset.process`
	p.say("crash S1")
	p.until(s1 + ` === "down"`)
	p.click("#undo")
	p.until(s1 + ` === "up" && ` + left)
	p.say("elect S2 with S3 S4") // of which the messages come one after the other
	p.until(`document.querySelector('.server[data-key="S2"]').dataset.role === "leader"`)

	p.click("#caption .blocks button:last-child")
	p.until("!(" + left + `) && location.hash.endsWith("scenario=figure8&at=152")`)
	if again := p.text("#caption"); again != told {
		t.Errorf("the caption says\n%s\nand said\n%s", again, told)
	}
	p.until(fmt.Sprintf("%s === %q", picture, before))
	p.keys("?")
	p.until(`document.querySelector("#command-list").innerText.includes("elect ")`)
}

// TestASharedComparisonOpensAtTheEventThatItNames, and not where a property falls.
func TestASharedComparisonOpensAtTheEventThatItNames(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=6&chaos=1&short=1&at=600&mutation=vote-without-log-check", desk)
	p.until(`document.querySelector("#parting p").innerText.includes("falls: ")`)
	p.until(`/&at=600(&|$)/.test(location.hash) && document.querySelectorAll("main > .run").length === 2`)
	if ask[bool](p, `document.querySelector('#properties [data-holds="false"]') !== null`) {
		t.Error("a property has fallen, which it does later")
	}
}
