package discovery

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

const (
	// interval is how long a difference that no event announced may last.
	interval = time.Second
	// soon is how long after a step the next one is tried. It is not at once,
	// so that a step without effect is not repeated in a hot loop.
	soon = 50 * time.Millisecond
	// stepTimeout is how long one step may take. One whose outcome is unknown by
	// then is safe to repeat: it is decided afresh from what there is.
	stepTimeout = 5 * time.Second
)

// Cluster is what Reconcile asks and changes. *node.Node implements it.
type Cluster interface {
	Leadership() node.Leadership
	Status(ctx context.Context) (node.Status, error)
	Propose(ctx context.Context, command []byte) ([]byte, raft.EntryID, error)
	ProposeConfig(ctx context.Context, from raft.Index, voters, learners []raft.ServerID) (raft.EntryID, error)
}

// Reconcile makes the cluster's configuration follow who is there, while this
// server leads.
type Reconcile struct {
	Cluster Cluster
	// ClusterID returns the id of the cluster that this server belongs to.
	ClusterID func() string
	// Members returns who is there, this server included.
	Members func() []Member
	// Directory returns the replicated directory as applied on this server.
	Directory func() kv.Directory
	// Silence is how many ticks without an answer make a server count as down;
	// Raft's own notion of it is the election timeout.
	Silence int
	Log     *slog.Logger

	failure string // the last error that was logged; owned by Run
}

// Run takes a step every second, on every signal, and soon after a step that
// succeeded. It returns nil when ctx ends. A step that fails is tried again.
func (r *Reconcile) Run(ctx context.Context, signals <-chan struct{}) error {
	turn := time.NewTimer(interval)
	defer turn.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-turn.C:
		case <-signals:
		}
		wait := interval
		changed, err := r.step(ctx)
		if changed {
			wait = soon
		}
		r.report(ctx, err)
		turn.Reset(wait)
	}
}

// report logs an error once, not every second for as long as it lasts.
func (r *Reconcile) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil:
		r.failure = ""
	case err.Error() != r.failure:
		r.failure = err.Error()
		r.Log.Warn("the configuration could not be changed; trying on", "err", err)
	}
}

// step takes one step if this server leads and no change is on its way.
func (r *Reconcile) step(ctx context.Context) (changed bool, err error) {
	if r.Cluster.Leadership().Role != raft.Leader {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	s, err := r.Cluster.Status(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for the status: %w", err)
	}
	inFlight := s.Config.Joint() || s.ConfigIndex > s.CommitIndex || s.Transferee != raft.None
	if s.Role != raft.Leader || inFlight {
		return false, nil
	}
	c, ok := next(r.view(s))
	if !ok {
		return false, nil
	}
	if err := r.perform(ctx, s.ConfigIndex, c); err != nil {
		return false, fmt.Errorf("%s: %w", c.what, err)
	}
	r.Log.Info("configuration: "+c.what, "id", s.ID, "term", s.Term)
	return true, nil
}

// view gathers what next decides from.
func (r *Reconcile) view(s node.Status) view {
	return view{
		self:      s.ID,
		clusterID: r.ClusterID(),
		members:   r.Members(),
		config:    s.Config,
		index:     s.ConfigIndex,
		directory: r.Directory(),
		last:      s.Last.Index,
		peers:     s.Peers,
		silence:   r.Silence,
	}
}

// perform proposes c, which was decided for the configuration at index from,
// and waits until it is committed.
func (r *Reconcile) perform(ctx context.Context, from raft.Index, c change) error {
	if c.command == nil {
		_, err := r.Cluster.ProposeConfig(ctx, from, slices.Clone(c.voters), slices.Clone(c.learners))
		return err
	}
	_, _, err := r.Cluster.Propose(ctx, kv.Encode(c.command))
	return err
}
