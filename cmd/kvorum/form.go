package main

import (
	"context"
	"fmt"

	"kvorum/discovery"
	"kvorum/raft"
)

// form waits, if this server is to form a cluster with others, until they have
// met or another cluster is there.
func (m *member) form(ctx context.Context) error {
	expect := m.cfg.bootstrapExpect
	if expect == 0 || m.storage.Identity().ClusterID != "" {
		return nil
	}
	news := m.members.Watch()
	said := ""
	for ctx.Err() == nil {
		f := discovery.Form(m.members.All(), expect)
		switch {
		case f.Exists:
			return nil
		case f.Voters != nil:
			return m.found(f.Voters)
		}
		text := fmt.Sprintf("%d of %d servers have met", f.Met, expect)
		if f.Surplus {
			text += ": stop the surplus, or raise --bootstrap-expect everywhere"
		}
		if text != said {
			m.log.Info("waiting to form a cluster: " + text)
			said = text
		}
		select {
		case <-ctx.Done():
		case <-news:
		}
	}
	return nil
}

// found makes this server one of the first voters.
func (m *member) found(voters []raft.ServerID) error {
	cluster := discovery.ClusterID(voters)
	if err := m.storage.Bootstrap(cluster, voters...); err != nil {
		return fmt.Errorf("--bootstrap-expect: %w", err)
	}
	m.log.Info("formed a cluster", "cluster", cluster, "voters", voters)
	return m.identity.Join(cluster)
}
