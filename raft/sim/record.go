package sim

import (
	"time"

	"kvorum/raft"
)

// Input is what a core is given, or what becomes of something that it asked for. A
// Raft is a pure function of its inputs: who gives them to other cores, in this
// order, has the same run without clocks, disks and clients.
type Input struct {
	Kind   InputKind
	Server raft.ServerID // whose it is; of a message that is lost or repeated: its sender
	At     time.Duration // virtual
	Event  int           // of the run

	Config   *raft.Config        // Started with this,
	Saved    *raft.Saved         // and with this from its disk
	Message  *raft.Message       // Stepped, Lost, Repeated
	Number   uint64              // ReadAsked: the read's. Drained: the batch's that is to be saved, 0: none. Written, Persisted: the last batch's
	Term     raft.Term           // ReadAsked: of the server that is asked
	Work     int                 // Drained: how much there was to do, messages, entries, reads and sentences; 0: nothing
	Command  []byte              // Proposed
	Other    raft.ServerID       // Suspected; TransferAsked, SnapshotEnded: to whom
	Members  *raft.Configuration // ConfigAsked
	Snapshot *raft.SnapshotMeta  // Compacted,
	Keep     raft.Index          // and at most so many entries before the snapshot are kept
}

// InputKind says which input it is: of most kinds, which method of the core was called.
type InputKind string

// The inputs, and what becomes of messages and batches.
const (
	Started       InputKind = "New"
	Ticked        InputKind = "Tick"
	Stepped       InputKind = "Step"
	Proposed      InputKind = "Propose"
	ReadAsked     InputKind = "ReadIndex"
	ConfigAsked   InputKind = "ProposeConfig"
	TransferAsked InputKind = "TransferLeadership"
	Suspected     InputKind = "Suspect"
	Drained       InputKind = "Effects"
	Written       InputKind = "written" // batches are on the disk; the core does not know it yet
	Persisted     InputKind = "Persisted"
	SnapshotEnded InputKind = "SnapshotDone"
	Compacted     InputKind = "Compact"
	Ended         InputKind = "end"      // the process is not there any more
	Lost          InputKind = "lost"     // a message, before it was sent or on its way
	Repeated      InputKind = "repeated" // a copy of a message is on its way
)

// took records an input, if somebody wants to know.
func (c *cluster) took(s *server, i Input) {
	if c.record != nil {
		i.Server, i.At, i.Event = s.id, c.now, c.played
		c.record(i)
	}
}

// consensus is the Raft of a process. What goes into it is recorded, if somebody wants to
// know.
type consensus struct {
	*raft.Raft
	c *cluster
	s *server
}

func (c *cluster) newConsensus(s *server, config raft.Config, saved raft.Saved) *consensus {
	c.took(s, Input{Kind: Started, Config: &config, Saved: &saved})
	return &consensus{raft.New(config, saved), c, s}
}

func (r *consensus) took(i Input) { r.c.took(r.s, i) }

func (r *consensus) Tick() {
	r.took(Input{Kind: Ticked})
	r.Raft.Tick()
}

func (r *consensus) Step(m raft.Message) {
	if r.c.record != nil { // else m need not leave the stack
		m := m
		r.took(Input{Kind: Stepped, Message: &m})
	}
	r.Raft.Step(m)
}

func (r *consensus) Propose(command []byte) (raft.EntryID, error) {
	r.took(Input{Kind: Proposed, Command: command})
	return r.Raft.Propose(command)
}

func (r *consensus) ReadIndex(id uint64) error {
	_, term, _ := r.Leadership()
	r.took(Input{Kind: ReadAsked, Number: id, Term: term})
	return r.Raft.ReadIndex(id)
}

func (r *consensus) ProposeConfig(voters, learners []raft.ServerID) (raft.EntryID, error) {
	r.took(Input{Kind: ConfigAsked, Members: &raft.Configuration{Voters: voters, Learners: learners}})
	return r.Raft.ProposeConfig(voters, learners)
}

func (r *consensus) TransferLeadership(to raft.ServerID) error {
	r.took(Input{Kind: TransferAsked, Other: to})
	return r.Raft.TransferLeadership(to)
}

func (r *consensus) Suspect(id raft.ServerID) {
	r.took(Input{Kind: Suspected, Other: id})
	r.Raft.Suspect(id)
}

func (r *consensus) Effects() raft.Effects {
	fx := r.Raft.Effects()
	r.took(Input{Kind: Drained, Number: fx.Persist.Seq, Work: Work(&fx)})
	return fx
}

// Work returns how many things effects ask for, or tell.
func Work(fx *raft.Effects) int {
	n := len(fx.Messages) + len(fx.Persist.Messages) + len(fx.Committed) + len(fx.Reads) + len(fx.Trace)
	if fx.Restore != nil {
		n++
	}
	if fx.Persist.Seq != 0 {
		n++
	}
	return n
}

func (r *consensus) Persisted(seq uint64) {
	r.took(Input{Kind: Persisted, Number: seq})
	r.Raft.Persisted(seq)
}

func (r *consensus) SnapshotDone(to raft.ServerID) {
	r.took(Input{Kind: SnapshotEnded, Other: to})
	r.Raft.SnapshotDone(to)
}

func (r *consensus) Compact(s raft.SnapshotMeta, keep raft.Index, keepBytes int) {
	r.took(Input{Kind: Compacted, Snapshot: &s, Keep: keep})
	r.Raft.Compact(s, keep, keepBytes)
}
