package sim

import (
	"fmt"
	"slices"

	"kvorum/raft"
)

// Leader returns the server that leads the latest term that anybody leads, and
// runs; None: there is none.
func (w *World) Leader() raft.ServerID {
	var leader *server
	for _, s := range w.c.servers {
		if s.isRunning() && s.seen.Role == raft.Leader && (leader == nil || s.seen.Term > leader.seen.Term) {
			leader = s
		}
	}
	if leader == nil {
		return raft.None
	}
	return leader.id
}

// Reconfigure asks a server to lead the change to a configuration.
func (w *World) Reconfigure(at raft.ServerID, voters, learners []raft.ServerID) error {
	return w.onRunning(at, func(s *server) error {
		for _, id := range slices.Concat(voters, learners) {
			if w.c.byID[id] == nil {
				return fmt.Errorf("there is no server %s", id)
			}
		}
		return s.take(func(r *consensus) error {
			before := r.Status()
			_, err := r.ProposeConfig(voters, learners)
			if err == nil && r == s.raft {
				w.c.observer.configProposed(s, &before)
			}
			return err
		})
	})
}

// take lets a server take an input that it may refuse. A copy of it is asked first,
// for what is refused has not happened: nothing is drawn at random for it.
func (s *server) take(input func(r *consensus) error) error {
	if err := input(&consensus{Raft: s.raft.Clone(), c: &cluster{}, s: s}); err != nil {
		return fmt.Errorf("%s answers: %w", s, err)
	}
	s.raft.c.input(s, func() {
		input(s.raft) //nolint:errcheck // as above
	})
	return nil
}

// Transfer asks a server to hand leadership over to another, or if that is None to
// the most up-to-date one.
func (w *World) Transfer(from, to raft.ServerID) error {
	return w.onRunning(from, func(s *server) error {
		return s.take(func(r *consensus) error { return r.TransferLeadership(to) })
	})
}

// Suspect tells a server that the process of another is gone.
func (w *World) Suspect(id, gone raft.ServerID) error {
	return w.onRunning(id, func(s *server) error {
		other := w.c.byID[gone]
		if other == nil || other == s {
			return fmt.Errorf("there is no other server %s", gone)
		}
		w.c.input(s, func() { w.c.suspect(s, other) })
		return nil
	})
}

// Snapshot lets a server save one of its state, and cut its log.
func (w *World) Snapshot(id raft.ServerID) error {
	return w.onRunning(id, func(s *server) error {
		switch {
		case !s.machine.wantsSnapshot(0):
			return fmt.Errorf("%s is saving a snapshot already, or does not know the configuration", s)
		case s.machine.applied <= s.disk.durable.snapshot.LastIncludedIndex:
			return fmt.Errorf("%s has applied nothing since its snapshot", s)
		}
		w.c.tracef("%s saves a snapshot up to %d", s, s.machine.applied)
		w.c.saveSnapshot(s)
		return nil
	})
}

// Elect lets a server stand for election: it and the others that are named, or all if
// none are, hear no leader any more, and its clock jumps until it stands.
func (w *World) Elect(id raft.ServerID, with []raft.ServerID) error {
	return w.onRunning(id, func(s *server) error {
		others, err := w.electors(s, with)
		if err != nil {
			return err
		}
		role, _, leader := s.raft.Leadership()
		stands := s.raft.Clone()
		stands.Suspect(leader)
		ticks := untilItActs(stands)
		switch {
		case role == raft.Leader:
			return fmt.Errorf("%s leads already", s)
		case ticks == 0:
			return fmt.Errorf("%s does not stand for election: it is no voter", s)
		}
		for _, other := range append(others, s) {
			if _, _, leader := other.raft.Leadership(); leader != raft.None && leader != other.id {
				w.c.input(other, func() { other.raft.Suspect(leader) })
			}
		}
		w.ticks(s, ticks)
		return nil
	})
}

// electors returns the servers that are named, or, if none are, all that run but s.
func (w *World) electors(s *server, named []raft.ServerID) (all []*server, err error) {
	for _, id := range named {
		other := w.c.byID[id]
		if other == nil {
			return nil, fmt.Errorf("there is no server %s", id)
		}
		if err := w.running(other); err != nil {
			return nil, err
		}
		all = append(all, other)
	}
	if len(named) == 0 {
		all = slices.DeleteFunc(slices.Clone(w.c.servers), func(other *server) bool { return other == s || !other.isRunning() })
	}
	return all, nil
}
