package sim

import (
	"math"
	"slices"
	"time"

	"kvorum/kv"
	"kvorum/raft"
)

// Process is whether a server's process is there.
type Process string

// What may be the matter with a process.
const (
	Up     Process = "up"
	Paused Process = "paused"
	Down   Process = "down"
	Gone   Process = "gone" // for ever: another server has its name
)

// View is one server, as it is. It shares memory with the run, and is to be read
// before that goes on.
type View struct {
	ID      raft.ServerID
	Process Process
	Trouble string  // with its disk: stuck or damaged; empty: none
	Clock   float64 // its speed; 1: right

	// Status, the entries and the state are those of a process that runs; of one that
	// is down, what is known is on the disk.
	Status  raft.Status
	Votes   []raft.ServerID // of a candidate or pre-candidate: those that have arrived, and its own
	Timer   int             // ticks until it acts by itself, if nothing comes before; 0: never
	TimerOf int             // the longest that it may be
	Applied raft.Index      // by the state machine
	State   *kv.Store       // nil: the process is down
	Reads   int             // asked here and not answered
	log     []slot
}

// Entries returns those of the server's log from lo to hi, as far as there are any.
func (v View) Entries(lo, hi raft.Index) []raft.Entry {
	return entries(v.log, max(lo, v.Status.FirstIndex), min(hi, v.Status.Last.Index))
}

// Servers returns all servers that ever were, in the order in which they came.
func (w *World) Servers() []View {
	views := make([]View, len(w.c.servers))
	for i, s := range w.c.servers {
		views[i] = w.view(s)
	}
	return views
}

func (w *World) view(s *server) View {
	v := View{ID: s.id, Process: Up, Clock: math.Round(1000*float64(tickTime)/float64(s.tick)) / 1000, TimerOf: 2 * electionTicks}
	switch {
	case s.gone:
		v.Process = Gone
	case s.raft == nil:
		v.Process = Down
	case s.paused:
		v.Process = Paused
	}
	switch {
	case s.broken || s.disk.damaged:
		v.Trouble = "damaged"
	case s.disk.stuckUntil > w.c.now:
		v.Trouble = "stuck"
	}
	if s.raft == nil {
		w.viewDisk(s, &v)
		return v
	}
	v.Status = s.raft.Status()
	v.log = s.log
	v.Applied, v.State = s.machine.applied, s.machine.kv
	v.Votes = w.votes(s, &v.Status)
	if v.Timer = untilItActs(s.raft.Raft); v.Status.Role == raft.Leader {
		v.TimerOf = w.c.mix.heartbeatTicks
	}
	for _, r := range w.c.clients.reads {
		if r.at == s && r.run == s.run {
			v.Reads++
		}
	}
	return v
}

// viewDisk shows what a server would start from.
func (w *World) viewDisk(s *server, v *View) {
	d := &s.disk.durable
	last := d.last()
	v.Status = raft.Status{
		ID: s.id, Term: d.hard.CurrentTerm, VotedFor: d.hard.VotedFor, FirstIndex: d.discard + 1,
		Last: last.EntryID, Stable: last.Index, CommitIndex: d.snapshot.LastIncludedIndex, LastApplied: d.snapshot.LastIncludedIndex,
		Snapshot: d.snapshot, Config: *last.config, ConfigIndex: last.configAt,
	}
	v.log = d.log
}

// Disk returns what is durable on the disk of a server, whether or not its process
// knows.
func (w *World) Disk(id raft.ServerID) raft.Saved {
	d := &w.c.server(id).disk.durable
	return raft.Saved{HardState: d.hard, Snapshot: d.snapshot, Entries: entries(d.log, d.discard+1, d.last().Index)}
}

func entries(log []slot, lo, hi raft.Index) []raft.Entry {
	var all []raft.Entry
	for i := lo; i <= hi && int(i) < len(log); i++ {
		all = append(all, log[i].Entry)
	}
	return all
}

func (w *World) votes(s *server, st *raft.Status) []raft.ServerID {
	switch st.Role {
	case raft.PreCandidate:
		return append([]raft.ServerID{s.id}, w.granted[ballot{s.id, st.Term + 1, true}]...)
	case raft.Candidate:
		return append([]raft.ServerID{s.id}, w.granted[ballot{s.id, st.Term, false}]...)
	}
	return nil
}

// untilItActs asks a copy of the server: how many ticks until it stands for
// election or sends heartbeats, if nothing comes before?
func untilItActs(r *raft.Raft) int {
	r = r.Clone()
	r.Effects()
	for n := range 2 * electionTicks {
		r.Tick()
		if fx := r.Effects(); len(fx.Messages)+len(fx.Persist.Messages) > 0 {
			return n + 1
		}
	}
	return 0
}

// Flight is a message on its way.
type Flight struct {
	Number int // of all that were sent, copies included
	raft.Message
	Sent, Due time.Duration // of a snapshot, Due is a guess
	Waits     bool          // it is there, and its receiver paused
	Repeated  bool          // a copy that the network made
}

// Flights returns the messages on their way, in the order of their numbers.
func (w *World) Flights() []Flight {
	w.flights = slices.DeleteFunc(w.flights, func(p *packet) bool {
		return p.due < w.c.now && p.to.raft == nil && !w.isTransfer(p) // it waited for a process that has ended
	})
	all := make([]Flight, len(w.flights))
	for i, p := range w.flights {
		all[i] = Flight{p.number, p.Message, p.sent, p.due, p.due <= w.c.now && p.to.paused, p.repeated}
	}
	return all
}

func (w *World) isTransfer(p *packet) bool { return w.transfer(p) != nil }

func (w *World) transfer(p *packet) *transfer {
	for _, t := range w.c.network.transfers {
		if &t.packet == p {
			return t
		}
	}
	return nil
}

// Link is a link that is not as it should be.
type Link struct {
	From, To raft.ServerID
	Cut      bool
	Slow     time.Duration // every message takes so much longer
}

// Links returns those that are cut or slow.
func (w *World) Links() []Link {
	var all []Link
	n := &w.c.network
	for _, from := range w.c.servers {
		for _, to := range w.c.servers {
			l := Link{from.id, to.id, n.cut[from.number][to.number], n.slow[from.number][to.number]}
			if (l.Cut || l.Slow > 0) && from != to && !from.gone && !to.gone {
				all = append(all, l)
			}
		}
	}
	return all
}

// Operations returns the last so many that clients began, in order. Those that are
// under way have no Outcome.
func (w *World) Operations(last int) []Operation {
	var all []Operation
	for _, o := range w.asks[max(0, len(w.asks)-last):] {
		all = append(all, o.Operation)
	}
	return all
}

// Asked returns how many operations clients ever began.
func (w *World) Asked() int { return len(w.asks) }
