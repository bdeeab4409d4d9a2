package discovery

import (
	"fmt"
	"slices"

	"kvorum/raft"
)

// Formation is how far the first servers are in forming a cluster.
type Formation struct {
	Met     int             // servers seen that wait for the same number, this one included
	Exists  bool            // there is a cluster already: wait to be added to it
	Voters  []raft.ServerID // once complete: the voters of the new cluster
	Founder raft.ServerID   // once complete: who bootstraps it; the others wait to hear from it
}

// Form decides, for a server started with --bootstrap-expect expect, whether the
// servers it sees may form a cluster. All of them decide alike once they all see
// each other. It returns an error if more servers than that wait: then two
// different sets of expect servers could each take themselves for the cluster.
func Form(members []Member, expect int) (Formation, error) {
	var f Formation
	var waiting []raft.ServerID
	for _, m := range members {
		switch {
		case m.ClusterID != "":
			f.Exists = true
		case m.Status == Alive && m.Expect == expect:
			waiting = append(waiting, m.ID)
		}
	}
	f.Met = len(waiting)
	switch {
	case f.Exists || f.Met < expect:
		return f, nil
	case f.Met > expect:
		return f, fmt.Errorf("%d servers wait to form a cluster of %d: stop the surplus, or raise --bootstrap-expect everywhere", f.Met, expect)
	}
	slices.Sort(waiting)
	f.Voters, f.Founder = waiting, waiting[0]
	return f, nil
}
