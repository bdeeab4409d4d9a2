package browser

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// Expressions that are true or tell something of the dashboard.
const (
	allAnswer  = `document.querySelector("#text").textContent.includes("all 3 servers answer")`
	whoLeads   = `document.querySelector("#servers [data-leader] a").textContent`
	noOverflow = `document.documentElement.scrollWidth <= innerWidth`
)

// shown is whether the dashboard shows a server as one that answers.
func shown(name string, up bool) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#servers li")].some((row) => row.querySelector("a").textContent === %q && ("up" in row.dataset) === %v)`, name, up)
}

// hasEvent is whether the dashboard tells that something happened to a server.
func hasEvent(name, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#events li")].some((row) => row.querySelector("b").textContent === %q && row.querySelector(".words").textContent.includes(%q))`, name, text)
}

func openDashboard(t *testing.T, m *member, how look) *page {
	t.Helper()
	p := open(t, "http://"+m.http+"/", how)
	p.until(allAnswer)
	return p
}

// soon fails the test unless the page shows the expression within two seconds of
// what does.
func (p *page) soon(does func(), expression string) {
	p.t.Helper()
	begun := time.Now()
	does()
	p.until(expression)
	took := time.Since(begun).Round(time.Millisecond)
	if took > 2*time.Second {
		p.t.Errorf("%s: seen after %v, want 2s at most", expression, took)
	}
	p.t.Logf("seen after %v", took)
}

// other returns a server that is neither of the two.
func other(all []*member, not ...string) *member {
	for _, m := range all {
		if m.name != not[0] && m.name != not[len(not)-1] {
			return m
		}
	}
	return nil
}

// These tests do not run in parallel with others, since they measure times.

func TestServerThatIsKilledIsSeenWithinTwoSecondsAndWhenItIsBack(t *testing.T) {
	chromium(t)
	all := startCluster(t)
	load(t, all, 50)
	p := openDashboard(t, all[1], desk)
	first := ask[string](p, whoLeads)
	for _, kill := range []string{first, other(all, first, "n2").name} { // a leader, and a follower
		if kill == "n2" {
			continue // it shows the page
		}
		m := all[kill[1]-'1']
		p.soon(m.kill, shown(kill, false))
		p.until(hasEvent(kill, "does not answer"))
		p.until(`document.querySelector("#text").textContent.includes("leads, but ` + kill + ` does not answer")`)
		if leader := ask[string](p, whoLeads); leader == kill {
			t.Errorf("%s is down, and shown as the leader", kill)
		}
		m.start()
		p.until(shown(kill, true))
		p.until(hasEvent(kill, "answers again"))
		p.until(allAnswer)
	}
	if !ask[bool](p, `Number(document.querySelector("#figures dd").textContent.replace(",", "")) > 0`) {
		t.Errorf("clients write, and the page says %q", p.text("#figures"))
	}
	if n := ask[int](p, `document.querySelectorAll("#charts canvas").length`); n != 4 {
		t.Errorf("got %d charts, want 4", n)
	}
}

// TestALoneSecondIsSeenInItsChart draws a line of one value with the points of the
// dashboard's, and counts the pixels.
func TestALoneSecondIsSeenInItsChart(t *testing.T) {
	chromium(t)
	p := openDashboard(t, startCluster(t)[0], desk)
	const drawn = `import("./charts.mjs").then(({ lone }) => {
		const points = { show: false, filter: lone, size: 5, fill: "#ff0000" };
		const chart = new uPlot({ width: 300, height: 200, series: [{}, { stroke: "#ff0000", points }] }, [[1, 2, 3, 4, 5], [null, 3, null, null, null]], document.body);
		return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => {
			const { width, height } = chart.ctx.canvas, pixels = chart.ctx.getImageData(0, 0, width, height).data;
			let red = 0;
			for (let i = 0; i < pixels.length; i += 4) red += pixels[i] === 255 && pixels[i + 1] === 0 && pixels[i + 3] > 0;
			return red;
		});
	})`
	if red := ask[int](p, drawn); red == 0 {
		t.Error("a value without neighbours is not drawn")
	}
}

