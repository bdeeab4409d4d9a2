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
	var founders, others []int
	for first < len(t.acts) {
		a := &t.acts[first]
		if a.said == "" && (a.Kind != sim.Started || t.actors[a.Server] != nil) {
			break
		}
		if a.Kind == sim.Started {
			t.actors[a.Server] = &actor{id: a.Server, at: a.next}
			if config := a.Saved.Snapshot.Config; slices.Contains(config.Voters, a.Server) {
				founders = append(founders, first)
			} else {
				others = append(others, first)
			}
		}
		first++
	}
	t.draft.title(t.run, t.at, t.scene)
	if len(founders) == 0 {
		t.why = "nobody founds the cluster"
		return first
	}
	c := t.acts[founders[0]].Config
	t.countsBytes = c.MaxAppend.Bytes+c.MaxInflight.Bytes+c.MaxUncommitted.Bytes > 0
	t.do("%s", t.clusterLine(founders))
	t.do("show reasons")
	for _, i := range others {
		t.do("server %s seed=%d", t.acts[i].Server, t.seed(i))
	}
	return first
}

func (t *transcript) clusterLine(founders []int) string {
	line, seeds := "cluster", []string(nil)
	for _, i := range founders {
		line += " " + string(t.acts[i].Server)
		seeds = append(seeds, fmt.Sprint(t.seed(i)))
	}
	c := t.acts[founders[0]].Config
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
