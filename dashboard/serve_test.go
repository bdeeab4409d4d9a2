package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// page is a page that has opened the stream of events.
type page struct {
	*httptest.ResponseRecorder
	close func() // returns once the handler has
}

func open(ctx context.Context, c *cluster) *page {
	ctx, cancel := context.WithCancel(ctx)
	p := &page{ResponseRecorder: httptest.NewRecorder()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Handler("n1", c.ask).ServeHTTP(p, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
	}()
	p.close = func() {
		cancel()
		<-done
	}
	return p
}

// snapshots returns what the page was sent, after the handler has come to rest.
func (p *page) snapshots(t *testing.T) (all []Snapshot) {
	t.Helper()
	synctest.Wait()
	for message := range bytes.SplitSeq(bytes.TrimSpace(p.Body.Bytes()), []byte("\n\n")) {
		_, data, ok := bytes.Cut(message, []byte("data: "))
		var s Snapshot
		if err := json.Unmarshal(data, &s); !ok || err != nil {
			t.Fatalf("%q: %v", message, err)
		}
		all = append(all, s)
	}
	return all
}

func TestStreamTellsOfAServerThatGoesWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"gone", "silent"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(3)
				p := open(t.Context(), c)
				defer p.close()
				time.Sleep(5*time.Second + 100*time.Millisecond)
				went := time.Now()
				c.change(func() { map[string]map[string]bool{"gone": c.gone, "silent": c.silent}[how]["n3"] = true })
				time.Sleep(2 * time.Second)
				for _, s := range p.snapshots(t) {
					if !s.Servers[2].Up {
						t.Logf("seen after %v", time.UnixMilli(s.Time).Sub(went))
						return
					}
				}
				t.Error("n3 is down for two seconds and still shown as up")
			})
		})
	}
}

func TestStreamSendsOnceASecondWhatDoesNotMatter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := open(t.Context(), newCluster(3))
		defer p.close()
		time.Sleep(10*time.Second + 100*time.Millisecond)
		if n := len(p.snapshots(t)); n != 11 {
			t.Errorf("got %d messages in 10 s, want 11", n)
		}
	})
}

func TestNobodyIsAskedWhenNobodyWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(3)
		p := open(t.Context(), c)
		time.Sleep(3 * time.Second)
		p.close()
		before := c.asked
		time.Sleep(time.Hour)
		if before == 0 || c.asked != before {
			t.Errorf("asked %d times while the page was open, and then %d", before, c.asked-before)
		}
	})
}

func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		handler := Handler("n1", newCluster(1).ask)
		get := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
			return w
		}
		var watching sync.WaitGroup
		defer watching.Wait()
		defer cancel()
		for range maxWatchers {
			watching.Go(func() { get() })
		}
		synctest.Wait()
		if w := get(); w.Code != http.StatusServiceUnavailable {
			t.Errorf("one page more: got %d", w.Code)
		}
		cancel()
		watching.Wait()
		if w := get(); w.Code != http.StatusOK {
			t.Errorf("when all are closed: got %d", w.Code)
		}
	})
}

// A page is given what it needs, and nothing that is from elsewhere or to be listed.
func TestFilesAreServedAndFoldersAreNot(t *testing.T) {
	t.Parallel()
	handler := Handler("n1", newCluster(1).ask)
	for path, want := range map[string]int{
		"/": 200, "/common/theme.css": 200, "/vendor/uPlot.iife.min.js": 200, "/vendor/uPlot.LICENSE": 200,
		"/vendor/": 404, "/common/": 404, "/common/common.go": 404, "/none": 404, "/../serve.go": 404,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusTemporaryRedirect || w.Code == http.StatusMovedPermanently {
			w.Code = 404 // to a cleaned path
		}
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
			t.Errorf("%s: got policy %q", path, csp)
		}
	}
	if text, err := web.ReadFile("web/index.html"); err != nil || bytes.Contains(text, []byte("http://")) || bytes.Contains(text, []byte("https://")) {
		t.Errorf("the page names another site (%v)", err)
	}
}

