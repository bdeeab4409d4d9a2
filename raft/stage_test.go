package raft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stage is where scripts are played: servers, their disks, and a network whose
// messages wait in the order in which they were sent.
type stage struct {
	servers   map[ServerID]*Raft // those that run
	disks     map[ServerID]*scriptDisk
	net       []Message
	readID    uint64
	maxAppend int
	marked    *stage

	reasons, messages bool // what to show
	out               strings.Builder
}

// scriptDisk is a disk, and the batches that it has not finished yet.
type scriptDisk struct {
	Saved
	held      bool
	writes    []Persist
	gathering bool // its server takes inputs and is not asked for effects
}

func (s *stage) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// answer shows what a client is told, if that is an error.
func (s *stage) answer(id ServerID, err error) {
	if err != nil {
		s.printf("  %s answers: %v\n", id, err)
	}
}

func (s *stage) start(id ServerID) {
	seed, _ := strconv.Atoi(strings.Trim(string(id), "S"))
	s.servers[id] = New(Config{
		ID: id, ElectionTicks: 10, HeartbeatTicks: 2, MaxAppend: Limit{Entries: s.maxAppend},
		MaxInflight: Limit{Entries: 100}, Seed: uint64(seed), Trace: true,
	}, Saved{s.disks[id].HardState, s.disks[id].Snapshot, slices.Clone(s.disks[id].Entries)})
}

// perform carries out what a server asks for, until it asks for nothing.
func (s *stage) perform(id ServerID) {
	r, d := s.servers[id], s.disks[id]
	for !d.gathering {
		fx := r.Effects()
		if s.reasons {
			for _, line := range fx.Trace {
				s.printf("  %s: %s\n", id, line)
			}
		}
		s.net = append(s.net, fx.Messages...)
		if fx.Persist.Seq != 0 {
			d.writes = append(d.writes, fx.Persist)
		}
		if fx.Restore != nil {
			s.printf("  %s restores the state up to %d\n", id, fx.Restore.LastIncludedIndex)
		}
		for _, rd := range fx.Reads {
			s.printf("  %s may answer read %d once it has applied %d\n", id, rd.ID, rd.Index)
		}
		if fx.Empty() && (d.held || len(d.writes) == 0) {
			return
		}
		for !d.held && len(d.writes) > 0 {
			p := d.writes[0]
			d.writes = d.writes[1:]
			d.save(p)
			r.Persisted(p.Seq)
			s.net = append(s.net, p.Messages...)
		}
	}
}

func (d *scriptDisk) save(p Persist) {
	if p.HardState != nil {
		d.HardState = *p.HardState
	}
	if p.Snapshot != nil {
		d.Snapshot, d.Entries = *p.Snapshot, nil
	}
	if len(p.Entries) > 0 {
		at := slices.IndexFunc(d.Entries, func(e Entry) bool { return e.Index >= p.Entries[0].Index })
		if at < 0 {
			at = len(d.Entries)
		}
		d.Entries = append(d.Entries[:at:at], p.Entries...)
	}
	d.Entries = slices.DeleteFunc(slices.Clone(d.Entries), func(e Entry) bool { return e.Index <= p.Discard })
}

// filter picks messages. An empty field picks all.
type filter struct {
	count int // at most so many
	kinds []string
	links []string // S1->S2
	among []ServerID
}

func parseFilter(args []string) (f filter, err error) {
	for i, arg := range args {
		n, notNumber := strconv.Atoi(arg)
		switch {
		case notNumber == nil:
			f.count = n
		case strings.Contains(arg, "->"):
			f.links = append(f.links, arg)
		case arg == "among":
			f.among = serverIDs(args[i+1:])
			return f, nil
		case slices.Contains(messageKinds, arg):
			f.kinds = append(f.kinds, arg)
		default:
			return f, fmt.Errorf("no such kind of message: %s", arg)
		}
	}
	return f, nil
}

func (f filter) picks(m Message) bool {
	return (len(f.kinds) == 0 || slices.Contains(f.kinds, kind(m))) &&
		(len(f.links) == 0 || slices.Contains(f.links, fmt.Sprintf("%s->%s", m.From, m.To))) &&
		(f.among == nil || slices.Contains(f.among, m.From) && slices.Contains(f.among, m.To))
}

// move delivers, drops or duplicates the messages that f picks. Delivery goes
// on with the messages that it causes, the others stay where they are.
func (s *stage) move(how string, f filter) error {
	if how == "duplicate" {
		for _, m := range s.net {
			if f.picks(m) {
				s.net = append(s.net, m)
			}
		}
		return nil
	}
	for n := 0; f.count == 0 || n < f.count; n++ {
		i := slices.IndexFunc(s.net, f.picks)
		if i < 0 {
			return nil
		}
		m := s.net[i]
		s.net = slices.Delete(s.net, i, i+1)
		if how == "deliver" {
			s.deliver(m)
		}
		// A snapshot's transport tells the sender how it ended.
		if sender := s.servers[m.From]; kind(m) == "InstallSnapshot" && sender != nil {
			sender.SnapshotDone(m.To)
			s.perform(m.From)
		}
		if n > 1000 {
			return fmt.Errorf("the servers do not stop talking")
		}
	}
	return nil
}

func (s *stage) deliver(m Message) {
	r := s.servers[m.To]
	if s.messages {
		s.printf("%v\n", m)
	}
	if r == nil {
		return // a server that is down hears nothing
	}
	r.Step(m)
	s.perform(m.To)
}

// copy makes what a script can rewind to: a Raft is a value.
func (s *stage) copy() *stage {
	c := &stage{servers: map[ServerID]*Raft{}, disks: map[ServerID]*scriptDisk{}, net: slices.Clone(s.net)}
	for _, id := range s.ids() {
		d := *s.disks[id]
		d.Entries, d.writes = slices.Clone(d.Entries), slices.Clone(d.writes)
		c.disks[id] = &d
		if r := s.servers[id]; r != nil {
			c.servers[id] = r.Clone()
		}
	}
	return c
}

func (s *stage) ids() []ServerID {
	ids := make([]ServerID, 0, len(s.disks))
	for id := range s.disks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
