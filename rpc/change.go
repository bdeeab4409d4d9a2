package rpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

const (
	// promotionLag is how many entries a learner may lack when it is promoted.
	promotionLag = 100
	// identifyTimeout is how long a server that is to be added may take to say who it is.
	identifyTimeout = 3 * time.Second
	// changeInterval is how often a change looks whether the one before it is over.
	changeInterval = 20 * time.Millisecond
)

// addServer adds a server as a learner. It asks the address who is there, so
// that a typo does not put a stranger into the configuration for good.
func (s *Server) addServer(ctx context.Context, req *kvorumv1.AddServerRequest) error {
	if _, err := s.settled(ctx); err != nil {
		return err
	}
	id, err := s.resolve(ctx, req.GetId(), req.GetRpcAddr())
	if err != nil {
		return err
	}
	server := kv.PutServer{ID: id, Addr: req.GetRpcAddr(), StayLearner: req.GetStayLearner(), Readmit: true}
	if _, err := s.propose(ctx, server); err != nil {
		return err
	}
	s.peers.SetAddress(id, req.GetRpcAddr())
	return s.changeConfig(ctx, func(c *raft.Configuration) {
		if !slices.Contains(c.Servers(), id) {
			c.Learners = append(c.Learners, id)
		}
	})
}

// resolve returns the ServerID of the server at addr, if it is the one that is
// meant and free to join.
func (s *Server) resolve(ctx context.Context, name, addr string) (raft.ServerID, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return raft.None, fmt.Errorf("%w: rpc_addr must be host:port: %v", errInvalidRequest, err)
	}
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	who, err := s.peers.identify(ctx, addr)
	if err != nil {
		return raft.None, fmt.Errorf("%w: %v", errInvalidRequest, err)
	}
	id := node.NewID(who.GetName(), who.GetIncarnation())
	switch {
	case who.GetClusterId() != "" && who.GetClusterId() != s.identity.ClusterID():
		return raft.None, fmt.Errorf("%w: %s at %s belongs to %s", errWrongCluster, who.GetName(), addr, who.GetClusterId())
	case who.GetName() != name || !isServerID(string(id)):
		return raft.None, fmt.Errorf("%w: the server at %s is %q, not %q", errInvalidRequest, addr, who.GetName(), name)
	}
	return id, nil
}

// promoteServer makes a learner a voter.
func (s *Server) promoteServer(ctx context.Context, req *kvorumv1.PromoteServerRequest) error {
	st, err := s.settled(ctx)
	if err != nil {
		return err
	}
	if len(findServers(st.Config.Voters, req.GetId())) > 0 {
		return nil
	}
	found := findServers(st.Config.Learners, req.GetId())
	if len(found) == 0 {
		return fmt.Errorf("%w: %s", errNotAMember, req.GetId())
	}
	id := found[0]
	if !s.isCaughtUp(st, id) {
		return fmt.Errorf("%w: %s", errNotCaughtUp, req.GetId())
	}
	if server := s.store.Directory().Servers[id]; server.StayLearner {
		if _, err := s.propose(ctx, kv.PutServer{ID: id, Addr: server.Addr}); err != nil {
			return err
		}
	}
	return s.changeConfig(ctx, func(c *raft.Configuration) {
		if n := slices.Index(c.Learners, id); n >= 0 {
			c.Learners = slices.Delete(c.Learners, n, n+1)
			c.Voters = append(c.Voters, id)
		}
	})
}

func (s *Server) isCaughtUp(st node.Status, id raft.ServerID) bool {
	p, known := peerStatus(st, id)
	return known && s.isAlive(p) && p.MatchIndex > 0 && p.MatchIndex+promotionLag >= st.Last.Index
}

// isAlive reports whether the peer has answered lately: within half the time
// after which it would count as gone, since a change takes time too.
func (s *Server) isAlive(p raft.PeerStatus) bool { return p.SinceContact <= s.cfg.ElectionTicks/2 }

func peerStatus(st node.Status, id raft.ServerID) (raft.PeerStatus, bool) {
	i := slices.IndexFunc(st.Peers, func(p raft.PeerStatus) bool { return p.ID == id })
	if i < 0 {
		return raft.PeerStatus{}, false
	}
	return st.Peers[i], true
}

