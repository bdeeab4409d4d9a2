package browser

import (
	"fmt"
	"strings"
	"testing"
)

// TestTwoRunsAreShownAtOneTime lets one of them end earlier, and goes back to where both are.
func TestTwoRunsAreShownAtOneTime(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=6&chaos=1&short=1&mutation=vote-without-log-check", desk)
	const labels = `[...document.querySelectorAll("main > .run > .label")].map((label) => label.textContent)`
	const apart = labels + `.every((label) => /, at [0-9.]+ s$/.test(label))`
	const together = labels + `.every((label) => !label.includes(", at "))`
	p.until(isRed)
	p.until(together)
	fell := ask[float64](p, moment)
	p.set("#speed", "5")
	p.click("#play")
	p.until(apart) // the one that broke stands still
	p.click("#play")
	if times := ask[[]string](p, labels); strings.Split(times[0], ", at ")[1] == strings.Split(times[1], ", at ")[1] {
		t.Errorf("the labels %q tell one time", times)
	}
	p.click(`[data-to="falls"]`)
	p.until(together)
	if again := ask[float64](p, moment); again != fell {
		t.Errorf("the property falls at %v ms, and fell at %v", again, fell)
	}
	p.click("#back")
	p.until(together + " && " + moment + " < " + fmt.Sprint(fell))
}
