//go:build linux

package linearizability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"time"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// The ports of each server, at an IP address of its own. They lie below those
// that the system gives away, so that nothing takes one while a server is down.
const (
	rpcPort   = "8400" // clients come here
	serfPort  = "8401"
	proxyPort = "8410" // the other servers come here
)

// Cluster is a number of real kvorum servers on this machine, whose processes
// and network a test can disturb.
type Cluster struct {
	Servers []*Server
	Network *Network
}

// Server is one server of a Cluster, and our connection to it, which does not
// pass through the proxies.
type Server struct {
	Name string
	*Process
	*Remote
}

// StartCluster starts size servers of the given program, with their data and
// their output in the folder dir, and returns once all of them are voters and
// follow one leader. Close it in any case.
func StartCluster(ctx context.Context, program, dir string, size int) (*Cluster, error) {
	c := &Cluster{}
	hosts, err := c.startNetwork(ctx, size)
	if err != nil {
		return c, err
	}
	for i, host := range hosts {
		s, err := newServer(program, dir, i, hosts)
		if err != nil {
			return c, err
		}
		c.Servers = append(c.Servers, s)
		if err := s.Start(); err != nil {
			return c, fmt.Errorf("linearizability: server at %s: %w", host, err)
		}
	}
	return c, c.until(ctx, "all servers are voters", func(ctx context.Context) bool {
		leader, err := c.Leader(ctx)
		return err == nil && voters(leader.status) == size
	})
}

// startNetwork finds loopback addresses that nobody uses: 127.a.b.1, 127.a.b.2 ...
func (c *Cluster) startNetwork(ctx context.Context, size int) (hosts []string, err error) {
	for range 10 {
		hosts = nil
		a, b := 1+rand.IntN(254), 1+rand.IntN(254)
		for i := range size {
			hosts = append(hosts, fmt.Sprintf("127.%d.%d.%d", a, b, i+1))
		}
		if c.Network, err = StartNetwork(ctx, hosts, proxyPort, rpcPort); err == nil {
			return hosts, nil
		}
	}
	return nil, err
}

func newServer(program, dir string, number int, hosts []string) (*Server, error) {
	name, host := fmt.Sprintf("n%d", number+1), hosts[number]
	args := []string{"serve", "--id", name, "--data-dir", filepath.Join(dir, name),
		"--rpc-addr", net.JoinHostPort(host, rpcPort), "--advertise-rpc-addr", net.JoinHostPort(host, proxyPort),
		"--serf-addr", net.JoinHostPort(host, serfPort), "--http-addr", "",
		"--snapshot-entries", "100", "--snapshot-tail", "20", // so that some victims need a snapshot
	}
	if number == 0 {
		args = append(args, "--bootstrap")
	}
	for i, other := range hosts {
		if i != number {
			args = append(args, "--join", net.JoinHostPort(other, serfPort))
		}
	}
	remote, err := Dial(net.JoinHostPort(host, rpcPort))
	if err != nil {
		return nil, err
	}
	process := &Process{program: program, args: args, log: filepath.Join(dir, name+".log")}
	return &Server{Name: name, Process: process, Remote: remote}, nil
}

// Close stops the servers and leaves nothing running. An error means that a
// server had ended by itself, or could not stop in an orderly way.
func (c *Cluster) Close() error {
	errs := make([]error, len(c.Servers))
	var stopping sync.WaitGroup
	for i, s := range c.Servers {
		stopping.Go(func() { errs[i] = errors.Join(s.Stop(10*time.Second), s.Remote.Close()) })
	}
	stopping.Wait()
	if c.Network != nil {
		c.Network.Close()
	}
	return errors.Join(errs...)
}

// Remotes returns the service at each server.
func (c *Cluster) Remotes() []*Remote {
	var out []*Remote
	for _, s := range c.Servers {
		out = append(out, s.Remote)
	}
	return out
}

// Leading is a server that leads, by number, with what it says of itself.
type Leading struct {
	server int
	status *kvorumv1.StatusResponse
}

var errNoLeader = errors.New("linearizability: no leader that all others follow")

// Leader returns the leader that all servers follow, except those left out.
func (c *Cluster) Leader(ctx context.Context, except ...int) (Leading, error) {
	leading := Leading{server: -1}
	var term uint64
	for i, s := range c.Servers {
		if len(except) > 0 && i == except[0] {
			continue
		}
		status, err := s.askStatus(ctx)
		if err != nil {
			return Leading{}, err
		}
		if term == 0 {
			term = status.Term
		}
		if status.Term != term || status.LeaderId == "" {
			return Leading{}, errNoLeader
		}
		if status.LeaderId == s.Name {
			leading = Leading{i, status}
		}
	}
	if leading.server < 0 {
		return Leading{}, errNoLeader
	}
	return leading, nil
}

// patience is how long a server may take to tell its status.
const patience = 500 * time.Millisecond

func (s *Server) askStatus(ctx context.Context) (*kvorumv1.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.Status(ctx)
}

func voters(status *kvorumv1.StatusResponse) int {
	n := 0
	for _, s := range status.Servers {
		if s.Membership == kvorumv1.Server_MEMBERSHIP_VOTER {
			n++
		}
	}
	return n
}

// until waits for a condition. What it waits for must read well after "until".
func (c *Cluster) until(ctx context.Context, what string, holds func(context.Context) bool) error {
	for !holds(ctx) {
		if !wait(ctx, 20*time.Millisecond) {
			return fmt.Errorf("linearizability: waited in vain until %s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}

// Agree waits until all servers have applied the same entries, and compares
// the states that these led to.
func (c *Cluster) Agree(ctx context.Context) error {
	var statuses []*kvorumv1.StatusResponse
	err := c.until(ctx, "all servers have applied the same entries", func(ctx context.Context) bool {
		statuses = nil
		for _, s := range c.Servers {
			status, err := s.askStatus(ctx)
			if err != nil || status.AppliedIndex != status.LastIndex {
				return false
			}
			statuses = append(statuses, status)
			if status.AppliedIndex != statuses[0].AppliedIndex {
				return false
			}
		}
		return true
	})
	for _, status := range statuses {
		if first := statuses[0]; err == nil && status.StateHash != first.StateHash {
			err = fmt.Errorf("linearizability: at index %d the states of %s and %s differ: %x and %x",
				status.AppliedIndex, first.ServerId, status.ServerId, first.StateHash, status.StateHash)
		}
	}
	return err
}