func TestPageOfAnotherSiteCannotReadOverLoopback(t *testing.T) {
	t.Parallel()
	loopback, other := net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)
	tests := []struct {
		host string
		came net.IP
		want int
	}{
		{"127.0.0.1:8402", loopback, 200}, {"localhost:8402", loopback, 200}, {"[::1]:8402", loopback, 200}, {"127.0.0.1", loopback, 200},
		{"[::1]", loopback, 200}, {"n1.localhost:8402", loopback, 200},
		{"evil.example:8402", loopback, 421}, {"evil.example", loopback, 421}, {"localhost.evil.example", loopback, 421},
		{"db1:8402", other, 200},
	}
	handler := Handler("n1", newCluster(1).ask)
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/dashboard.json", nil)
		r.Host = tt.host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: tt.came}))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s at %v: got %d, want %d", tt.host, tt.came, w.Code, tt.want)
		}
	}
}

// TestWhatMattersIsSentAtOnce: who is there, how they are and who leads; figures may wait.
func TestWhatMattersIsSentAtOnce(t *testing.T) {
	t.Parallel()
	snapshot := func(change func(*Snapshot, *Server)) Snapshot {
		n1 := Server{ID: "n1@1", Membership: "voter", State: &State{Role: "follower", Term: 1, CommitIndex: 1}}
		s := Snapshot{Health: Health{Text: "all is well"}}
		change(&s, &n1)
		s.Servers = []Server{n1}
		return s
	}
	sent := snapshot(func(*Snapshot, *Server) {})
	tests := map[string]struct {
		change func(*Snapshot, *Server)
		want   bool
	}{
		"nothing":    {func(*Snapshot, *Server) {}, false},
		"figures":    {func(s *Snapshot, n1 *Server) { n1.State.CommitIndex = 2 }, false},
		"health":     {func(s *Snapshot, n1 *Server) { s.Health.Text = "all is lost" }, true},
		"server":     {func(s *Snapshot, n1 *Server) { n1.ID = "n1@2" }, true},
		"membership": {func(s *Snapshot, n1 *Server) { n1.Membership = "learner" }, true},
		"problem":    {func(s *Snapshot, n1 *Server) { n1.Problem = "it is paused" }, true},
		"role":       {func(s *Snapshot, n1 *Server) { n1.State.Role = "leader" }, true},
		"term":       {func(s *Snapshot, n1 *Server) { n1.State.Term = 2 }, true},
		"time":       {func(s *Snapshot, n1 *Server) { s.Time = 900 }, true},
	}
	for name, tt := range tests {
		if got := isDue(sent, snapshot(tt.change)); got != tt.want {
			t.Errorf("%s: due is %v, want %v", name, got, tt.want)
		}
	}
}

func TestStreamTellsTheLoadFromTheSecondMessageOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := open(t.Context(), newCluster(1))
		defer p.close()
		time.Sleep(3 * time.Second)
		for i, s := range p.snapshots(t) {
			if (s.Load != nil) != (i > 0) {
				t.Errorf("message %d: load %+v", i, s.Load)
			}
		}
	})
}

func TestAnswersSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := open(t.Context(), newCluster(1))
		synctest.Wait()
		p.close()
		once := httptest.NewRecorder()
		Handler("n1", newCluster(1).ask).ServeHTTP(once, httptest.NewRequest(http.MethodGet, "/dashboard.json", nil))
		for want, got := range map[string]http.Header{"application/json": once.Header(), "text/event-stream": p.Header()} {
			if got.Get("Content-Type") != want || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Cache-Control") != "no-store" ||
				got.Get("Cross-Origin-Resource-Policy") != "same-origin" || got.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("got %v, want %s for this site alone", got, want)
			}
		}
	})
}
