package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"

	"kvorum/raft/node"
)

// Config says who this server is, and where it meets the others.
type Config struct {
	Self Member // Status is ignored
	// Listen is where gossip arrives, TCP and UDP, host:port. Port 0 takes a free one.
	Listen string
	// Advertise is the gossip address that others are told; empty: Listen.
	Advertise string
	// Join are the gossip addresses of servers to look for, host:port.
	Join []string
	// KeyFile holds the keys that gossip is encrypted with; empty: it is not.
	KeyFile string
	Log     *slog.Logger
}

// Members knows which servers are there, by Serf's gossip. Its methods may be
// called from any goroutine and do not block.
type Members struct {
	cfg    Config
	serf   *serf.Serf
	events chan serf.Event // filled by Serf, emptied by Run
	retag  chan struct{}   // capacity 1: the tags have changed

	// The mutex guards what Serf's goroutines, the RPC handshake and Run share;
	// nothing waits while it is held.
	mu       sync.Mutex
	self     Member
	watchers []chan struct{}
}

// Listen opens the gossip port, so that a port in use is seen at once. Run
// does the work; the caller must call Run or Close.
func Listen(cfg Config) (*Members, error) {
	if err := cfg.Self.validate(); err != nil {
		return nil, fmt.Errorf("discovery: this server cannot be announced: %w", err)
	}
	m := &Members{
		cfg:    cfg,
		self:   cfg.Self,
		events: make(chan serf.Event, 256), // a burst of joins; Run empties it without waiting for anything
		retag:  make(chan struct{}, 1),
	}
	conf, err := m.serfConfig()
	if err != nil {
		return nil, err
	}
	if m.serf, err = serf.Create(conf); err != nil {
		return nil, fmt.Errorf("discovery: listen for gossip on %s: %w", cfg.Listen, err)
	}
	return m, nil
}

// serfConfig translates the Config.
func (m *Members) serfConfig() (*serf.Config, error) {
	logger := newLogger(m.cfg.Log)
	list := memberlist.DefaultLANConfig()
	list.Logger = logger
	// A server that died may come back at another address as soon as the
	// others have noticed that it is gone.
	list.DeadNodeReclaimTime = time.Nanosecond
	// Few servers have little news to pass on: looking oftener only wakes them.
	list.GossipInterval = 500 * time.Millisecond
	list.EnableCompression = false // its tables are a thousand times as large as a ping
	// Joining must not hold up a shutdown.
	list.TCPTimeout = 2 * time.Second
	if err := setAddresses(list, m.cfg.Listen, cmp.Or(m.cfg.Advertise, m.cfg.Listen)); err != nil {
		return nil, err
	}
	if m.cfg.KeyFile != "" {
		ring, err := readKeyring(m.cfg.KeyFile)
		if err != nil {
			return nil, err
		}
		list.Keyring = ring
	}
	conf := serf.DefaultConfig()
	conf.NodeName = node.Name(m.self.ID)
	conf.Tags = m.self.tags()
	conf.EventCh = m.events
	conf.Merge = m
	conf.MemberlistConfig = list
	conf.Logger = logger
	conf.BroadcastTimeout = time.Second
	conf.ReconnectInterval = 5 * time.Second
	// Serf would end by itself the server that loses the vote on a name. Raft
	// tells the two apart by incarnation, so both may go on, and say so.
	conf.EnableNameConflictResolution = false
	return conf, nil
}

// setAddresses resolves host names, because memberlist takes IP addresses only.
func setAddresses(list *memberlist.Config, listen, advertise string) (err error) {
	if list.BindAddr, list.BindPort, err = resolve(listen); err != nil {
		return fmt.Errorf("discovery: gossip address %q: %w", listen, err)
	}
	if list.AdvertiseAddr, list.AdvertisePort, err = resolve(advertise); err != nil {
		return fmt.Errorf("discovery: advertised gossip address %q: %w", advertise, err)
	}
	return nil
}

func resolve(addr string) (ip string, port int, err error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(portText); err != nil {
		return "", 0, err
	}
	found, err := net.ResolveIPAddr("ip", cmp.Or(host, "0.0.0.0"))
	if err != nil {
		return "", 0, err
	}
	return found.IP.String(), port, nil
}

