package lab

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// open writes how the cluster begins, and returns the first act after that.
func (t *transcript) open() (first int) {
	var founders, others []*act
	for first < len(t.acts) {
		a := &t.acts[first]
		if a.said == "" && (a.Kind != sim.Started || t.actors[a.Server] != nil) {
			break
		}
		if a.Kind == sim.Started {
			t.actors[a.Server] = &actor{id: a.Server, at: a.next}
			if config := a.Saved.Snapshot.Config; slices.Contains(config.Voters, a.Server) {
				founders = append(founders, a)
			} else {
				others = append(others, a)
			}
		}
		first++
	}
	t.draft.title(t.run, t.at, t.scene)
	if len(founders) == 0 {
		t.why = "nobody founds the cluster"
		return first
	}
	c := founders[0].Config
	t.countsBytes = c.MaxAppend.Bytes+c.MaxInflight.Bytes+c.MaxUncommitted.Bytes > 0
	t.do("%s", clusterLine(founders))
	t.do("show reasons")
	for _, a := range others {
		t.do("server %s seed=%d", a.Server, a.Config.Seed)
	}
	return first
}

func clusterLine(founders []*act) string {
	line, seeds := "cluster", []string(nil)
	for _, a := range founders {
		line += " " + string(a.Server)
		seeds = append(seeds, fmt.Sprint(a.Config.Seed))
	}
	c := founders[0].Config
	line += limitOption("append", c.MaxAppend) + limitOption("inflight", c.MaxInflight) + limitOption("uncommitted", c.MaxUncommitted)
	if c.HeartbeatTicks != 2 {
		line += fmt.Sprintf(" heartbeat=%d", c.HeartbeatTicks)
	}
	if c.LazyCommit {
		line += " lazy"
	}
	return line + " seeds=" + strings.Join(seeds, ",")
}

func limitOption(name string, l raft.Limit) string {
	switch {
	case l == raft.Limit{} && name != "inflight":
		return ""
	case l.Bytes == 0:
		return fmt.Sprintf(" %s=%d", name, l.Entries)
	case l.Entries == 0:
		return fmt.Sprintf(" %s=%dB", name, l.Bytes)
	}
	return fmt.Sprintf(" %s=%d,%dB", name, l.Entries, l.Bytes)
}
