package browser

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
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
	p.check((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, pixels))
	if small.Len() > largest {
		p.t.Errorf("%s has %d bytes, more than %d", path, small.Len(), largest)
	}
	path = filepath.Join("..", path)
	p.check(os.MkdirAll(filepath.Dir(path), 0o755))
	p.check(os.WriteFile(path, small.Bytes(), 0o644))
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
	}{
		{name: "run", how: desk, link: "seed=1&servers=5&at=264&do=98:set+x+1;188:crash+n2"},
		{name: "split", how: dark(desk), link: "seed=1&servers=5&at=330&do=98:set+x+1;188:split+n1+n2+|+n3+n4+n5;189:set+x+2+at+n2", then: func(p *page) {
			p.keys("2")
		}},
		{name: "figure8", how: desk, link: "scenario=figure8&at=164"},
		{name: "joint", how: dark(desk), link: "scenario=thesis-4.3-joint&at=60"},
		{name: "broken", how: desk, link: "seed=1&chaos=1&at=1&mutation=vote-without-log-check", then: func(p *page) {
			p.until(isRed)
		}},
		{name: "phone", how: look{width: 360, height: 740, scale: 2}, link: "seed=1&servers=5&at=264&do=98:set+x+1;188:crash+n2"},
	} {
		at.Fragment = shot.link
		p := open(t, at.String(), shot.how)
		p.until(ready)
		if shot.then != nil {
			shot.then(p)
		}
		p.shoot("lab/screenshots/" + shot.name + ".png")
	}
}