// Addr returns the address where gossip arrives.
func (m *Members) Addr() string {
	self := m.serf.Memberlist().LocalNode()
	return net.JoinHostPort(self.Addr.String(), strconv.Itoa(int(self.Port)))
}

// All returns the members that may matter to this server, itself included, in
// order of ID: those whose tags make sense and who are not of another cluster.
func (m *Members) All() []Member {
	own := m.clusterID()
	var all []Member
	for _, s := range m.serf.Members() {
		p, err := parse(s)
		if err != nil || foreign(own, p.ClusterID) {
			continue
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Alive returns those of All that are alive.
func (m *Members) Alive() []Member {
	return slices.DeleteFunc(m.All(), func(p Member) bool { return p.Status != Alive })
}

// Watch returns a channel that receives after every change of the members. It
// holds one signal: a slow reader misses how often, not that.
func (m *Members) Watch() <-chan struct{} {
	c := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers = append(m.watchers, c)
	return c
}

// SetClusterID announces the cluster that this server now belongs to. From
// here on members of other clusters are refused.
func (m *Members) SetClusterID(id string) {
	m.mu.Lock()
	m.self.ClusterID = id
	m.mu.Unlock()
	signal(m.retag)
}

func (m *Members) clusterID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.self.ClusterID
}

// foreign reports whether a server of cluster theirs has no place in cluster own.
func foreign(own, theirs string) bool { return own != "" && theirs != "" && own != theirs }

// NotifyMerge implements serf.MergeDelegate: an error refuses the meeting. Serf
// calls it for every member it hears of, and with its own locks held.
func (m *Members) NotifyMerge(met []*serf.Member) error {
	own := m.clusterID()
	for _, s := range met {
		theirs := s.Tags[tagCluster]
		if foreign(own, theirs) {
			return fmt.Errorf("%s belongs to cluster %.40s, this server to %s: check --join", s.Name, theirs, own)
		}
	}
	return nil
}

// Run takes Serf's news and looks for servers to join until ctx ends. Then it
// stops without a word of goodbye, because a stop is not a leave: to the
// others this server has failed, and nothing follows from that.
func (m *Members) Run(ctx context.Context) error {
	var joining sync.WaitGroup
	joining.Go(func() { m.join(ctx) })
	defer joining.Wait()
	for {
		select {
		case <-ctx.Done():
			return m.Close()
		case e := <-m.events:
			m.tell(e)
		case <-m.retag:
			m.mu.Lock()
			tags := m.self.tags()
			m.mu.Unlock()
			// Serf waits for the broadcast to be sent, and Run must not: it would
			// leave Serf's events lying.
			joining.Go(func() { m.setTags(tags) })
		case <-m.serf.ShutdownCh():
			return errors.New("discovery: Serf has stopped by itself")
		}
	}
}

// setTags announces tags. They spread with the next exchange of state even if
// the broadcast is not confirmed in time, so a timeout is only worth a remark.
func (m *Members) setTags(tags map[string]string) {
	if err := m.serf.SetTags(tags); err != nil {
		m.cfg.Log.Debug("discovery: announce the cluster id", "err", err)
	}
}

// tell logs what happened to members, and wakes the watchers.
func (m *Members) tell(e serf.Event) {
	change, ok := e.(serf.MemberEvent)
	if !ok {
		return
	}
	for _, s := range change.Members {
		p, err := parse(s)
		if err != nil {
			m.cfg.Log.Warn("ignored a gossip member", "name", s.Name, "at", s.Addr.String(), "reason", err)
			continue
		}
		level := slog.LevelInfo
		if p.ID == m.cfg.Self.ID || change.Type == serf.EventMemberUpdate {
			level = slog.LevelDebug
		}
		m.cfg.Log.Log(context.Background(), level, "gossip: "+change.Type.String(), "server", p.ID, "rpc_addr", p.Addr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.watchers {
		signal(c)
	}
}

// Close stops at once.
func (m *Members) Close() error {
	if err := m.serf.Shutdown(); err != nil {
		return fmt.Errorf("discovery: stop: %w", err)
	}
	return nil
}

// signal leaves a signal in c unless one is there already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
