package browser

import (
	"fmt"
	"testing"
)

// TestMessagesDoNotPushOutTheReasons opens runs in which a thousand messages, and the
// questions of clients, follow the last reason, and lets one go on for as many again.
func TestMessagesDoNotPushOutTheReasons(t *testing.T) {
	t.Parallel()
	at := serveLab(t)
	p := open(t, at.String(), look{width: 1440, height: 900, still: true})
	const reasons = `[...document.querySelectorAll('#trace [data-kind="reason"]')].filter((line) => line.checkVisibility()).length`
	const messages = `document.querySelectorAll('#trace [data-kind="message"]').length`
	for i, link := range []string{"seed=3&servers=3&clients=1&at=3000", "seed=1&servers=5&at=2000"} {
		p.load(*at, i, link)
		p.until(reasons + " > 0 && " + messages + " === 0")
	}
	p.set("#speed", "5")
	before := ask[float64](p, moment)
	p.click("#play")
	p.until(fmt.Sprintf("%s > %v && %s > 0", moment, before+5000, reasons))
	p.click("#play")
	p.click("#messages")
	p.until(messages + " > 100")
	p.click("#messages")
	p.until(messages + " === 0 && " + reasons + " > 0")
}