func TestServerThatHangsIsSeenWithinTwoSeconds(t *testing.T) {
	chromium(t)
	all := startCluster(t)
	p := openDashboard(t, all[1], desk)
	hang := other(all, ask[string](p, whoLeads), "n2")
	p.soon(func() { hang.signal(syscall.SIGSTOP) }, shown(hang.name, false))
	if text := p.text("#servers li:not([data-up]) .problem"); !strings.Contains(text, "paused, overloaded or cut off") {
		t.Errorf("got %q", text)
	}
	hang.signal(syscall.SIGCONT)
	p.until(allAnswer)
}

func TestLostQuorumAndTheLossOfThePagesOwnServerAreSaidPlainly(t *testing.T) {
	chromium(t)
	all := startCluster(t)
	p := openDashboard(t, all[0], desk)
	all[1].kill()
	all[2].kill()
	p.until(`document.querySelector("#text").textContent === "No leader: 1 of 3 servers answers; 2 are needed."`)
	all[1].start()
	p.until(`document.querySelector("#text").textContent.includes("leads, but n3 does not answer")`)
	p.soon(all[0].kill, `"lost" in document.body.dataset`)
	if got := p.text("#verdict"); !strings.Contains(got, "n1, which shows this page, does not answer") || !strings.Contains(got, "\nn2\n") {
		t.Errorf("got %q, want it to say that n1 does not answer, and to link to n2", got)
	}
	all[0].start()
	all[2].start()
	p.until(allAnswer)
	// The browser itself complains of a server that is not there.
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.complaints = nil
}

func TestDashboardFitsAPhoneAndCanBeOperatedByKeyboard(t *testing.T) {
	chromium(t)
	all := startCluster(t)
	for _, width := range []int64{360, 800, 1280} {
		p := openDashboard(t, all[0], look{width: width, height: 740, dark: width == 800, still: true})
		if !ask[bool](p, noOverflow) {
			t.Errorf("at a width of %d it is %v wide", width, ask[int](p, "document.documentElement.scrollWidth"))
		}
		focused := map[string]bool{}
		for range 5 {
			p.keys(kb.Tab)
			focused[ask[string](p, `document.activeElement.id || document.activeElement.textContent`)] = true
		}
		for _, want := range []string{"n2", "n3", "events"} {
			if !focused[want] {
				t.Errorf("at a width of %d Tab does not come to %s, but to %v", width, want, focused)
			}
		}
	}
}

// TestScreenshotsOfTheDashboard takes the pictures of dashboard/screenshots.
func TestScreenshotsOfTheDashboard(t *testing.T) {
	if !*screenshots {
		t.Skip("takes pictures with -screenshots")
	}
	chromium(t)
	all := startCluster(t)
	load(t, all, 200)
	wide := look{width: 1280, height: 1000, still: true}
	dark, phone := wide, look{width: 390, height: 844, scale: 2, still: true}
	dark.dark = true
	show := func(m *member, how look, samples int) *page {
		p := openDashboard(t, m, how)
		p.until(fmt.Sprintf(`document.querySelectorAll("#charts canvas").length === 4 && Number(document.body.dataset.samples) >= %d`, samples))
		return p
	}
	leader := all[0].leader()
	watched, down := other(all, leader), all[leader[1]-'1']
	p := show(watched, wide, 20)
	for name, how := range map[string]look{"light": wide, "dark": dark} {
		p := show(watched, how, 20)
		p.fit("#charts")
		p.shoot("dashboard/screenshots/" + name + ".png")
	}
	small := show(watched, phone, 5)
	small.fit("#scale")
	small.shoot("dashboard/screenshots/phone.png")
	down.kill()
	p.until(fmt.Sprintf(`document.querySelector("#text").textContent.includes("leads, but %s does not answer")`, down.name))
	seen := ask[int](p, `Number(document.body.dataset.samples)`)
	p.until(fmt.Sprintf(`Number(document.body.dataset.samples) >= %d`, seen+8))
	p.fit("main > *")
	p.shoot("dashboard/screenshots/down.png")
}
