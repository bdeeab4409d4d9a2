// Package dashboard is the live picture of a cluster that every server shows at its
// HTTP address: who leads since when, how far each log is, what may still fail, how
// much is done and how long it takes, and what happened lately and why.
//
// It works on any server, also one that follows, was cut off or knows no leader: the
// server asks the others for their status, and says plainly who does not answer. It
// only reads, and it never sees a key or a value. While nobody looks it does nothing.
package dashboard

// Snapshot is the cluster at one moment, as one server sees it.
type Snapshot struct {
	Time      int64    `json:"time"`       // Unix time in milliseconds, by the clock of the server that looked
	ClusterID string   `json:"cluster_id"` // empty: it belongs to none yet
	ServerID  string   `json:"server_id"`  // the name of the server that looked
	Version   string   `json:"version"`    // of its program
	Health    Health   `json:"health"`
	Leader    *Leader  `json:"leader"`  // null: nobody leads who can be asked
	Quorums   []Quorum `json:"quorums"` // one, or while the configuration is joint two, of the new voters and of the old
	Servers   []Server `json:"servers"` // the configuration, in order
	Load      *Load    `json:"load"`    // of all servers together; null until they were asked twice
	Events    []Event  `json:"events"`  // the latest first
}

// Health is all of it in a sentence.
type Health struct {
	Level string `json:"level"` // good; warn: all is served, but see; bad: not all is served
	Text  string `json:"text"`  // what is so
	More  string `json:"more"`  // what follows from it
}

// Leader is who leads, by its own account.
type Leader struct {
	ID      string  `json:"id"` // as in Server
	Name    string  `json:"name"`
	Term    uint64  `json:"term"`
	Seconds float64 `json:"seconds"` // for how long it has led in this term
}

// Quorum is how many of a set of voters answer, and how many must.
type Quorum struct {
	Voters    int `json:"voters"`
	Needed    int `json:"needed"`
	Answering int `json:"answering"`
	Spare     int `json:"spare"` // how many more may fail; below 0: how many must come back
}

// Server is a server of the configuration.
type Server struct {
	ID         string    `json:"id"` // of one incarnation: name@incarnation
	Name       string    `json:"name"`
	RPCAddr    string    `json:"rpc_addr"`
	Membership string    `json:"membership"` // voter; learner; joining or leaving: a voter of one half of a joint configuration
	Up         bool      `json:"up"`         // it answers
	Problem    string    `json:"problem"`    // why it does not answer, or cannot serve every request; empty: all is well
	Silence    float64   `json:"silence"`    // seconds since it last answered; 0 if it is up or never answered
	State      *State    `json:"state"`      // as it last told; null: it never answered
	Progress   *Progress `json:"progress"`   // as the leader knows it; null: this is the leader, or there is none
	Load       *Load     `json:"load"`       // null: it was not asked twice since it started
}

// State is what a server tells of itself. Indices are positions in the log; 0 is before it.
type State struct {
	Role               string  `json:"role"` // follower, pre-candidate, candidate or leader
	Term               uint64  `json:"term"`
	LeaderID           string  `json:"leader_id"` // the name of whom it follows; empty: it knows no leader
	FirstIndex         uint64  `json:"first_index"`
	LastIndex          uint64  `json:"last_index"`
	StableIndex        uint64  `json:"stable_index"` // on its disk up to here
	CommitIndex        uint64  `json:"commit_index"`
	AppliedIndex       uint64  `json:"applied_index"`
	SnapshotIndex      uint64  `json:"snapshot_index"`
	SnapshotsInstalled uint64  `json:"snapshots_installed"` // received from a leader since it started
	StateHash          string  `json:"state_hash"`          // of the state at applied_index, hexadecimal
	DiskSilence        float64 `json:"disk_silence"`        // seconds that the disk has owed an answer
	Uptime             float64 `json:"uptime"`              // of its process, in seconds
	HTTPAddr           string  `json:"http_addr"`           // where it shows a dashboard itself; empty: nowhere
	Version            string  `json:"version"`
}

// Progress is what the leader knows of another server (Figure 2, volatile state on leaders).
type Progress struct {
	MatchIndex uint64  `json:"match_index"`
	NextIndex  uint64  `json:"next_index"`
	State      string  `json:"state"`   // probe, replicate or snapshot
	Silence    float64 `json:"silence"` // seconds since the leader heard from it
}

// Load is what clients ask for, and how the disk keeps up, since the snapshot before.
// A request counts where the client sent it, and not again where it was forwarded.
type Load struct {
	Read   Rate `json:"read"`   // answered
	Write  Rate `json:"write"`  // answered
	Failed Rate `json:"failed"` // not answered: no leader, too busy, too late
	Sync   Rate `json:"sync"`   // of the log to the disk
}

// Rate is how often something happened, and how long it took. The times are
// interpolated within the buckets of a histogram, which double in width.
type Rate struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50"` // seconds; 0 if it did not happen
	P99       float64 `json:"p99"` // seconds; 0 if it did not happen
}

// Event is a record of the servers' own logs, or a server that went or came back.
type Event struct {
	Time    int64    `json:"time"`    // Unix time in milliseconds, by the clock of the first of Servers
	Servers []string `json:"servers"` // the names of those that say so
	Level   string   `json:"level"`   // INFO, WARN or ERROR
	Text    string   `json:"text"`
	Fields  []string `json:"fields"` // name=value
}
