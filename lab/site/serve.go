package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"kvorum/lab/engine"
	"kvorum/raft/mutants"
)

// Handler serves the site. It builds the engine of a mutation when that is first
// asked for, and keeps it.
type Handler struct {
	files map[string][]byte
	ctx   context.Context // that of the program: a build goes on if its visitor leaves

	// mu guards engines, and lets one build go on at a time: each takes all the
	// processors, and requests come in goroutines of package http.
	mu      sync.Mutex
	engines map[string][]byte
}

// NewHandler returns a handler that builds until ctx ends.
func NewHandler(ctx context.Context) (*Handler, error) {
	files, err := Files(ctx)
	if err != nil {
		return nil, err
	}
	return &Handler{files: files, ctx: ctx, engines: map[string][]byte{}}, nil
}

// policy lets the page load what is here, and nothing from anywhere else.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func init() {
	// What a system's own tables may lack.
	mime.AddExtensionType(".mjs", "text/javascript; charset=utf-8") //nolint:errcheck // it is well formed
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		http.Error(w, "another site's page has nothing to ask here", http.StatusForbidden)
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	content, err := h.content(name)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case content == nil:
		http.NotFound(w, r)
	default:
		header.Set("Content-Type", typeOf(name))
		if path.Ext(name) != ".zst" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			header.Set("Vary", "Accept-Encoding")
			content = gzipped(content)
		}
		header.Set("Content-Length", fmt.Sprint(len(content)))
		if r.Method == http.MethodGet {
			w.Write(content) //nolint:errcheck // the visitor has left
		}
	}
}

func typeOf(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// gzipped compresses a page's text, which is small.
func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content) //nolint:errcheck // memory takes all
	w.Close()        //nolint:errcheck // likewise
	return b.Bytes()
}

// content returns a file of the site; nil: there is none of this name.
func (h *Handler) content(name string) ([]byte, error) {
	if name == "mutations.json" {
		_, err := mutants.Root()
		return json.Marshal(mutations(h.isBuilt, err == nil))
	}
	mutant, is := strings.CutPrefix(name, "mutants/")
	if !is {
		return h.files[name], nil
	}
	m, known := mutants.Find(strings.TrimSuffix(mutant, ".wasm.zst"))
	if !known || wasmOf(m.Name) != name {
		return nil, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.engines[m.Name] == nil {
		b, err := engine.Build(h.ctx, m.Name)
		if err != nil {
			return nil, err
		}
		h.engines[m.Name] = b
	}
	return h.engines[m.Name], nil
}

func (h *Handler) isBuilt(name string) bool {
	if !h.mu.TryLock() { // something is being built: say nothing of it
		return false
	}
	defer h.mu.Unlock()
	return h.engines[name] != nil
}
