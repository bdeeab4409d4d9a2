package raft

type (
	// ServerID names a server for all time; None is no server. A server that
	// lost its disk is another server, and must come with another ServerID.
	ServerID string
	// Term is a logical clock: terms are numbered with consecutive integers (§5.1).
	Term uint64
	// Index is a position in the log. The first entry has index 1; 0 is before the log.
	Index uint64
)

// None is the absence of a server: no vote cast, no leader known.
const None ServerID = ""

// EntryID names an entry. By the Log Matching Property two logs that contain
// the same EntryID are identical up to it (§5.3).
type EntryID struct {
	Index Index
	Term  Term
}

// Entry is one slot of the replicated log. An entry with neither Command nor
// Config is the no-op that a leader commits at the start of its term (§8).
type Entry struct {
	EntryID
	Command []byte         // for the state machine; empty where Config is set
	Config  *Configuration // a change of membership (§6)
}

// size is what an entry counts against the limits in bytes.
func (e Entry) size() int { return len(e.Command) + entryOverhead }

// entryOverhead is a rough measure of an entry's own fields, so that a log of
// empty commands is bounded too.
const entryOverhead = 32

// HardState is the part of the persistent state of Figure 2 that is not the log.
type HardState struct {
	CurrentTerm Term
	VotedFor    ServerID
}

// SnapshotMeta describes a snapshot: it replaces the log up to and including
// LastIncludedIndex (§7). The state itself never passes through this package.
type SnapshotMeta struct {
	LastIncludedIndex Index
	LastIncludedTerm  Term
	Config            Configuration // the latest configuration in the log as of LastIncludedIndex
}

// ID names the last entry that the snapshot covers.
func (s SnapshotMeta) ID() EntryID { return EntryID{s.LastIncludedIndex, s.LastIncludedTerm} }

// Saved is everything that stable storage holds for one server. The zero Saved
// is a server that never ran.
type Saved struct {
	HardState HardState
	Snapshot  SnapshotMeta
	// Entries are consecutive. They may begin before the snapshot's last
	// entry: a tail is kept for followers that are only a little behind.
	Entries []Entry
}

// Bootstrap returns what the first servers of a new cluster start from: an
// empty log, and a configuration that all of them must be given alike.
//
// Departure: the first configuration is not an entry of the log, as thesis §4.4
// recommends, but that of a snapshot of nothing. Each founder starts from it.
func Bootstrap(voters ...ServerID) Saved {
	return Saved{Snapshot: SnapshotMeta{Config: Configuration{Voters: voters}}}
}

// prng is splitmix64: a generator small enough to be copied with the server.
type prng uint64

func (p *prng) intn(n int) int {
	*p += 0x9e3779b97f4a7c15
	z := uint64(*p)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}
