package script

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft"
)

// electionTicks is the minimum election timeout of all servers.
const electionTicks = 10

// Stage is where scripts are played: servers, their disks, and a network whose
// messages wait in the order in which they were sent.
type Stage struct {
	world
	marked *world
	config raft.Config // of all servers, but for their ID and Seed
	step   func()      // is called after each thing that happens

	reasons, messages bool // what to show
	out               strings.Builder
	said              []string // since Said was asked
}

// world is what a script can rewind.
type world struct {
	servers map[raft.ServerID]*raft.Raft // those that run
	disks   map[raft.ServerID]*disk
	net     []Letter
	sent    int // messages
	readID  uint64
	figure3 figure3
}

// Letter is a message that waits to be delivered.
type Letter struct {
	Number int // of all that were sent
	raft.Message
}

// Link returns the way that it goes.
func (l Letter) Link() Link { return Link{l.From, l.To} }

// disk is a disk, and the batches that it has not finished yet. With it is what is
// known of its server.
type disk struct {
	raft.Saved
	held      bool
	writes    []raft.Persist
	gathering bool // its server takes inputs and is not asked for effects

	log     []raft.Entry // of the server, as it has handed it out
	votes   []raft.ServerID
	asked   ballot // to which the votes are the answer
	applied []raft.Entry
}

// New returns an empty stage. If step is not nil it is called after each thing that
// happens: a command, and within one each tick and each message.
func New(step func()) *Stage {
	if step == nil {
		step = func() {}
	}
	return &Stage{step: step, reasons: true, messages: true, world: newWorld(), config: newConfig()}
}

// Copy returns a stage like this one, to try out what a command does: nothing was
// said there yet.
func (s *Stage) Copy(step func()) *Stage {
	c := New(step)
	c.world, c.marked, c.config = *s.world.copy(), s.marked, s.config
	c.reasons, c.messages = s.reasons, s.messages
	return c
}

func newConfig() raft.Config {
	return raft.Config{ElectionTicks: electionTicks, HeartbeatTicks: 2, MaxInflight: raft.Limit{Entries: 100}, Trace: true}
}

func newWorld() world {
	return world{servers: map[raft.ServerID]*raft.Raft{}, disks: map[raft.ServerID]*disk{}, figure3: newFigure3()}
}

func (s *Stage) printf(format string, args ...any) {
	fmt.Fprintf(&s.out, format, args...)
	s.say(format, args...)
}

