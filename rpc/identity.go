package rpc

import (
	"fmt"
	"sync"

	"kvorum/raft"
)

// Identity is who this server is. The cluster id is the one part that may still
// change: a newcomer has none until a server of the cluster speaks to it.
type Identity struct {
	id    raft.ServerID
	addr  string
	adopt func(clusterID string) error

	// mu guards clusterID, which any peer's first message may set. It is held
	// while adopt runs, so that two clusters cannot both win.
	mu        sync.Mutex
	clusterID string
}

// NewIdentity describes a server: its full Raft id (name@incarnation), the
// host:port at which others reach its gRPC services, and its cluster's id, empty
// if it has none. adopt makes a cluster id durable; it is called at most once,
// before any message of that cluster is accepted.
func NewIdentity(id raft.ServerID, addr, clusterID string, adopt func(clusterID string) error) *Identity {
	return &Identity{id: id, addr: addr, clusterID: clusterID, adopt: adopt}
}

// ClusterID returns the id of the cluster that this server belongs to, or "".
func (i *Identity) ClusterID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.clusterID
}

// Join makes this server a member of the cluster, if it belongs to none yet. It
// fails, and changes nothing, if it belongs to another or adopt fails.
func (i *Identity) Join(clusterID string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch i.clusterID {
	case clusterID:
		return nil
	case "":
		if err := i.adopt(clusterID); err != nil {
			return fmt.Errorf("adopt the cluster %s: %w", clusterID, err)
		}
		i.clusterID = clusterID
		return nil
	}
	return fmt.Errorf("%w: this server belongs to %s, the request to %s", errWrongCluster, i.clusterID, clusterID)
}
