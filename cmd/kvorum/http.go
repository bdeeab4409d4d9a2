package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

//go:embed status.html
var files embed.FS

// serveHTTP answers on the HTTP port until ctx ends. ready returns why this server
// cannot serve every request; nil: it can.
func (s *server) serveHTTP(ctx context.Context, listener net.Listener, ready func() error) error {
	var options []client.Option
	if s.secrets != nil {
		options = append(options, client.WithTLS(s.secrets.config.Clone()))
	}
	self, err := client.New([]string{s.ports.rpcAdvertised}, options...)
	if err != nil {
		return err
	}
	defer self.Close()
	web := &http.Server{
		Handler:           s.routes(statusPage{self, s.ports.rpcAdvertised}, ready),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a profile takes half a minute
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		// No answer is worth waiting for once the server stops.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { web.Close() })
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	}
	return nil
}

func (s *server) routes(page statusPage, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "status.html") })
	mux.HandleFunc("GET /status.json", page.serve)
	if s.cfg.debug {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// statusPage shows the cluster as this server and the others describe it.
type statusPage struct {
	client *client.Client
	self   string // the address of this server
}

// clusterStatus is what /status.json answers.
type clusterStatus struct {
	ClusterID string         `json:"cluster_id"`
	ServerID  string         `json:"server_id"` // who answers
	Servers   []serverStatus `json:"servers"`
}

// serverStatus is what one server says of itself, or why it says nothing.
type serverStatus struct {
	ID         string `json:"id"`
	RPCAddr    string `json:"rpc_addr"`
	Membership string `json:"membership"` // voter or learner
	Error      string `json:"error,omitempty"`
	Role       string `json:"role,omitempty"`
	Term       uint64 `json:"term,omitempty"`
	LeaderID   string `json:"leader_id,omitempty"`
	LastIndex  uint64 `json:"last_index"`
	Commit     uint64 `json:"commit_index"`
	Applied    uint64 `json:"applied_index"`
	Snapshot   uint64 `json:"snapshot_index"`
	// StateHash is hexadecimal, since JavaScript has no 64-bit integers.
	StateHash string `json:"state_hash,omitempty"`
	Version   string `json:"version,omitempty"`
}

func (p statusPage) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), statusPatience)
	defer cancel()
	answer, err := p.ask(ctx)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // it fails if the reader is gone
}

// ask asks this server who the others are, and then each for itself.
func (p statusPage) ask(ctx context.Context) (clusterStatus, error) {
	own, err := p.client.Status(ctx, p.self)
	if err != nil {
		return clusterStatus{}, err
	}
	answer := clusterStatus{own.GetClusterId(), own.GetServerId(), make([]serverStatus, len(own.GetServers()))}
	var asked sync.WaitGroup
	for i, server := range own.GetServers() {
		asked.Go(func() { answer.Servers[i] = p.askOne(ctx, server) })
	}
	asked.Wait()
	return answer, nil
}

func (p statusPage) askOne(ctx context.Context, server *kvorumv1.Server) serverStatus {
	s := serverStatus{ID: server.GetId(), RPCAddr: server.GetRpcAddr(), Membership: "voter"}
	if server.GetMembership() == kvorumv1.Server_MEMBERSHIP_LEARNER {
		s.Membership = "learner"
	}
	// One that does not answer must not keep the others from the page.
	ctx, cancel := context.WithTimeout(ctx, statusPatience/2)
	defer cancel()
	st, err := p.client.Status(ctx, server.GetRpcAddr())
	if err != nil {
		s.Error = err.Error()
		return s
	}
	s.Role, s.Term, s.LeaderID = st.GetRole(), st.GetTerm(), st.GetLeaderId()
	s.LastIndex, s.Commit = st.GetLastIndex(), st.GetCommitIndex()
	s.Applied, s.Snapshot = st.GetAppliedIndex(), st.GetSnapshotIndex()
	s.StateHash, s.Version = fmt.Sprintf("%016x", st.GetStateHash()), st.GetVersion()
	return s
}

// leader returns the server that leads, by its own account and in the latest term.
func (s clusterStatus) leader() string {
	var leader serverStatus
	for _, server := range s.Servers {
		if server.Role == "leader" && server.Term > leader.Term {
			leader = server
		}
	}
	return leader.ID
}

// answering returns how many servers take part and answer.
func (s clusterStatus) answering() (n int) {
	for _, server := range s.Servers {
		if server.Error == "" && server.Membership == "voter" {
			n++
		}
	}
	return n
}

// has reports whether the server takes part and answers.
func (s clusterStatus) has(name string) bool {
	for _, server := range s.Servers {
		if server.ID == name {
			return server.Error == ""
		}
	}
	return false
}
