package main

import (
	"context"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/rpc"
)

// metrics is what /metrics shows: what is counted as it happens, and the state
// of Raft as it is when somebody asks.
type metrics struct {
	registry      *prometheus.Registry
	leaderChanges prometheus.Counter
	fsync         prometheus.Histogram
	batches       prometheus.Counter
	notWritten    prometheus.Counter
	apply         prometheus.Histogram
	requests      *prometheus.HistogramVec
	clients       map[string]prometheus.Observer // by one of clientKinds
	led           raft.ServerID                  // the leader last observed; owned by the node
}

func newMetrics() *metrics {
	// From 50 µs, what a fast disk or a command in memory takes, to 13 s.
	times := prometheus.ExponentialBuckets(50e-6, 2, 19)
	m := &metrics{
		registry: prometheus.NewRegistry(),
		leaderChanges: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kvorum_raft_leader_changes_total", Help: "How often this server learned of another leader."}),
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kvorum_wal_sync_seconds", Help: "Time to write and sync the log once.", Buckets: times}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kvorum_wal_batches_total", Help: "Batches made durable; several share one sync."}),
		notWritten: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kvorum_snapshot_failures_total", Help: "Snapshots that could not be written; the log is kept until one can."}),
		apply: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kvorum_apply_seconds", Help: "Time to apply one committed entry.", Buckets: prometheus.ExponentialBuckets(1e-6, 4, 10)}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kvorum_rpc_seconds", Help: "Time to answer one request.", Buckets: times}, []string{"method", "code"}),
		clients: map[string]prometheus.Observer{},
	}
	clients := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "kvorum_client_seconds", Help: "Time to answer a read or write of a client, or to fail it, where the client sent it: forwarded ones do not count again.",
		Buckets: times}, []string{"kind"})
	for _, kind := range clientKinds {
		m.clients[kind] = clients.WithLabelValues(kind)
	}
	m.registry.MustRegister(m.leaderChanges, m.fsync, m.batches, m.notWritten, m.apply, m.requests, clients,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds the state of a node and its state machine.
func (m *metrics) watch(n *node.Node, state *kv.Store) { m.registry.MustRegister(raftState{n, state}) }

// observeLeadership is called by the node at each change.
func (m *metrics) observeLeadership(now node.Leadership) {
	if now.Leader != raft.None && now.Leader != m.led {
		m.led = now.Leader
		m.leaderChanges.Inc()
	}
}

func (m *metrics) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	start := time.Now()
	resp, err := handle(ctx, req)
	m.observeRequest(ctx, info.FullMethod, status.Code(err), time.Since(start))
	return resp, err
}

func (m *metrics) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	start := time.Now()
	err := handle(srv, stream)
	m.observeRequest(stream.Context(), info.FullMethod, status.Code(err), time.Since(start))
	return err
}

func (m *metrics) observeRequest(ctx context.Context, method string, code codes.Code, took time.Duration) {
	m.requests.WithLabelValues(method, code.String()).Observe(took.Seconds())
	if kind := clientKind(method, code); kind != "" && !rpc.IsForwarded(ctx) {
		m.clients[kind].Observe(took.Seconds())
	}
}

// clientKinds are the kinds of requests that clients wait for.
var clientKinds = []string{"read", "write", "failed"}

// clientKind returns which of clientKinds a request is; empty: none of them.
func clientKind(method string, code codes.Code) string {
	var kind string
	switch method {
	case kvorumv1.KV_Get_FullMethodName, kvorumv1.KV_List_FullMethodName:
		kind = "read"
	case kvorumv1.KV_Set_FullMethodName, kvorumv1.KV_Delete_FullMethodName,
		kvorumv1.KV_CompareAndSet_FullMethodName, kvorumv1.KV_Txn_FullMethodName:
		kind = "write"
	default:
		return ""
	}
	switch code {
	case codes.OK, codes.NotFound, codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return kind // what was asked is answered, even if it is no
	case codes.Canceled:
		return "" // the client did not wait
	default:
		return "failed"
	}
}

