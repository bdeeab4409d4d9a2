// Package lab is what one sees of a run of kvorum's Raft, event by event, and what
// one can do to it: the engine behind the page of `raftlab serve`, without a page.
//
// A run is one of package sim's (servers, disks, network and clients under a seed,
// calm or with the simulator's faults), or a script of raft/testdata; with actions
// that are done to it at given events, with the first of which a script is left. Either
// way it is a [Player], which goes forth, back, and to any event, and shows a [Frame]
// of each. The same run is the same frames, always. [Script] writes a run of package
// sim's as a script; see package transcript.
//
// PROTOCOL.md lists the calls that [Engine.Call] answers, in JSON.
package lab

// Frame is all that there is to see after an event. Times are in milliseconds of
// virtual time from the beginning of the run; those of a script, which has no
// clock, are the numbers of its steps.
type Frame struct {
	Event    int     `json:"event"`    // how many events have been played
	Time     float64 `json:"time"`     // on the clock of whoever plays it: between the last of them and the next
	Over     bool    `json:"over"`     // nothing comes any more: the run has ended, or an invariant broke
	Furthest Point   `json:"furthest"` // how far this run, with its present actions, was ever played

	Servers    []Server    `json:"servers"`    // in the order in which they came
	Messages   []Message   `json:"messages"`   // on their way, in the order in which they were sent
	Links      []Link      `json:"links"`      // those that are cut or slow
	Properties []Property  `json:"properties"` // the five of Figure 3, in its order
	Violation  *Violation  `json:"violation"`  // the first invariant that broke, these five or any other; null: none
	Operations []Operation `json:"operations"` // of clients, the latest last: those that wait, and the last few that ended
	Said       []Sentence  `json:"said"`       // what was said at this event
	Scenario   *Caption    `json:"scenario"`   // where the script is; null: the run is no script
}

// Point is a moment of a run.
type Point struct {
	Event int     `json:"event"`
	Time  float64 `json:"time"`
}

// Server is one server, as it is; not what others believe of it.
type Server struct {
	ID      string  `json:"id"`
	Process string  `json:"process"` // up, paused, down, or gone: another has its name, and it will never be back
	Trouble string  `json:"trouble"` // what is wrong with its disk: stuck, damaged; empty: nothing
	Clock   float64 `json:"clock"`   // its speed: 1 is right, 0.5 half as fast

	Role   string   `json:"role"` // follower, pre-candidate, candidate, leader; of one that is down: empty
	Term   uint64   `json:"term"`
	Vote   string   `json:"vote"`   // in its term; empty: none
	Votes  []string `json:"votes"`  // of a candidate or pre-candidate: who said yes, itself included
	Leader string   `json:"leader"` // whom it follows; empty: unknown
	Timer  Timer    `json:"timer"`

	First    uint64   `json:"first"`    // index of the log that is kept; Last+1 where none is
	Last     EntryID  `json:"last"`     // of its log
	Durable  uint64   `json:"durable"`  // its log is on its disk up to here,
	Commit   uint64   `json:"commit"`   // and as far as it knows committed
	Applied  uint64   `json:"applied"`  // by its state machine
	Snapshot EntryID  `json:"snapshot"` // the last entry that its snapshot covers; 0.0: there is none
	Log      []Entry  `json:"log"`      // the entries in the window, see "window" in PROTOCOL.md
	Config   Config   `json:"config"`   // the latest in its log, committed or not
	Peers    []Peer   `json:"peers"`    // of a leader
	Target   string   `json:"target"`   // to whom it hands over leadership; empty: to nobody
	Reads    int      `json:"reads"`    // that were asked here and wait for their answer
	State    []KeyVal `json:"state"`    // of its state machine, the first keys in order; of a script's, the last words
	Keys     int      `json:"keys"`     // how many there are
	Sessions int      `json:"sessions"` // how many are open
	Hash     string   `json:"hash"`     // of the whole state, sessions included
}

// Timer says when a server acts by itself, if nothing comes before: a follower
// stands for election, a leader sends heartbeats. In ticks of its own clock.
type Timer struct {
	Left int `json:"left"` // 0: never
	Of   int `json:"of"`   // the longest that it may be set to
}

// EntryID names an entry.
type EntryID struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}

// Entry is one slot of a log.
type Entry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Kind  string `json:"kind"` // no-op, config, set, delete, cas, session, clock, or command: of a script
	Text  string `json:"text"` // as in set x = 1
}

