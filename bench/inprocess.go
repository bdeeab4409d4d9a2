package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	hraft "github.com/hashicorp/raft"
	hwal "github.com/hashicorp/raft-wal"

	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

// Two libraries, each as three servers in this process: messages go from memory
// to memory, entries to the real disk, and commands to a state machine that
// does nothing. So what is measured is consensus and its log.

// ownCPU is the processor time of this process, which is that of all servers and clients.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// maxAppend is how many entries both send in one message; it is the most that
// hashicorp/raft takes. There it is also how many are written to the log and applied
// at a time, with BatchApplyCh; its default is 64. Otherwise it and raft-wal are at
// their defaults.
const maxAppend = 1024

// nodes is raft+node+wal.
type nodes struct {
	byID   map[raft.ServerID]*node.Node
	stores []*wal.Store
	stop   context.CancelFunc
	group  sync.WaitGroup
	failed chan error
}

// Send carries a message to its receiver at once.
func (n *nodes) Send(m raft.Message) { n.byID[m.To].Receive(m) }

// nothing is a state machine without a state.
type nothing struct{}

func (nothing) Apply(raft.Entry) ([]byte, error)   { return nil, nil }
func (nothing) Snapshot() io.WriterTo              { return nothing{} }
func (nothing) WriteTo(io.Writer) (int64, error)   { return 0, nil }
func (nothing) Restore(io.Reader) error            { return nil }
func (nothing) Persist(s hraft.SnapshotSink) error { return s.Close() }
func (nothing) Release()                           {}

func startNodes(dir string) (_ *nodes, err error) {
	n := &nodes{byID: map[raft.ServerID]*node.Node{}, failed: make(chan error, 3)}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	var ids []raft.ServerID
	for i := range 3 {
		store, err := wal.Open(wal.OS(), filepath.Join(dir, fmt.Sprintf("node-%d", i+1)), wal.Options{Name: fmt.Sprintf("n%d", i+1)})
		if err != nil {
			return nil, errors.Join(err, n.close())
		}
		n.stores = append(n.stores, store)
		ids = append(ids, node.NewID(store.Identity().Name, store.Identity().Incarnation))
	}
	for i, store := range n.stores {
		if err := store.Bootstrap("00000000000000000000000000000001", ids...); err != nil {
			return nil, errors.Join(err, n.close())
		}
		n.byID[ids[i]] = node.New(node.Config{
			Raft: raft.Config{ID: ids[i], ElectionTicks: 50, HeartbeatTicks: 5, LazyCommit: true,
				MaxAppend:      raft.Limit{Entries: maxAppend, Bytes: 1 << 20},
				MaxInflight:    raft.Limit{Entries: 4096, Bytes: 8 << 20},
				MaxUncommitted: raft.Limit{Entries: 16384, Bytes: 64 << 20}, Seed: rand.Uint64()},
			TickInterval: 10 * time.Millisecond, SnapshotEntries: 10000, SnapshotTail: 5000,
			Storage: store, Transport: n, StateMachine: nothing{},
		})
	}
	for _, member := range n.byID {
		n.group.Go(func() {
			if err := member.Run(ctx); err != nil {
				n.failed <- err
			}
		})
	}
	return n, nil
}

func (n *nodes) name() string { return "raft+node+wal" }

func (n *nodes) cpu() (time.Duration, error) { return ownCPU() }

func (n *nodes) prepare(ctx context.Context, r row) (operation, error) {
	var leader *node.Node
	err := until(ctx, func(context.Context) error {
		for _, member := range n.byID {
			if member.Leadership().Role == raft.Leader {
				leader = member
				return nil
			}
		}
		return errors.New("raft+node+wal has no leader")
	})
	return func(ctx context.Context, _ int, random *rand.Rand) error {
		_, _, err := leader.Propose(ctx, newValue(r.bytes, random))
		return err
	}, err
}

func (n *nodes) close() (err error) {
	n.stop()
	n.group.Wait()
	for _, store := range n.stores {
		err = errors.Join(err, store.Close())
	}
	close(n.failed)
	for failed := range n.failed {
		err = errors.Join(err, failed)
	}
	return err
}

// hashicorp is hashicorp/raft with raft-wal.
type hashicorp struct {
	members []*hraft.Raft
	logs    []*hwal.WAL
}

// machine is nothing, as hashicorp/raft calls it.
type machine struct{}

func (machine) Apply(*hraft.Log) any                 { return nil }
func (machine) Snapshot() (hraft.FSMSnapshot, error) { return nothing{}, nil }
func (machine) Restore(r io.ReadCloser) error        { return r.Close() }

func startHashicorp(dir string) (*hashicorp, error) {
	h := &hashicorp{}
	var all hraft.Configuration
	var transports []*hraft.InmemTransport
	for i := range 3 {
		addr, t := hraft.NewInmemTransport("")
		all.Servers = append(all.Servers, hraft.Server{ID: hraft.ServerID(fmt.Sprint(i)), Address: addr})
		transports = append(transports, t)
	}
	for i, t := range transports {
		for _, other := range transports {
			t.Connect(other.LocalAddr(), other)
		}
		folder := filepath.Join(dir, fmt.Sprintf("hashicorp-%d", i+1))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, errors.Join(err, h.close())
		}
		log, err := hwal.Open(folder)
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
		h.logs = append(h.logs, log)
		cfg := hraft.DefaultConfig()
		cfg.LocalID, cfg.Logger = all.Servers[i].ID, hclog.NewNullLogger()
		cfg.BatchApplyCh, cfg.MaxAppendEntries = true, maxAppend
		snapshots := hraft.NewInmemSnapshotStore()
		if err := hraft.BootstrapCluster(cfg, log, log, snapshots, t, all); err != nil {
			return nil, errors.Join(err, h.close())
		}
		member, err := hraft.NewRaft(cfg, machine{}, log, log, snapshots, t)
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
		h.members = append(h.members, member)
	}
	return h, nil
}

func (h *hashicorp) name() string { return "hashicorp/raft+raft-wal" }

func (h *hashicorp) cpu() (time.Duration, error) { return ownCPU() }

func (h *hashicorp) prepare(ctx context.Context, r row) (operation, error) {
	var leader *hraft.Raft
	err := until(ctx, func(context.Context) error {
		for _, member := range h.members {
			if member.State() == hraft.Leader {
				leader = member
				return nil
			}
		}
		return errors.New("hashicorp/raft has no leader")
	})
	return func(_ context.Context, _ int, random *rand.Rand) error {
		return leader.Apply(newValue(r.bytes, random), patience).Error()
	}, err
}

func (h *hashicorp) close() (err error) {
	for _, member := range h.members {
		err = errors.Join(err, member.Shutdown().Error())
	}
	for _, log := range h.logs {
		err = errors.Join(err, log.Close())
	}
	return err
}
