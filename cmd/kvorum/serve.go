package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"kvorum/discovery"
	"kvorum/raft"
	"kvorum/raft/wal"
)

func serveCommand() *cobra.Command {
	var cfg config
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run one server",
		Long: `Run one server until SIGINT or SIGTERM. It then hands its leadership over,
finishes what is in flight and exits; a second signal ends it at once. A server
that stops stays a member of the cluster: kvctl remove takes it out.

Every flag may also stand in a variable, KVORUM_RPC_ADDR for --rpc-addr, or in
the YAML file named by --config; a flag goes before a variable, a variable
before the file. Raft's clock ticks twice per --heartbeat-interval, and
--election-timeout is rounded up to whole ticks.`,
		Example: `  kvorum serve --id n1 --data-dir n1 --bootstrap
  kvorum serve --id n2 --data-dir n2 --rpc-addr 127.0.0.1:8410 --serf-addr 127.0.0.1:8411 \
      --http-addr 127.0.0.1:8412 --join 127.0.0.1:8401
  kvorum serve --config /etc/kvorum.yaml`,
		Args: noArguments,
	}
	cfg.define(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := cfg.complete(c.Flags(), os.Getenv); err != nil {
			return err
		}
		ctx, stop := untilSignal(c.Context())
		defer stop()
		return serve(ctx, cfg, cfg.logger(c.ErrOrStderr()))
	}
	return c
}

// untilSignal returns a context that ends at the first SIGINT or SIGTERM. Before it
// does, signals mean again what they always do, so that a second one ends the
// process even if it follows at once.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, stop = context.WithCancel(parent)
	first := make(chan os.Signal, 1) // capacity 1: whoever signals does not wait
	signal.Notify(first, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-first:
		case <-ctx.Done():
		}
		signal.Stop(first)
		stop()
	}()
	return ctx, stop
}

// server is what a server has from its start, in a cluster or not.
type server struct {
	cfg     config
	log     *slog.Logger
	secrets *secrets // nil: no TLS
	storage *wal.Store
	ports   ports
	members *discovery.Members
	metrics *metrics
	witness *witness
}

// serve runs a server until ctx ends, which is a clean end, or a part of it fails.
func serve(ctx context.Context, cfg config, log *slog.Logger) (err error) {
	w := &witness{started: time.Now(), metrics: newMetrics()}
	log = slog.New(w.journal.Handler(log.Handler()))
	s := &server{cfg: cfg, log: log, metrics: w.metrics, witness: w}
	if s.secrets, err = cfg.readSecrets(); err != nil {
		return err
	}
	// Storage comes before the ports: none opens on one that cannot be trusted.
	if s.storage, err = openStorage(cfg, log); err != nil {
		return advise(err)
	}
	defer func() { err = errors.Join(err, s.storage.Close()) }()
	if s.ports, err = listen(cfg); err != nil {
		return err
	}
	defer s.ports.close()
	if s.ports.http != nil {
		w.httpAddr = s.ports.httpAddr()
	}
	if s.members, err = s.listenForGossip(); err != nil {
		return err
	}
	log.Info("kvorum serves", "version", version, "id", s.storage.Identity().ServerID(), "data_dir", cfg.dataDir,
		"rpc_addr", s.ports.rpcAdvertised, "serf_addr", s.members.Addr(), "http_addr", s.ports.httpAddr())
	if err := s.run(ctx); err != nil {
		return advise(err)
	}
	log.Info("stopped")
	return nil
}

// openStorage opens the data folder, and makes it a new cluster's if told to.
func openStorage(cfg config, log *slog.Logger) (*wal.Store, error) {
	storage, err := wal.Open(wal.OS(), cfg.dataDir, wal.Options{Name: cfg.id, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	if !cfg.bootstrap {
		return storage, nil
	}
	// The cluster's id follows from the folder's, so a restart says the same.
	self := storage.Identity().ServerID()
	if err := storage.Bootstrap(discovery.ClusterID([]raft.ServerID{self}), self); err != nil {
		return nil, errors.Join(fmt.Errorf("--bootstrap: %w; this server needs no --bootstrap", err), storage.Close())
	}
	return storage, nil
}

func (s *server) listenForGossip() (*discovery.Members, error) {
	me := s.storage.Identity()
	members, err := discovery.Listen(discovery.Config{
		Self: discovery.Member{
			ID: me.ServerID(), Addr: s.ports.rpcAdvertised,
			ClusterID: me.ClusterID, Expect: s.cfg.bootstrapExpect,
		},
		Listen:    s.cfg.serfAddr,
		Advertise: s.cfg.advertiseSerfAddr,
		Join:      s.cfg.join,
		KeyFile:   s.cfg.gossipKeyFile,
		Log:       s.log,
	})
	if errors.Is(err, discovery.ErrKeyFile) {
		return nil, usagef("--gossip-key-file: %w", err)
	}
	return members, err
}

// run runs gossip and HTTP, and between their start and their end what takes
// part in the cluster. If one part fails, all end.
func (s *server) run(ctx context.Context) error {
	parts, failed := errgroup.WithContext(context.WithoutCancel(ctx))
	all, endAll := context.WithCancel(failed)
	m := s.newMember()
	parts.Go(func() error { return s.members.Run(all) })
	if s.ports.http != nil {
		parts.Go(func() error { return s.serveHTTP(all, s.ports.http, m) })
	}
	parts.Go(func() error {
		defer endAll()
		return m.run(ctx, all)
	})
	return parts.Wait()
}
