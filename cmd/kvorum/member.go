package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"kvorum/discovery"
	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/rpc"
)

// ticksPerHeartbeat is how finely election timeouts are drawn: in steps of half a
// heartbeat. That is enough, as no two servers tick at the same moment. A leader tells
// what it has committed at the next tick, if nothing else is to be sent sooner.
const ticksPerHeartbeat = 2

func (c *config) tick() time.Duration { return c.heartbeatInterval / ticksPerHeartbeat }

func (c *config) electionTicks() int {
	return int((c.electionTimeout + c.tick() - 1) / c.tick())
}

// member is the part of a server that takes part in a cluster.
type member struct {
	*server
	state    *kv.Store
	identity *rpc.Identity
	peers    *rpc.Peers
	node     *node.Node
	rpc      *rpc.Server
}

// newMember puts the parts together; run starts them. The disk is under the
// node, the state machine on top of it, the network on both sides.
func (s *server) newMember() *member {
	m := &member{server: s, state: kv.New()}
	me := s.storage.Identity()
	m.identity = rpc.NewIdentity(me.ServerID(), s.ports.rpcAdvertised, me.ClusterID, m.adopt)
	m.peers = rpc.NewPeers(rpc.PeersConfig{
		Identity:    m.identity,
		Directory:   m.address,
		Snapshots:   rpc.NewSnapshots(s.storage.OpenSnapshotFile, s.storage.ReceiveSnapshot),
		Heartbeat:   s.cfg.heartbeatInterval,
		Local:       s.ports.rpcHost(),
		Credentials: s.secrets.credentials(),
		Log:         s.log,
	})
	m.node = node.New(m.nodeConfig(me.ServerID()))
	m.rpc = rpc.NewServer(rpc.Config{
		Node:          m.node,
		Store:         m.state,
		Peers:         m.peers,
		MaxValueBytes: s.cfg.maxValueBytes,
		TickInterval:  s.cfg.tick(),
		ElectionTicks: s.cfg.electionTicks(),
		Version:       version,
		Describe:      s.witness.describe,
		Credentials:   s.secrets.credentials(),
		Options: []grpc.ServerOption{
			grpc.ChainUnaryInterceptor(s.metrics.unary), grpc.ChainStreamInterceptor(s.metrics.stream),
		},
		Log: s.log,
	})
	return m
}

// What a leader has under way is bounded, so that a slow disk or follower costs
// time and not memory. The windows are short: deep pipelines only add waiting.
func (m *member) nodeConfig(id raft.ServerID) node.Config {
	return node.Config{
		Raft: raft.Config{
			ID:             id,
			ElectionTicks:  m.cfg.electionTicks(),
			HeartbeatTicks: ticksPerHeartbeat,
			LazyCommit:     true,
			MaxAppend:      raft.Limit{Entries: 1024, Bytes: 1 << 20},
			MaxInflight:    raft.Limit{Entries: 4096, Bytes: 8 << 20},
			MaxUncommitted: raft.Limit{Entries: 16384, Bytes: 64 << 20},
			Seed:           rand.Uint64(),
			Trace:          m.cfg.debug,
		},
		TickInterval:    m.cfg.tick(),
		SnapshotEntries: raft.Index(m.cfg.snapshotEntries),
		SnapshotTail:    raft.Index(m.cfg.snapshotTail),
		Storage:         timedStorage{m.storage, m.metrics},
		Transport:       m.peers,
		StateMachine:    timedStateMachine{m.state, m.metrics},
		Logger:          m.log,
		Observe:         m.witness.observe,
	}
}

// adopt makes this server, which belongs to no cluster yet, a part of one.
func (m *member) adopt(clusterID string) error {
	if err := m.storage.SetClusterID(clusterID); err != nil {
		return err
	}
	m.log.Info("joined a cluster", "cluster", clusterID)
	m.members.SetClusterID(clusterID)
	return nil
}

// address finds a server in the replicated directory.
func (m *member) address(id raft.ServerID) (string, bool) {
	entry, ok := m.state.Directory().Servers[id]
	return entry.Addr, ok
}

// run takes part until ctx or all ends, and ends in the order that loses
// nothing: leadership goes first, then the clients' requests are finished, and
// only then Raft stops.
func (m *member) run(ctx, all context.Context) error {
	parts, failed := errgroup.WithContext(all)
	below, endBelow := context.WithCancel(failed)
	above, endAbove := context.WithCancel(below)
	parts.Go(func() error { return m.runNode(below) })
	parts.Go(func() error { return m.tellAddresses(below) })
	parts.Go(func() error { return m.reconcile(above) })
	parts.Go(func() error {
		defer endBelow()
		return m.rpc.Run(above, m.ports.rpc)
	})
	parts.Go(func() error {
		defer endAbove()
		select {
		case <-ctx.Done():
			m.log.Info("stopping")
			m.handOver(below)
		case <-below.Done():
		}
		return nil
	})
	return parts.Wait()
}

// runNode runs the node, once there is a cluster that it is in or waits for. Until
// then the server answers what needs no node.
func (m *member) runNode(ctx context.Context) error {
	if err := m.form(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if m.identity.ClusterID() == "" {
		m.log.Info("this server belongs to no cluster yet: it waits to be added to one",
			"join", m.cfg.join, "hint", "--bootstrap forms a new one")
	}
	m.metrics.watch(m.node, m.state)
	m.rpc.Begin()
	return m.node.Run(ctx)
}

// tellAddresses passes the addresses that gossip brings on to the transport,
// once each: the transport may have heard of a later one from the peer itself.
func (m *member) tellAddresses(ctx context.Context) error {
	news := m.members.Watch()
	told := map[raft.ServerID]string{}
	for {
		for _, other := range m.members.Alive() {
			if told[other.ID] != other.Addr {
				told[other.ID] = other.Addr
				m.peers.SetAddress(other.ID, other.Addr)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		}
	}
}

func (m *member) reconcile(ctx context.Context) error {
	r := discovery.Reconcile{
		Cluster:   m.node,
		ClusterID: m.identity.ClusterID,
		Members:   m.members.All,
		Directory: m.state.Directory,
		Silence:   m.cfg.electionTicks(),
		Log:       m.log,
	}
	return r.Run(ctx, m.members.Watch())
}

// handOverPatience bounds how long a leader looks for a successor before it stops.
const handOverPatience = time.Second

// handOver gives leadership away, so that a planned stop costs the clients no
// election timeout. Where that fails, the others elect a leader as after a crash.
func (m *member) handOver(ctx context.Context) {
	if m.node.Leadership().Role != raft.Leader {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, handOverPatience)
	defer cancel()
	if err := m.node.TransferLeadership(ctx, raft.None); err != nil && !errors.Is(err, raft.ErrNotVoter) {
		m.log.Warn("stopping without a successor", "err", err)
	}
}
