package browser

import "testing"

// overlaps lists the words and buttons of the stage that cross each other or its edge, and
// those that cover a server.
const overlaps = `(() => {
	const stage = document.querySelector(".stage"), edge = stage.getBoundingClientRect();
	const seen = [...stage.querySelectorAll("text:not(.sign text), .heal, .tip")].filter((e) => e.checkVisibility() && e.textContent !== "")
		.map((e) => ({ words: e.textContent.slice(0, 30), box: e.getBoundingClientRect(), of: e.closest(".server, .links") }))
		.concat([...stage.querySelectorAll(".server")].map((e) => ({ words: e.dataset.key, box: e.querySelector(".disc").getBoundingClientRect(), of: e, round: true })));
	const between = (v, lo, hi) => Math.max(lo, Math.min(hi, v));
	const meet = (a, b) => {
		if (!a.round && !b.round) return a.box.left < b.box.right && b.box.left < a.box.right && a.box.top < b.box.bottom && b.box.top < a.box.bottom;
		const [disc, { box }] = a.round ? [a.box, b] : [b.box, a], r = disc.width / 2, x = disc.left + r, y = disc.top + r;
		return Math.hypot(x - between(x, box.left, box.right), y - between(y, box.top, box.bottom)) < r;
	};
	const out = seen.filter(({ box }) => box.left < edge.left + 3 || box.right > edge.right - 3 || box.top < edge.top + 3 || box.bottom > edge.bottom - 3).map((e) => e.words + " at the edge");
	seen.forEach((a, i) => seen.slice(i + 1).forEach((b) => {
		if (a.of === b.of) return; // two links may cross where both are cut
		if (meet(a, b)) out.push(a.words + " on " + b.words);
	}));
	return out;
})()`

// TestNothingOnTheStageCoversAnother looks at labels of troubled servers, of slow links,
// and at the button, on screens of several widths.
func TestNothingOnTheStageCoversAnother(t *testing.T) {
	t.Parallel()
	at := serveLab(t)
	for _, how := range []look{desk, {width: 390, height: 844}, {width: 360, height: 740}} {
		how.still = true
		p := open(t, at.String(), how)
		for i, link := range []string{
			"seed=1&servers=5&clients=1&at=900&do=400:split+n1+n2+|+n3+n4+n5;500:slow+n3->n4+200",
			"seed=1&servers=5&at=300&do=98:stall+n1;100:stall+n2;102:stall+n3;110:set+colour+ultramarine+at+n2;120:clock+n2+0.5;130:clock+n5+0.5",
		} {
			p.load(*at, i, link)
			p.until(`document.querySelectorAll("main .server").length === 5`)
			for _, bad := range ask[[]string](p, overlaps) {
				t.Errorf("%d wide, %s: %s", how.width, link, bad)
			}
		}
		p.close()
	}
}

// TestTheTipOfAMessageCoversNoServer points at every message of an election.
func TestTheTipOfAMessageCoversNoServer(t *testing.T) {
	t.Parallel()
	p := openLab(t, elected, desk)
	for range ask[int](p, `document.querySelectorAll(".message").length`) {
		p.keys("m")
		p.until(`document.querySelector(".tip").checkVisibility()`)
		for _, bad := range ask[[]string](p, overlaps) {
			t.Error(bad)
		}
	}
}

// TestMessagesOfAWipedServerAreSeen wipes a candidate that others are voting for.
func TestMessagesOfAWipedServerAreSeen(t *testing.T) {
	t.Parallel()
	p := openLab(t, "seed=1&servers=5&at=265&do=98:set+x+1;188:crash+n2;264:wipe+n4", desk)
	p.until(`document.querySelector(".names text")?.textContent === "n4, gone"`)
	const seen = `[...document.querySelectorAll('.message[aria-label*="n4"]')].filter((message) => message.checkVisibility()).length`
	p.until(seen + " > 0")
}
