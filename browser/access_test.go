package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// chatter counts how often what is read aloud changes while the run goes on for a
// hundred changes of its time.
const chatter = `new Promise((done) => {
  let changes = 0, moments = 0;
  const live = [...document.querySelectorAll("[aria-live]:not([aria-live=off]), output:not([aria-live]), [role=status], [role=alert]")];
  const ear = new MutationObserver((all) => { changes += all.length; });
  live.forEach((region) => ear.observe(region, { childList: true, characterData: true, subtree: true }));
  new MutationObserver((_, eye) => {
    if (++moments < 100) return;
    eye.disconnect();
    done(changes);
  }).observe(document.querySelector("#moment"), { childList: true, characterData: true, subtree: true });
})`

func TestARunThatGoesOnIsNotReadAloudAtEveryStep(t *testing.T) {
	t.Parallel()
	for link, most := range map[string]int{"seed=1&servers=5&clients=1": 0, "scenario=figure8&at=1": 12} { // of a story, its captions
		p := openLab(t, link, desk)
		p.set("#speed", "0.2")
		if !ask[bool](p, playing) {
			p.click("#play")
		}
		if changes := ask[int](p, chatter); changes > most {
			t.Errorf("%s: what is read aloud changed %d times, want %d at most", link, changes, most)
		}
	}
}

// TestNothingMovesByItselfForWhoPrefersThat waits for a click, and then has no animation.
func TestNothingMovesByItselfForWhoPrefersThat(t *testing.T) {
	t.Parallel()
	how := desk
	how.still = true
	p := openLab(t, "", how)
	if ask[bool](p, playing) {
		t.Error("the run goes on by itself")
	}
	p.click("#play")
	p.until(hasLeader)
	if n := ask[int](p, `document.getAnimations().length`); n != 0 {
		t.Errorf("there are %d animations", n)
	}
}

// TestTheFocusIsSeen goes through the page with Tab.
func TestTheFocusIsSeen(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	const seen = `(() => {
		const at = document.activeElement, ring = at.querySelector(".target") ?? at, style = getComputedStyle(ring);
		return at !== document.body && (ring === at ? style.outlineStyle !== "none" : style.stroke !== "none");
	})()`
	const name = `document.activeElement.id || document.activeElement.getAttribute("aria-label") || document.activeElement.textContent`
	visited := map[string]bool{}
	for range 40 {
		p.keys(kb.Tab)
		if ask[string](p, `document.activeElement.tagName`) == "BODY" {
			break
		}
		visited[ask[string](p, name)] = true
		if !ask[bool](p, seen) {
			t.Errorf("the focus is not seen on %s", ask[string](p, name))
		}
	}
	for _, want := range []string{"choose", "slider", "line", "undo"} {
		if !visited[want] {
			t.Errorf("Tab does not come to %s, but to %v", want, visited)
		}
	}
	p.keys("m") // a message, which Tab does not come to
	p.until(`document.activeElement.matches(".message")`)
	if !ask[bool](p, seen) {
		t.Error("the focus is not seen on a message")
	}
	ask[bool](p, `(document.querySelector("#trace ol").focus(), true)`)
	p.keys(kb.ArrowUp, kb.ArrowUp)
	function := ask[string](p, `document.activeElement.textContent`)
	p.enter()
	p.until(fmt.Sprintf(`document.querySelector("#source-dialog").open && document.querySelector("#source-title").textContent.endsWith(%q)`, function))
}

// TestTheCardCoversNothing opens it on screens of several sizes.
func TestTheCardCoversNothing(t *testing.T) {
	t.Parallel()
	at := serveLab(t)
	for _, how := range []look{desk, {width: 1024, height: 700}, {width: 390, height: 844}} {
		p := open(t, at.String(), how)
		for i, link := range []string{elected, "scenario=figure8&at=152", "seed=6&chaos=1&short=1&at=600&mutation=vote-without-log-check"} {
			p.load(*at, i, link)
			p.keys("1")
			p.until(`!document.querySelector("#inspector").hidden`)
			const covered = `(() => {
				const card = document.querySelector("#inspector").getBoundingClientRect();
				return [...document.querySelectorAll(".card:not(#inspector)")].filter((e) => e.checkVisibility()).filter((e) => {
					const box = e.getBoundingClientRect();
					return box.left < card.right && card.left < box.right && box.top < card.bottom && card.top < box.bottom;
				}).map((e) => e.id || e.className).join();
			})()`
			if under := ask[string](p, covered); under != "" {
				t.Errorf("%d wide, %s: the card covers %s", how.width, link, under)
			}
			if i < 2 && !ask[bool](p, `document.querySelector("#inspector button").checkVisibility() && document.activeElement.getBoundingClientRect().top < innerHeight`) {
				t.Errorf("%d wide, %s: the card is out of sight", how.width, link)
			}
		}
		p.close()
	}
}

// TestTheVoteIsInTheRing looks for it on the servers of an election.
func TestTheVoteIsInTheRing(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	for server, want := range map[string]string{"n1": "vote n4", "n3": "vote n4", "n2": ""} { // n2 is down
		if got := ask[string](p, fmt.Sprintf(`document.querySelector('.server[data-key=%q] .vote').textContent`, server)); got != want {
			t.Errorf("%s: got %q, want %q", server, got, want)
		}
	}
}

// TestAClientAsksFromTheCard at each level, of a follower that is cut off.
func TestAClientAsksFromTheCard(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=3&at=400&do=203:set+x+1;276:split+n3+|+n1+n2", desk)
	p.keys("3")
	p.until(`!document.querySelector("#inspector").hidden`)
	for _, level := range []string{"Get stale", "Get bounded"} {
		ask[bool](p, fmt.Sprintf(`([...document.querySelectorAll("#inspector button")].find((b) => b.textContent === %q).click(), true)`, level))
		p.until(fmt.Sprintf(`document.querySelector("#answer").textContent.startsWith("get x at n3 %s")`, level[len("Get "):]))
		p.until(`document.querySelector("#operations li .words").textContent.startsWith("get x")`)
	}
	p.keys(kb.Escape, " ")
	p.until(`[...document.querySelectorAll("#operations li")].some((o) => o.dataset.state === "definite" && o.textContent.includes("bounded 100ms: TOO_STALE"))`)
}
