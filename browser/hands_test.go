package browser

import (
	"fmt"
	"strings"
	"testing"
)

// TestADialogPausesAndTakesTheFocus opens each while a run goes on.
func TestADialogPausesAndTakesTheFocus(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=3", desk)
	for key, first := range map[string]string{"o": "[name=servers]", "b": "#filter", "l": "[data-copy=link]", "?": "#keys-dialog .close"} {
		if !ask[bool](p, playing) {
			p.keys(" ")
		}
		p.keys(key)
		p.until(fmt.Sprintf(`document.querySelector("dialog[open]")?.contains(document.activeElement) && !(%s)`, playing))
		if !ask[bool](p, fmt.Sprintf("document.activeElement.matches(%q)", first)) {
			t.Errorf("%s: the focus is on %s", key, ask[string](p, "document.activeElement.outerHTML"))
		}
		ask[bool](p, `(document.querySelector("dialog[open]").close(), true)`) // Escape would first empty a field
		p.until(`document.activeElement === document.body`)
	}
	p.keys("o")
	p.until(`document.querySelector("#choose-dialog").open`)
	p.set("#free [name=seed]", "")
	ask[bool](p, `(document.querySelector("#free button").click(), true)`)
	if !ask[bool](p, `document.querySelector("#choose-dialog").open`) {
		t.Error("a run without a seed was begun")
	}
}

// TestAServerIsMadeAndALinkSlowedByMouse does both, and restarts a server with Enter alone.
func TestAServerIsMadeAndALinkSlowedByMouse(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=3&at=200", desk)
	p.click("#server")
	p.until(`document.querySelector('.server[data-key="n4"]') !== null`)
	p.keys("2")
	p.click(`#inspector [data-line="slow n1->n2 200"]`)
	p.until(`document.querySelectorAll("main .link").length === 1`)
	if link := ask[string](p, `document.querySelector("main .link").dataset.key`); link != "n1>n2" {
		t.Errorf("the slow link is %s", link)
	}
	p.click(`#inspector [data-line="slow n1->n2 0"][aria-pressed="true"]`)
	p.until(`document.querySelectorAll("main .link").length === 0`)
	ask[bool](p, `(document.querySelector('#inspector [data-line="crash n2"]').focus(), true)`)
	p.enter()
	p.until(`document.querySelector('.server[data-key="n2"]').dataset.process === "down"`)
	if line := ask[string](p, `document.activeElement.dataset.line ?? ""`); !strings.HasPrefix(line, "restart") {
		t.Errorf("after the crash the focus is on %q", line)
	}
}
