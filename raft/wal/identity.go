package wal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft"
	"kvorum/raft/node"
)

const identityName = "identity"

// Identity says whose folder it is.
type Identity struct {
	Name        string // what people call the server
	Incarnation string // 16 hexadecimal digits, made with the folder
	ClusterID   string // 32 hexadecimal digits; empty until the server belongs to a cluster
	// Voters is the configuration that the cluster was bootstrapped with, on
	// the servers that formed it; empty on those that joined.
	Voters []raft.ServerID
}

// ServerID is the server's name for Raft. A server that lost its folder gets
// another incarnation, and so is another server: it may have forgotten a vote.
func (id Identity) ServerID() raft.ServerID {
	return raft.ServerID(id.Name + "@" + id.Incarnation)
}

// number returns the incarnation as the log's checksums use it.
func (id Identity) number() uint64 {
	n, _ := strconv.ParseUint(id.Incarnation, 16, 64) // checked when made and when read
	return n
}

func isHex(s string, digits int) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == digits
}

func newIncarnation() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (id Identity) encode() []byte {
	var b []byte
	b = fmt.Appendf(b, "kvorum-identity %d\n", formatVersion)
	b = fmt.Appendf(b, "name %s\n", id.Name)
	b = fmt.Appendf(b, "incarnation %s\n", id.Incarnation)
	b = fmt.Appendf(b, "cluster %s\n", id.ClusterID)
	voters := make([]string, 0, len(id.Voters))
	for _, v := range id.Voters {
		voters = append(voters, string(v))
	}
	b = fmt.Appendf(b, "voters %s\n", strings.Join(voters, " "))
	return fmt.Appendf(b, "crc32c %08x\n", checksum(b))
}

func decodeIdentity(file string, b []byte) (id Identity, err error) {
	i := max(0, bytes.LastIndex(b, []byte("crc32c ")))
	body, sum := string(b[:i]), string(b[i:])
	if sum != fmt.Sprintf("crc32c %08x\n", checksum(b[:i])) {
		return id, corrupt(file, 0, "damaged identity")
	}
	first, rest, _ := strings.Cut(body, "\n")
	version, err := strconv.ParseUint(strings.TrimPrefix(first, "kvorum-identity "), 10, 32)
	if err != nil {
		return id, corrupt(file, 0, "not an identity")
	}
	if version != formatVersion {
		return id, unknownVersion(file, 0, uint32(version))
	}
	for line := range strings.Lines(rest) {
		word, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "name":
			id.Name = value
		case "incarnation":
			id.Incarnation = value
		case "cluster":
			id.ClusterID = value
		case "voters":
			for _, v := range strings.Fields(value) {
				id.Voters = append(id.Voters, raft.ServerID(v))
			}
		}
	}
	if node.ValidateName(id.Name) != nil || !isHex(id.Incarnation, 16) {
		return id, corrupt(file, 0, "identity without a name or an incarnation")
	}
	return id, nil
}

// readIdentity returns false if there is no identity.
func readIdentity(fsys FS, dir string) (id Identity, found bool, err error) {
	file := filepath.Join(dir, identityName)
	f, err := fsys.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return id, false, nil
	}
	if err != nil {
		return id, false, err
	}
	b, err := readFile(f, nil)
	if err := errors.Join(err, f.Close()); err != nil {
		return id, false, err
	}
	id, err = decodeIdentity(file, b)
	return id, true, err
}

// writeIdentity replaces the identity, durably and at once.
func writeIdentity(fsys FS, dir string, id Identity) error {
	file := filepath.Join(dir, identityName)
	f, err := fsys.Create(file + tmpSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(id.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(file+tmpSuffix, file); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// Identity returns whose folder it is.
func (s *Store) Identity() Identity {
	s.identityMu.Lock()
	defer s.identityMu.Unlock()
	return s.identity
}

// SetClusterID makes the server a part of the cluster, durably. It may be
// called again with the same id; another is refused with ErrOtherCluster.
func (s *Store) SetClusterID(clusterID string) error {
	return s.join(clusterID, nil)
}

// Bootstrap makes the server one of the first voters of a new cluster, durably.
// All of them must be given the same arguments. It comes before Load. Repeated,
// it changes nothing; a folder of another cluster is refused with ErrOtherCluster.
func (s *Store) Bootstrap(clusterID string, voters ...raft.ServerID) error {
	if len(voters) == 0 {
		return errors.New("wal: bootstrap: no voters")
	}
	return s.join(clusterID, voters)
}

func (s *Store) join(clusterID string, voters []raft.ServerID) error {
	if !isHex(clusterID, 32) {
		return fmt.Errorf("wal: cluster id %q: want 32 hexadecimal digits", clusterID)
	}
	s.identityMu.Lock()
	defer s.identityMu.Unlock()
	id := s.identity
	if id.ClusterID != "" {
		if id.ClusterID != clusterID || voters != nil && !slices.Equal(id.Voters, voters) {
			return fmt.Errorf("wal: %s: %w: %s, not %s", s.dir, ErrOtherCluster, id.ClusterID, clusterID)
		}
		return nil
	}
	id.ClusterID, id.Voters = clusterID, slices.Clone(voters)
	if err := writeIdentity(s.fs, s.dir, id); err != nil {
		return fmt.Errorf("wal: write identity: %w", err)
	}
	s.identity = id
	return nil
}
