package dashboard

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"kvorum/lab/web/common"
)

//go:embed web
var web embed.FS

const (
	// roundInterval is how often the servers are asked while somebody looks.
	roundInterval = 500 * time.Millisecond
	// sendInterval is how often the page is told if nothing but figures change.
	sendInterval = time.Second
	// maxWatchers bounds what many open pages can cost.
	maxWatchers = 32
	// sendTimeout is how long a page may leave what it is sent unread.
	sendTimeout = 10 * time.Second
)

// policy lets the page use its own files and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// server serves the page and what feeds it.
type server struct {
	self     string
	ask      Ask
	watchers atomic.Int32
}

// Handler serves the dashboard of the server at the address self: the page at /,
// a Snapshot at /dashboard.json, and as server-sent events at /events one whenever
// something changes and at least every second. Each page that is open has the
// servers asked twice a second, by the goroutine of its request; nothing else runs.
//
// There is nothing to be done here and no secret to be had, so that no one has to
// prove who he is. What is shown, the servers' logs among it, is for operators.
func Handler(self string, ask Ask) http.Handler {
	s := &server{self: self, ask: ask}
	page, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", files(page))
	mux.Handle("GET /common/{file}", http.StripPrefix("/common", files(common.Files)))
	mux.HandleFunc("GET /dashboard.json", s.once)
	mux.HandleFunc("GET /events", s.stream)
	return guard(mux)
}

// files serves files, and lists no folder.
func files(from fs.FS) http.Handler {
	serve := http.FileServerFS(from)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" && strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache") // a newer program has newer ones
		serve.ServeHTTP(w, r)
	})
}

// guard keeps pages of other sites out.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isAddressed(r) {
			http.Error(w, "this server is on a loopback address: call it localhost, or by that address", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// isAddressed reports whether a request that came over loopback was meant to. A page
// of any site can have its own name point at 127.0.0.1 (DNS rebinding) and read the
// answers of who trusts that nobody else is there; the Host is then that name. Where
// others can come from anyway there is nothing to guard.
func isAddressed(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (s *server) once(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(newCollector(s.self, s.ask).collect(r.Context())) // it fails if the reader is gone
}

// stream sends snapshots until the reader is gone or the server stops.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	defer s.watchers.Add(-1)
	if s.watchers.Add(1) > maxWatchers {
		http.Error(w, fmt.Sprintf("%d pages are open already", maxWatchers), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	connection := http.NewResponseController(w)
	// The server's limits are for short requests. Not every writer of a test has any.
	_ = connection.SetReadDeadline(time.Time{})
	c := newCollector(s.self, s.ask)
	rounds := time.NewTicker(roundInterval)
	defer rounds.Stop()
	var sent Snapshot
	for {
		if now := c.collect(r.Context()); isDue(sent, now) {
			_ = connection.SetWriteDeadline(time.Now().Add(sendTimeout))
			if send(w, now) != nil || connection.Flush() != nil {
				return
			}
			sent = now
			c.mark()
		}
		select {
		case <-r.Context().Done():
			return
		case <-rounds.C:
		}
	}
}

// isDue reports whether a page that was sent one snapshot should get the next.
func isDue(sent, now Snapshot) bool {
	// Rounds are not exactly an interval apart.
	isOld := now.Time-sent.Time >= (sendInterval - roundInterval/4).Milliseconds()
	return isOld || !slices.Equal(shape(sent), shape(now))
}

// shape is what a person should see at once when it changes.
func shape(s Snapshot) []string {
	shape := []string{s.Health.Text}
	for _, server := range s.Servers {
		shape = append(shape, server.ID, server.Membership, server.Problem)
		if server.State != nil {
			shape = append(shape, server.State.Role, fmt.Sprint(server.State.Term))
		}
	}
	return shape
}

func send(w http.ResponseWriter, s Snapshot) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "retry: 1000\ndata: %s\n\n", data)
	return err
}
