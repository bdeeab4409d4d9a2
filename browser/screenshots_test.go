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
		{name: "run", link: "seed=1&servers=5&at=300", how: desk},
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
