package script

import (
	"iter"
	"slices"

	"kvorum/raft"
)

// View is one server, as it is. Of one that is down it is what would start.
type View struct {
	ID        raft.ServerID
	Running   bool
	Held      bool // its disk does not answer
	Gathering bool // it takes inputs, and is not asked for effects
	Status    raft.Status
	Log       []raft.Entry    // from FirstIndex on
	Votes     []raft.ServerID // of a candidate or pre-candidate: who said yes, itself included
	Applied   []raft.Entry    // since it started
}

// Servers returns all servers, in the order of their names.
func (s *Stage) Servers() []View {
	var all []View
	for _, id := range s.ids() {
		r, d := s.servers[id], s.disks[id]
		v := View{ID: id, Running: r != nil, Held: d.held, Gathering: d.gathering, Log: d.log, Applied: d.applied}
		if r == nil {
			r = raft.New(raft.Config{ID: id, ElectionTicks: electionTicks}, d.Saved)
			v.Log = d.Entries
		} else if d.gathering { // what it would hand out
			v.Log = after(d.log, r.Clone().Effects().Persist, 0)
		}
		v.Status = r.Status()
		v.Log = slices.DeleteFunc(slices.Clone(v.Log), func(e raft.Entry) bool { return e.Index < v.Status.FirstIndex })
		v.Votes = d.votesOf(v.Status)
		all = append(all, v)
	}
	return all
}

// votesOf returns who said yes to a candidate or pre-candidate.
func (d *disk) votesOf(st raft.Status) []raft.ServerID {
	var asks ballot
	switch st.Role {
	case raft.Candidate:
		asks = ballot{st.Term, false}
	case raft.PreCandidate:
		asks = ballot{st.Term + 1, true}
	default:
		return nil
	}
	votes := []raft.ServerID{st.ID}
	if d.asked == asks {
		votes = append(votes, d.votes...)
	}
	return votes
}

// Status returns what a server that runs says of itself.
func (s *Stage) Status(id raft.ServerID) (st raft.Status, runs bool) {
	r := s.servers[id]
	if r == nil {
		return st, false
	}
	return r.Status(), true
}

// Disks returns what the disk of a server holds, and then what it would hold with the
// first of the batches that it has not finished, with the first two, and so on.
func (s *Stage) Disks(id raft.ServerID) []raft.Saved {
	d := disk{Saved: s.disks[id].Saved}
	all := []raft.Saved{d.Saved}
	for _, p := range s.disks[id].writes {
		d.save(p)
		all = append(all, d.Saved)
	}
	return all
}

// Letters returns the messages that wait to be delivered, in the order in which
// they were sent. No command may be performed meanwhile.
func (s *Stage) Letters() iter.Seq[Letter] { return slices.Values(s.net) }

// Printed returns what the script's file says so far of what happened.
func (s *Stage) Printed() string { return s.out.String() }

// Turn begins a block: nothing is printed yet.
func (s *Stage) Turn() { s.out.Reset() }

// Said returns what was said since it was last asked, shown or not.
func (s *Stage) Said() []string {
	said := s.said
	s.said = nil
	return said
}

// Broken returns what is wrong with the five properties of Figure 3, in its order;
// an empty text: nothing.
func (s *Stage) Broken() [5]string { return s.figure3.broken }