// timedStorage measures how long the disk takes, and counts what fails there.
type timedStorage struct {
	node.Storage
	metrics *metrics
}

// Save implements node.Storage.
func (s timedStorage) Save(batches []raft.Persist) error {
	start := time.Now()
	err := s.Storage.Save(batches)
	s.metrics.fsync.Observe(time.Since(start).Seconds())
	s.metrics.batches.Add(float64(len(batches)))
	return err
}

// WriteSnapshot implements node.Storage.
func (s timedStorage) WriteSnapshot(meta raft.SnapshotMeta, state io.WriterTo) (int64, error) {
	size, err := s.Storage.WriteSnapshot(meta, state)
	if err != nil {
		s.metrics.notWritten.Inc()
	}
	return size, err
}

// timedStateMachine measures how long commands take.
type timedStateMachine struct {
	node.StateMachine
	metrics *metrics
}

// Apply implements node.StateMachine.
func (s timedStateMachine) Apply(e raft.Entry) ([]byte, error) {
	start := time.Now()
	result, err := s.StateMachine.Apply(e)
	s.metrics.apply.Observe(time.Since(start).Seconds())
	return result, err
}

// raftState asks the node when it is scraped.
type raftState struct {
	node  *node.Node
	state *kv.Store
}

// statusPatience bounds how long a question to this server itself may take.
const statusPatience = time.Second

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kvorum_"+name, help, labels, nil)
}

var (
	descTerm     = desc("raft_term", "The current term.")
	descRole     = desc("raft_role", "1 for the role that this server plays.", "role")
	descVoters   = desc("raft_voters", "Voters in the configuration.")
	descLearners = desc("raft_learners", "Learners in the configuration.")
	descFirst    = desc("raft_first_index", "The first entry of the log that is kept.")
	descLast     = desc("raft_last_index", "The last entry of the log.")
	descCommit   = desc("raft_commit_index", "The last entry known to be committed.")
	descApplied  = desc("raft_applied_index", "The last entry applied.")
	descSnapshot = desc("raft_snapshot_index", "The last entry in the latest snapshot.")
	descInstalls = desc("raft_snapshots_installed_total", "Snapshots received from a leader.")
	descSilence  = desc("wal_silence_seconds", "How long the disk has owed an answer; a server whose disk is stuck does not lead.")
	descMatch    = desc("raft_peer_match_index", "On the leader: up to where a peer's log agrees.", "peer")
	descSessions = desc("kv_sessions", "Open sessions.")
)

// Describe implements prometheus.Collector.
func (r raftState) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTerm, descRole, descVoters, descLearners, descFirst, descLast,
		descCommit, descApplied, descSnapshot, descInstalls, descSilence, descMatch, descSessions} {
		out <- d
	}
}

// Collect implements prometheus.Collector. A node that does not answer has
// nothing to show.
func (r raftState) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statusPatience)
	defer cancel()
	s, err := r.node.Status(ctx)
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(descTerm, float64(s.Term))
	gauge(descRole, 1, s.Role.String())
	gauge(descVoters, float64(len(s.Config.Voters)))
	gauge(descLearners, float64(len(s.Config.Learners)))
	gauge(descFirst, float64(s.FirstIndex))
	gauge(descLast, float64(s.Last.Index))
	gauge(descCommit, float64(s.CommitIndex))
	gauge(descApplied, float64(s.Applied))
	gauge(descSnapshot, float64(s.Snapshot.LastIncludedIndex))
	gauge(descSilence, s.DiskSilence.Seconds())
	gauge(descSessions, float64(r.state.Sessions()))
	out <- prometheus.MustNewConstMetric(descInstalls, prometheus.CounterValue, float64(s.SnapshotsInstalled))
	for _, p := range s.Peers {
		gauge(descMatch, float64(p.MatchIndex), string(p.ID))
	}
}
