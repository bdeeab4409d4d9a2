package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"kvorum/raft"
)

// ClusterID names the cluster that the given servers form: 32 hex digits. It is
// a function of their ids, so that servers which form a cluster together agree
// on it without a word, and any other set of servers, or one of them after
// its folder was wiped, forms another cluster.
func ClusterID(voters []raft.ServerID) string {
	hash := sha256.New()
	for _, id := range slices.Sorted(slices.Values(voters)) {
		fmt.Fprintf(hash, "%q\n", id)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// Formation is how far the first servers are in forming a cluster.
type Formation struct {
	Met     int             // servers seen that expect the same number, this one included
	Voters  []raft.ServerID // once complete: the voters of the new cluster
	Exists  bool            // another cluster is there already: be added to it
	Surplus bool            // more servers than expected have met
}

// Form decides, for a server started with --bootstrap-expect expect, whether
// it and the servers that it sees form a cluster. Each decides by itself, and
// those that see the same servers decide alike. One that sees more than expect
// waiting does not decide, since two sets of them could each found a cluster.
//
// This holds only as far as gossip does: of more than expect servers, some that do
// not see all the others may found a cluster, and while gossip is split more than
// one set may. The sets are then different clusters, which refuse each other.
// So start exactly expect servers with --bootstrap-expect.
func Form(members []Member, expect int) Formation {
	var f Formation
	var met []raft.ServerID
	clusters := map[string]bool{}
	for _, m := range members {
		if m.ClusterID != "" {
			clusters[m.ClusterID] = true
		}
		if m.Status == Alive && m.Expect == expect {
			met = append(met, m.ID)
		}
	}
	slices.Sort(met)
	f.Met = len(met)
	// The others may have formed this very cluster a moment ago.
	if f.Met == expect {
		delete(clusters, ClusterID(met))
	}
	f.Exists = len(clusters) > 0
	f.Surplus = f.Met > expect && !f.Exists
	if f.Met == expect && !f.Exists {
		f.Voters = met
	}
	return f
}
