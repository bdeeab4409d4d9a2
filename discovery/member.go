package discovery

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/hashicorp/serf/serf"

	"kvorum/raft"
	"kvorum/raft/node"
)

// Status is what Serf believes about a member.
type Status string

// The three things Serf can believe.
const (
	Alive  Status = "alive"
	Failed Status = "failed" // does not answer; nothing follows from it
	Left   Status = "left"   // said goodbye to Serf, which kvorum servers never do
)

// Member is a server that Serf has met.
type Member struct {
	ID        raft.ServerID // name@incarnation
	Addr      string        // where its gRPC listens, host:port
	ClusterID string        // empty: it belongs to no cluster yet
	Expect    int           // its --bootstrap-expect; 0: none
	Status    Status
}

// Name is the name that people gave the server.
func (m Member) Name() string { return node.Name(m.ID) }

// The tags that a server shows about itself.
const (
	tagID      = "id"
	tagAddr    = "rpc_addr"
	tagCluster = "cluster"
	tagExpect  = "expect"
)

// Limits keep four tags within the 512 bytes that memberlist gossips, and tell
// how much of a stranger's claim is looked at.
const (
	maxAddrBytes = 255
	maxExpect    = 99
)

// tags returns what m says about itself to others.
func (m Member) tags() map[string]string {
	return map[string]string{
		tagID:      string(m.ID),
		tagAddr:    m.Addr,
		tagCluster: m.ClusterID,
		tagExpect:  strconv.Itoa(m.Expect),
	}
}

// validate says what is wrong with m. Gossip is not a trusted source: what
// does not hold here never gets further.
func (m Member) validate() error {
	if err := validateID(m.ID); err != nil {
		return err
	}
	if err := ValidateAdvertised(m.Addr); err != nil {
		return err
	}
	if m.ClusterID != "" && !isHex(m.ClusterID, 32) {
		return fmt.Errorf("cluster id %.40q is not 32 hex digits", m.ClusterID)
	}
	if m.Expect < 0 || m.Expect > maxExpect {
		return fmt.Errorf("it expects %d servers, which is not within 0 to %d", m.Expect, maxExpect)
	}
	return nil
}

// validateID checks the form name@incarnation.
func validateID(id raft.ServerID) error {
	name := node.Name(id)
	incarnation := string(id)[min(len(name)+1, len(id)):]
	if node.ValidateName(name) != nil || !isHex(incarnation, 16) {
		return fmt.Errorf("server id %.160q is not name@incarnation", id)
	}
	return nil
}

// isHex reports whether s is n lower-case hex digits.
func isHex(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(s) == n && hex.EncodeToString(b) == s
}

// ValidateAdvertised refuses an address that no other server could dial: one
// without host and port, or a wildcard such as 0.0.0.0.
func ValidateAdvertised(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || len(addr) > maxAddrBytes {
		return fmt.Errorf("address %.300q is not host:port", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %q has no port between 1 and 65535", addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("address %q is a wildcard, which others cannot dial", addr)
	}
	return nil
}

// parse reads what a Serf member says about itself.
func parse(s serf.Member) (Member, error) {
	expect, err := strconv.Atoi(s.Tags[tagExpect])
	if err != nil {
		return Member{}, errors.New("its tags are not those of a kvorum server")
	}
	m := Member{
		ID:        raft.ServerID(s.Tags[tagID]),
		Addr:      s.Tags[tagAddr],
		ClusterID: s.Tags[tagCluster],
		Expect:    expect,
		Status:    status(s.Status),
	}
	if err := m.validate(); err != nil {
		return Member{}, err
	}
	if m.Name() != s.Name {
		return Member{}, fmt.Errorf("its id %s does not begin with its name", m.ID)
	}
	return m, nil
}

// status folds Serf's states. A member that is leaving is still there.
func status(s serf.MemberStatus) Status {
	switch s {
	case serf.StatusAlive, serf.StatusLeaving:
		return Alive
	case serf.StatusLeft:
		return Left
	default:
		return Failed
	}
}
