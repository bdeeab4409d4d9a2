package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// prefer changes what the person prefers, while the page is open.
func (p *page) prefer(how look) {
	p.t.Helper()
	p.check(call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: how.features()}))
}

// faint lists the texts that are seen, with a contrast to what is behind them below
// what WCAG 2.2 asks for at level AA: 4.5, or 3 for large letters. Colours are read
// from a canvas, since a style may give them in any space.
const faint = `(() => {
  const paint = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (below, colour, opacity = 1) => {
    paint.globalAlpha = 1; paint.fillStyle = "rgb(" + below + ")"; paint.fillRect(0, 0, 1, 1);
    paint.globalAlpha = opacity; paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const parents = [];
    for (let e = element; e; e = e.parentElement) parents.unshift(e);
    let seen = [255, 255, 255];
    for (const e of parents) if (e instanceof HTMLElement || e.tagName === "svg") seen = over(seen, getComputedStyle(e).backgroundColor);
    if (element.tagName !== "text") return seen;
    const shape = element.matches(".name, .term, .vote") ? element.parentElement.querySelector(".disc") : element.matches(".sign text") && element.parentElement.firstElementChild;
    return shape ? over(seen, getComputedStyle(shape).fill) : seen;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const words = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    if (words === "" || element.matches("script, style, template, option") || element.closest(":disabled, [hidden]") || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const style = getComputedStyle(element), below = behind(element);
    let opacity = 1;
    for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
    const text = over(below, element.tagName === "text" ? style.fill : style.color, opacity);
    const [dim, bright] = [light(text), light(below)].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dim + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) found.push(words.slice(0, 30) + ": " + contrast.toFixed(1) + " (" + (element.id || element.getAttribute("class") || element.tagName) + " in " + (element.parentElement.id || element.parentElement.getAttribute("class")) + ")");
  }
  return [...new Set(found)].sort();
})()`

// TestTextIsLegibleInLightAndDark changes from one to the other while a page is open.
func TestTextIsLegibleInLightAndDark(t *testing.T) {
	t.Parallel()
	at := serveLab(t)
	p := open(t, at.String(), look{width: 1440, height: 900, still: true})
	for i, link := range []string{
		elected,
		"seed=1&servers=5&at=330&do=98:set+x+1;188:split+n1+n2+|+n3+n4+n5;189:set+x+2+at+n2",
		"seed=4&servers=7&chaos=1&at=20000",
		"scenario=figure8&at=152",
		"scenario=section-7-snapshot&at=60",
		"scenario=thesis-4.3-joint&at=36",
		"seed=6&chaos=1&short=1&mutation=vote-without-log-check",
	} {
		p.load(*at, i, link)
		if strings.Contains(link, "mutation") {
			p.until(isRed)
		}
		p.keys("1")
		p.until(`!document.querySelector("#inspector").hidden`)
		paper := ask[string](p, `getComputedStyle(document.body).backgroundColor`)
		for _, how := range []look{{still: true, dark: true}, {still: true}} {
			p.prefer(how)
			if now := ask[string](p, `getComputedStyle(document.body).backgroundColor`); (now != paper) != how.dark {
				t.Errorf("dark: %v, and the paper is %s", how.dark, now)
			}
			for _, text := range ask[[]string](p, faint) {
				t.Errorf("%s, dark: %v: too faint: %s", link, how.dark, text)
			}
		}
	}
}
