package browser

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// What the lab's page takes is told beside what an empty page takes, in turn: the
// machine has a part in both, and the lab in one.

// empty serves a page with nothing in it, which is ready at once.
func empty(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			return // the browser asks for an icon
		}
		io.WriteString(w, `<!doctype html><html lang="en"><title>empty</title><script type="module">performance.mark("ready")</script><body>`) //nolint:errcheck // the visitor has left
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// readyAfter opens a page in a profile that has seen nothing, and returns how many
// milliseconds after the navigation it was ready.
func readyAfter(t testing.TB, url string) float64 {
	t.Helper()
	p := open(t, url, desk)
	defer p.close()
	p.until(`performance.getEntriesByName("ready").length > 0`)
	return ask[float64](p, `performance.getEntriesByName("ready")[0].startTime`)
}

// BenchmarkFirstView measures from the navigation to a page that shows a run and can
// be used, in a browser that has just been started.
func BenchmarkFirstView(b *testing.B) {
	lab, nothing := serveLab(b).String(), empty(b)
	var took, beside float64
	for b.Loop() {
		took += readyAfter(b, lab)
		beside += readyAfter(b, nothing)
	}
	b.ReportMetric(0, "ns/op") // the browser's start is in it
	b.ReportMetric(took/float64(b.N), "ms")
	b.ReportMetric(beside/float64(b.N), "empty-ms")
}

// watch counts frames for some seconds: how many a second, and the longest time
// without one, in milliseconds.
const watch = `new Promise((done) => {
  const begun = performance.now();
  let last = begun, frames = 0, gap = 0;
  requestAnimationFrame(function frame() {
    const now = performance.now();
    frames++;
    gap = Math.max(gap, now - last);
    last = now;
    if (now - begun < 4000) requestAnimationFrame(frame);
    else done([(1000 * frames) / (now - begun), gap]);
  });
})`

// BenchmarkFrames measures a cluster of five whose clients write and read, at
// several of the page's speeds: 1 is as fast as the clocks of the run.
func BenchmarkFrames(b *testing.B) {
	still := open(b, empty(b), desk)
	at := serveLab(b)
	at.Fragment = "seed=1&servers=5&clients=1"
	p := open(b, at.String(), desk)
	p.until(ready)
	for _, speed := range []string{"0.05", "1", "5"} {
		b.Run("speed="+speed, func(b *testing.B) {
			var rate, gap, beside float64
			for b.Loop() {
				p.set("#speed", speed)
				ask[bool](p, `(document.body.dataset.playing === undefined && document.querySelector("#play").click(), true)`)
				before := ask[float64](p, moment)
				seen := ask[[]float64](p, watch)
				if after := ask[float64](p, moment); after <= before {
					b.Fatalf("the run stands still at %v ms", after)
				}
				ask[bool](p, `(document.querySelector("#play").click(), true)`)
				rate, gap, beside = rate+seen[0], max(gap, seen[1]), beside+ask[[]float64](still, watch)[0]
			}
			b.ReportMetric(0, "ns/op") // it is as long as it watches
			b.ReportMetric(rate/float64(b.N), "frames/s")
			b.ReportMetric(beside/float64(b.N), "empty-frames/s")
			b.ReportMetric(100*rate/beside, "%")
			b.ReportMetric(gap, "longest-ms")
		})
	}
}

// counted counts what is sent through the connections of a listener.
type counted struct {
	net.Listener
	bytes *atomic.Int64
}

type countedConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.bytes}, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// TestAFirstVisitTransfersAtMostOneAndAHalfMegabytes counts all that goes over the
// wire until the page is ready, headers included.
func TestAFirstVisitTransfersAtMostOneAndAHalfMegabytes(t *testing.T) {
	t.Parallel()
	at := serveLab(t)
	var sent atomic.Int64
	proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: at.Scheme, Host: at.Host}))
	proxy.Listener = counted{proxy.Listener, &sent}
	proxy.Start()
	t.Cleanup(proxy.Close)
	p := open(t, fmt.Sprintf("%s/#seed=1&servers=5", proxy.URL), desk)
	p.until(ready)
	p.until(hasLeader)
	t.Logf("%d bytes", sent.Load())
	if n := sent.Load(); n < 100_000 || n > 1_500_000 {
		t.Errorf("a first visit transfers %d bytes", n)
	}
}