func (s *Stage) say(format string, args ...any) {
	s.said = append(s.said, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

// answer shows what a client is told, if that is an error.
func (s *Stage) answer(id raft.ServerID, err error) {
	if err != nil {
		s.printf("  %s answers: %v\n", id, err)
	}
}

// start starts a server from its disk. Unless it is given a seed it draws its
// election timeouts by its number.
func (s *Stage) start(id raft.ServerID, seed string) error {
	config := s.config
	config.ID = id
	var err error
	if config.Seed, err = strconv.ParseUint(cmp.Or(seed, strings.Trim(string(id), "S")), 10, 64); err != nil && seed != "" {
		return fmt.Errorf("%s is no seed", seed)
	}
	d := s.disks[id]
	d.log, d.votes, d.applied = slices.Clone(d.Entries), nil, nil
	s.servers[id] = raft.New(config, raft.Saved{HardState: d.HardState, Snapshot: d.Snapshot, Entries: slices.Clone(d.Entries)})
	return nil
}

// perform carries out what a server asks for, until it asks for nothing.
func (s *Stage) perform(id raft.ServerID) {
	r, d := s.servers[id], s.disks[id]
	for !d.gathering {
		before := d.log
		fx := r.Effects()
		s.showReasons(id, fx.Trace)
		s.send(fx.Messages)
		if fx.Persist.Seq != 0 {
			d.writes = append(d.writes, fx.Persist)
			d.log = after(d.log, fx.Persist, r.Status().FirstIndex)
		}
		if fx.Restore != nil {
			s.printf("  %s restores the state up to %d\n", id, fx.Restore.LastIncludedIndex)
		}
		for _, rd := range fx.Reads {
			s.printf("  %s may answer read %d once it has applied %d\n", id, rd.ID, rd.Index)
		}
		d.applied = append(d.applied, fx.Committed...)
		s.figure3.check(r.Status(), before, d.log, &fx)
		if fx.Empty() && (d.held || len(d.writes) == 0) {
			return
		}
		if !d.held {
			s.persist(id, len(d.writes))
		}
	}
}

// persist lets a disk finish its first n batches, and tells the server.
func (s *Stage) persist(id raft.ServerID, n int) {
	d := s.disks[id]
	for range n {
		p := d.writes[0]
		d.writes = d.writes[1:]
		d.save(p)
		s.servers[id].Persisted(p.Seq)
		s.send(p.Messages)
	}
}

func (s *Stage) showReasons(id raft.ServerID, trace []string) {
	for _, line := range trace {
		if s.reasons {
			s.printf("  %s: %s\n", id, line)
		} else {
			s.say("  %s: %s", id, line)
		}
	}
}

func (s *Stage) send(messages []raft.Message) {
	for _, m := range messages {
		s.sent++
		s.net = append(s.net, Letter{s.sent, m})
	}
}

// after returns what a log is after p, from first on.
func after(log []raft.Entry, p raft.Persist, first raft.Index) []raft.Entry {
	if p.Snapshot != nil {
		log = nil
	}
	if len(p.Entries) > 0 {
		at := slices.IndexFunc(log, func(e raft.Entry) bool { return e.Index >= p.Entries[0].Index })
		if at < 0 {
			at = len(log)
		}
		log = append(log[:at:at], p.Entries...)
	}
	return slices.DeleteFunc(slices.Clone(log), func(e raft.Entry) bool { return e.Index < first })
}

func (d *disk) save(p raft.Persist) {
	if p.HardState != nil {
		d.HardState = *p.HardState
	}
	if p.Snapshot != nil {
		d.Snapshot = *p.Snapshot
	}
	d.Entries = after(d.Entries, p, p.Discard+1)
}

// deliver hands a message to its receiver.
func (s *Stage) deliver(m raft.Message) {
	r := s.servers[m.To]
	if s.messages {
		s.printf("%v\n", m)
	} else {
		s.say("%v", m)
	}
	if r == nil {
		return // a server that is down hears nothing
	}
	s.countVote(m)
	r.Step(m)
	s.perform(m.To)
}

// ballot is an election, or an attempt at one.
type ballot struct {
	term raft.Term
	pre  bool
}

// countVote notes who said yes to a server.
func (s *Stage) countVote(m raft.Message) {
	var answer ballot
	switch body := m.Body.(type) {
	case raft.RequestVoteResponse:
		if body.VoteGranted {
			answer = ballot{m.Term, false}
		}
	case raft.RequestPreVoteResponse:
		if body.VoteGranted {
			answer = ballot{body.NextTerm, true}
		}
	}
	d := s.disks[m.To]
	switch {
	case answer == ballot{}:
		return
	case d.asked != answer:
		d.asked, d.votes = answer, nil
	}
	if !slices.Contains(d.votes, m.From) {
		d.votes = append(d.votes, m.From)
	}
}

func (w world) copy() *world {
	c := newWorld()
	c.net, c.sent, c.readID, c.figure3 = slices.Clone(w.net), w.sent, w.readID, w.figure3.clone()
	for id, from := range w.disks {
		d := *from
		d.Entries, d.writes, d.log = slices.Clone(d.Entries), slices.Clone(d.writes), slices.Clone(d.log)
		d.votes, d.applied = slices.Clone(d.votes), slices.Clone(d.applied)
		c.disks[id] = &d
		if r := w.servers[id]; r != nil { // a Raft is a value
			c.servers[id] = r.Clone()
		}
	}
	return &c
}

func (s *Stage) ids() []raft.ServerID {
	ids := make([]raft.ServerID, 0, len(s.disks))
	for id := range s.disks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
