package transcript

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// open writes how the cluster begins, and returns the first act after that.
func (t *teller) open(title string) (first int) {
	founders, others, first := t.founded()
	t.draft.comment(title)
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

// founded returns the acts with which the run begins, which start the voters of the
// first configuration, and others; and the first act after those.
func (t *teller) founded() (founders, others []int, first int) {
	for ; first < len(t.acts); first++ {
		a := &t.acts[first]
		if a.remark != nil {
			continue
		}
		if a.Kind != sim.Started || t.actors[a.Server] != nil {
			break
		}
		t.actors[a.Server] = &actor{id: a.Server, next: a.next}
		if slices.Contains(a.Saved.Snapshot.Config.Voters, a.Server) {
			founders = append(founders, first)
		} else {
			others = append(others, first)
		}
	}
	return founders, others, first
}

// clusterLine returns the command for new servers, with the options in which they
// differ from those of a script.
func (t *teller) clusterLine(founders []int) string {
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

// limitOption writes a limit. Only that of what is on its way is not 0 in a script if
// nothing is said.
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

// seed returns the seed of the core that an act starts.
func (t *teller) seed(i int) uint64 {
	if seed, is := t.seeds[i]; is {
		return seed
	}
	return t.acts[i].Config.Seed
}