// removeServer takes a server out, under all its incarnations: first it is
// marked, so that discovery does not add it again, then the configuration follows.
func (s *Server) removeServer(ctx context.Context, req *kvorumv1.RemoveServerRequest) error {
	st, err := s.settled(ctx)
	if err != nil {
		return err
	}
	known := slices.Concat(st.Config.Servers(), slices.Collect(maps.Keys(s.store.Directory().Servers)))
	slices.Sort(known)
	ids := findServers(slices.Compact(known), req.GetId())
	if len(ids) == 0 {
		return fmt.Errorf("%w: %s", errNotAMember, req.GetId())
	}
	if err := s.checkRest(st, ids); err != nil {
		return err
	}
	for i, id := range ids {
		s.peers.SetAddress(id, s.peers.Address(id)) // it outlives the directory's until the change is through
		if _, err := s.propose(ctx, kv.RemoveServer{ID: id}); err != nil && i > 0 {
			return unknownOutcome{err}
		} else if err != nil {
			return err
		}
	}
	return s.changeConfig(ctx, func(c *raft.Configuration) {
		gone := func(id raft.ServerID) bool { return slices.Contains(ids, id) }
		c.Voters = slices.DeleteFunc(c.Voters, gone)
		c.Learners = slices.DeleteFunc(c.Learners, gone)
	})
}

// checkRest fails unless the voters without ids have a majority that is alive.
func (s *Server) checkRest(st node.Status, ids []raft.ServerID) error {
	voters, live := 0, 0
	for _, id := range st.Config.Voters {
		if slices.Contains(ids, id) {
			continue
		}
		voters++
		if p, known := peerStatus(st, id); id == st.ID || known && s.isAlive(p) {
			live++
		}
	}
	if voters == 0 {
		return fmt.Errorf("%w: it is the last voter", errUnsafeChange)
	}
	if live <= voters/2 {
		return fmt.Errorf("%w: of the %d voters that would remain %d are alive", errUnsafeChange, voters, live)
	}
	return nil
}

func (s *Server) transferLeadership(ctx context.Context, req *kvorumv1.TransferLeadershipRequest) error {
	if req.GetTo() == "" {
		return s.node.TransferLeadership(ctx, raft.None)
	}
	st, err := s.node.Status(ctx)
	if err != nil {
		return err
	}
	found := findServers(st.Config.Voters, req.GetTo())
	switch {
	case len(found) == 0:
		return fmt.Errorf("%w: %s is not a voter", errNotAMember, req.GetTo())
	case found[0] == st.ID && st.Role == raft.Leader:
		return nil
	}
	return s.node.TransferLeadership(ctx, found[0])
}

// settled returns the status of this server if it leads and no change of the
// configuration is under way.
func (s *Server) settled(ctx context.Context) (node.Status, error) {
	st, err := s.node.Status(ctx)
	switch {
	case err != nil:
		return st, err
	case st.Role != raft.Leader:
		return st, raft.ErrNotLeader
	case !isSettled(st):
		return st, raft.ErrConfigInFlight
	}
	return st, nil
}

func isSettled(st node.Status) bool {
	return !st.Config.Joint() && st.ConfigIndex <= st.CommitIndex
}

// changeConfig makes the configuration what change makes of it, and returns once
// that is committed. If another change comes in between, it goes on from there.
// It follows a change of the directory, which discovery may well complete if
// this fails: so a failure leaves the outcome unknown.
func (s *Server) changeConfig(ctx context.Context, change func(*raft.Configuration)) error {
	for {
		st, err := s.node.Status(ctx)
		if err != nil {
			return unknownOutcome{err}
		}
		wanted := raft.Configuration{Voters: slices.Clone(st.Config.Voters), Learners: slices.Clone(st.Config.Learners)}
		change(&wanted)
		if isSettled(st) {
			if sameServers(wanted.Voters, st.Config.Voters) && sameServers(wanted.Learners, st.Config.Learners) {
				return nil
			}
			_, err := s.node.ProposeConfig(ctx, st.ConfigIndex, wanted.Voters, wanted.Learners)
			if err == nil {
				return nil
			}
			if !errors.Is(err, raft.ErrConfigInFlight) {
				return unknownOutcome{err}
			}
		}
		select {
		case <-time.After(changeInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func sameServers(a, b []raft.ServerID) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
