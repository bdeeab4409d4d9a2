package browser

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.Bool("screenshots", false, "take the pictures that the documents show")

// largest is what a picture in the repository may take, in bytes.
const largest = 200_000

// shoot writes what is seen to path, from the root of the repository, as small as
// PNG makes it.
func (p *page) shoot(path string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	p.check(err)
	pixels, err := png.Decode(bytes.NewReader(picture))
	p.check(err)
	var small bytes.Buffer
	p.check((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, withFewColours(pixels)))
	if small.Len() > largest {
		p.t.Errorf("%s has %d bytes, more than %d", path, small.Len(), largest)
	}
	path = filepath.Join("..", path)
	p.check(os.MkdirAll(filepath.Dir(path), 0o755))
	p.check(os.WriteFile(path, small.Bytes(), 0o644))
}

// fit makes the window as high as the page down to where an element ends, so that
// nothing is cut: what is at the bottom of the window is below it.
func (p *page) fit(selector string) {
	p.t.Helper()
	height := ask[float64](p, fmt.Sprintf(`Math.max(...[...document.querySelectorAll(%q)].map((e) => e.getBoundingClientRect().bottom)) + scrollY + 12 + (document.querySelector("body > footer")?.offsetHeight ?? 0)`, selector))
	p.do(chromedp.EmulateViewport(p.how.width, int64(math.Ceil(height)), chromedp.EmulateScale(max(p.how.scale, 1))))
	p.until(fmt.Sprintf("innerHeight >= %v", height))
	ask[bool](p, `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`)
}

// withFewColours paints a picture with 256 of its colours, so that none is farther
// from what it was than must be: a page has few, and the others are shades at the
// edges of letters.
func withFewColours(picture image.Image) image.Image {
	counts := map[color.RGBA]int{}
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	commonest := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	few := image.NewPaletted(bounds, paletteOf(commonest, func(c color.RGBA) bool { return counts[c] >= areas }))
	draw.Draw(few, bounds, picture, bounds.Min, draw.Src)
	return few
}

// areas is how many pixels have a colour that fills areas, as those of a shadow do.
const areas = 400

// paletteOf returns at most 256 colours, one of them near to each, and very near to
// each that is common.
func paletteOf(colours []color.RGBA, common func(color.RGBA) bool) color.Palette {
	for near := uint8(1); ; near++ {
		var palette color.Palette
		for _, c := range colours {
			within := near
			if common(c) {
				within = min(near, 1)
			}
			if !slices.ContainsFunc(palette, func(other color.Color) bool { return alike(other.(color.RGBA), c, within) }) {
				palette = append(palette, c)
			}
			if len(palette) > 256 {
				break
			}
		}
		if len(palette) <= 256 {
			return palette
		}
	}
}

// alike reports that no part of two colours differs by more than near.
func alike(a, b color.RGBA, near uint8) bool {
	within := func(a, b uint8) bool { return max(a, b)-min(a, b) <= near }
	return within(a.R, b.R) && within(a.G, b.G) && within(a.B, b.B)
}

func dark(l look) look {
	l.dark = true
	return l
}

// TestScreenshotsOfTheLab takes the pictures of lab/screenshots. Each is a link.
func TestScreenshotsOfTheLab(t *testing.T) {
	if !*screenshots {
		t.Skip("takes pictures with -screenshots")
	}
	at := serveLab(t)
	for _, shot := range []struct {
		name, link string
		how        look
		then       func(p *page)
		fit        string // the last that is seen, if that is not all
	}{
		{name: "run", how: desk, link: "seed=1&servers=5&at=264&do=98:set+x+1;188:crash+n2"},
		{name: "split", how: dark(desk), link: "seed=1&servers=5&at=330&do=98:set+x+1;188:split+n1+n2+|+n3+n4+n5;189:set+x+2+at+n2", then: func(p *page) {
			p.keys("2")
		}},
		{name: "figure8", how: desk, link: "scenario=figure8&at=152"},
		{name: "joint", how: dark(desk), link: "scenario=thesis-4.3-joint&at=36"},
		{name: "broken", how: desk, fit: ".run", link: "seed=6&chaos=1&short=1&mutation=vote-without-log-check", then: func(p *page) {
			p.until(isRed)
		}},
		{name: "left", how: desk, link: "scenario=figure8&at=152", then: func(p *page) {
			p.say("crash S1")
			p.until(`document.querySelector('.server[data-key="S1"]').dataset.process === "down"`)
		}},
		{name: "phone", how: look{width: 390, height: 844, scale: 2}, fit: ".logs", link: "seed=1&servers=5&at=264&do=98:set+x+1;188:crash+n2"},
	} {
		at.Fragment = shot.link
		p := open(t, at.String(), shot.how)
		p.until(ready)
		if shot.then != nil {
			shot.then(p)
		}
		p.fit(cmp.Or(shot.fit, "main > *, .run > *"))
		p.shoot("lab/screenshots/" + shot.name + ".png")
	}
}