// Config is a configuration. While Old is not empty it is C-old,new, and a decision
// needs a majority of Old and one of Voters.
type Config struct {
	Voters    []string `json:"voters"`
	Old       []string `json:"old"`
	Learners  []string `json:"learners"`
	Index     uint64   `json:"index"`     // of its entry; 0: the first
	Committed bool     `json:"committed"` // as far as the server knows
}

// Peer is what a leader knows of another server.
type Peer struct {
	ID     string `json:"id"`
	Match  uint64 `json:"match"`
	Next   uint64 `json:"next"`
	State  string `json:"state"`  // probe, replicate or snapshot
	Silent int    `json:"silent"` // ticks since it last answered
}

// KeyVal is a key with what it holds. In a script, whose state machine only remembers
// what it applies, it is the index of an entry with its word, in their order; or 1–4
// with the words: in the snapshot.
type KeyVal struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Revision uint64 `json:"revision"` // the index of the entry that wrote it
}

// Message is a message on its way.
type Message struct {
	Number   int     `json:"number"` // of all that were sent: what a command names it by
	From     string  `json:"from"`
	To       string  `json:"to"`
	Type     string  `json:"type"` // RequestVote, AppendEntriesResponse, ...
	Term     uint64  `json:"term"`
	Fields   []Field `json:"fields"` // of the RPC, in the paper's order and words
	Text     string  `json:"text"`   // one line: S1 -> S2 RequestVote term=3 last=5.2
	Sent     float64 `json:"sent"`
	Due      float64 `json:"due"`      // when it arrives; of a script's, Sent: it waits to be delivered
	Waits    bool    `json:"waits"`    // it is there, and its receiver paused
	Repeated bool    `json:"repeated"` // a copy that the network made
}

// Field is one of an RPC.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Link is a link that is not as it should be, in one direction.
type Link struct {
	From string  `json:"from"`
	To   string  `json:"to"`
	Cut  bool    `json:"cut"`
	Slow float64 `json:"slow"` // milliseconds that every message takes longer; 0: none
}

// Property is one of Figure 3.
type Property struct {
	Name  string `json:"name"` // as in the paper
	Words string `json:"words"`
	Holds bool   `json:"holds"`
	Text  string `json:"text"` // of its violation
}

// Violation is an invariant that broke.
type Violation struct {
	Invariant string `json:"invariant"` // its short name, as in package sim, or the property's
	Text      string `json:"text"`
	Point
}

// Operation is what a client asked for.
type Operation struct {
	Number int     `json:"number"`
	Client string  `json:"client"` // you, or the number of one of the simulator's clients
	At     string  `json:"at"`     // the server that was asked; empty: of several
	Text   string  `json:"text"`   // as in set x = 1; once it has ended, with what came of it or why it was refused: TOO_STALE
	State  string  `json:"state"`  // waits, ok, definite (without effect, for certain) or unknown
	Asked  float64 `json:"asked"`
	Ended  float64 `json:"ended"` // 0: not yet
}

// Sentence is one thing that was said at an event, in the words of the code.
type Sentence struct {
	Event    int      `json:"event"`
	Time     float64  `json:"time"`
	Server   string   `json:"server"`   // who says it, or whom it is about; empty: the world
	Kind     string   `json:"kind"`     // reason (of a server, why it acts), message, fault, client, command or violation
	Text     string   `json:"text"`     //
	Function string   `json:"function"` // that wrote a reason, as in Raft.startElection; a key of functions.json
	File     string   `json:"file"`     // it is in, as in raft/election.go,
	Line     int      `json:"line"`     // and where
	Sections []string `json:"sections"` // of the paper and the thesis that its comment cites, as in §5.2, thesis §9.6
}

// Mark is a moment of a run that stands out.
type Mark struct {
	Event  int     `json:"event"`
	Time   float64 `json:"time"`
	Kind   string  `json:"kind"` // leader, crash, restart, config, snapshot, command or violation
	Server string  `json:"server"`
	Text   string  `json:"text"`
}

// Caption says where a script is.
type Caption struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Block   int      `json:"block"`   // that is played, from 0
	Blocks  int      `json:"blocks"`  // of the script
	Text    string   `json:"text"`    // the comment of the block
	Lines   []string `json:"lines"`   // the commands of the block
	Line    int      `json:"line"`    // the one that is played, from 0; -1: none yet
	Left    bool     `json:"left"`    // whoever plays it has done something: from then on it is told no further
	Printed string   `json:"printed"` // by the block so far, as the script's file says
}
