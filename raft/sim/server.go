package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"kvorum/raft"
	"kvorum/raft/wal"
)

// server is one server for all time: one that lost its disk is followed by
// another, which has the same name. Its process comes and goes.
type server struct {
	name   string
	id     raft.ServerID
	number int           // its place in cluster.servers
	tick   time.Duration // of its clock

	raft    *consensus // nil while the process is down
	run     int        // counts crashes: what an earlier process waited for is void
	paused  bool
	backlog []func() // inputs that came while it was paused
	doom    *doom    // how the process is going to end; nil: nothing is known
	broken  bool     // its disk is not to be trusted: it stays down
	gone    bool     // another has its name: it will never be back
	faulty  bool     // in the phase core: it is not in the core

	disk    disk
	machine machine
	waiting map[raft.Index]*attempt // proposals that it accepted and has not answered

	log   []slot      // log[i] is entry i, as the process has handed it out
	seen  raft.Status // when it was last observed
	asked raft.Term   // in which it was told to take over leadership
}

// doom is a crash that comes in the middle of something.
type doom struct {
	effects int // the process performs so many more
	rand    *rand.Rand
	down    time.Duration
}

func (s *server) String() string { return string(s.id) }

// isRunning reports whether the process is there and takes inputs.
func (s *server) isRunning() bool { return s.raft != nil && !s.paused }

// add makes a server with an empty disk. Its id is n1, and that of the servers
// that come after it in its place n1@2 and so on: short, to be read.
func (c *cluster) add(name string, incarnation int, tick time.Duration) *server {
	s := &server{name: name, number: len(c.servers), tick: tick, disk: disk{fs: wal.NewMemFS()}}
	s.disk.incarnation = fmt.Sprintf("%016x", incarnation)
	s.id = raft.ServerID(name)
	if incarnation > 1 {
		s.id = raft.ServerID(fmt.Sprintf("%s@%d", name, incarnation))
	}
	s.disk.durable.log = []slot{{config: &raft.Configuration{}}}
	s.disk.fs.Before = s.disk.before
	c.servers = append(c.servers, s)
	c.byID[s.id] = s
	return s
}

func (c *cluster) server(id raft.ServerID) *server {
	if s := c.byID[id]; s != nil {
		return s
	}
	panic("sim: no server " + id)
}

// present returns the servers that are not gone.
func (c *cluster) present() []*server {
	var all []*server
	for _, s := range c.servers {
		if !s.gone {
			all = append(all, s)
		}
	}
	return all
}

// start starts the process from what its disk holds.
func (c *cluster) start(s *server) {
	if s.raft != nil || s.broken || s.gone {
		return
	}
	saved, ok := c.open(s)
	if !ok {
		return
	}
	config := raft.Config{
		ID: s.id, ElectionTicks: electionTicks, HeartbeatTicks: c.mix.heartbeatTicks, LazyCommit: c.mix.lazyCommit,
		MaxAppend: c.mix.maxAppend, MaxInflight: c.mix.maxInflight, MaxUncommitted: c.mix.maxUncommitted,
		Seed: c.starts.Uint64(), Trace: c.trace != nil,
	}
	if !c.load(s, saved) {
		return
	}
	s.raft = c.newConsensus(s, config, saved)
	s.log = append([]slot(nil), s.disk.durable.log...)
	s.waiting = map[raft.Index]*attempt{}
	c.tracef("%s starts", s)
	c.observer.started(s, saved)
	c.keepTicking(s, time.Duration(c.starts.Int64N(int64(s.tick))))
}

// keepTicking gives s a tick after d, and from then on at the rate of its clock.
func (c *cluster) keepTicking(s *server, d time.Duration) {
	run, input := s.run, s.raft.Tick
	var tick func()
	tick = func() {
		if s.run != run {
			return
		}
		c.events.add(c.now+s.tick, tick)
		if !s.paused || c.mix.tickBursts {
			c.input(s, input)
		}
	}
	c.after(d, tick)
}

// crash ends the process, and starts it again after down.
func (c *cluster) crash(s *server, r *rand.Rand, down time.Duration) {
	if s.raft == nil {
		return
	}
	c.tracef("%s crashes", s)
	c.stop(s)
	c.cutPower(s, r)
	c.startAfter(s, down)
	c.reportGone(s)
}

// reportGone lets others notice that the process of s is gone, if they look while it
// is and s's machine can refuse what they send. Any of them may fail to.
func (c *cluster) reportGone(s *server) {
	run := s.run
	for _, other := range c.servers {
		if other == s || !chance(c.machines, c.mix.noticed) {
			continue
		}
		c.later(other, c.delay(), func() {
			if s.run == run && s.raft == nil && c.network.reaches(other, s) && c.network.reaches(s, other) {
				c.suspect(other, s)
			}
		})
	}
}

// suspect tells s that the process of another server is gone.
func (c *cluster) suspect(s, other *server) {
	if _, _, leader := s.raft.Leadership(); leader == other.id {
		if other.raft == nil {
			c.counts[RightlySuspected]++
		} else {
			c.counts[WronglySuspected]++
		}
	}
	c.tracef("%s is told that %s is gone", s, other)
	s.raft.Suspect(other.id)
}

// startAfter starts the process after d, unless something else has come between.
func (c *cluster) startAfter(s *server, d time.Duration) {
	run := s.run
	c.after(d, func() {
		if s.run == run && !(c.phase == core && s.faulty) {
			c.start(s)
		}
	})
}

// stop forgets all that was in the process's memory.
func (c *cluster) stop(s *server) {
	c.took(s, Input{Kind: Ended})
	s.raft, s.paused, s.backlog, s.doom, s.waiting = nil, false, nil, nil, nil
	s.run++
	c.observer.checkQuorums()
}

// mayCrash is called between any two effects: that is where bugs live.
func (c *cluster) mayCrash(s *server) bool {
	if s.doom == nil {
		return s.raft == nil
	}
	if s.doom.effects--; s.doom.effects > 0 {
		return false
	}
	c.counts[CrashBetween]++
	c.crash(s, s.doom.rand, s.doom.down)
	return true
}

// input lets the process take an input and carries out what it asks for. A
// paused process takes it later, one that is down never.
func (c *cluster) input(s *server, f func()) {
	switch {
	case s.raft == nil:
		return
	case s.paused:
		s.backlog = append(s.backlog, f)
		return
	}
	f()
	if s.raft != nil && !chance(c.machines, c.mix.drainMore) { // else together with the next input
		c.perform(s)
	}
}

// later is input after d, unless the process that waits for it has crashed.
func (c *cluster) later(s *server, d time.Duration, f func()) {
	run := s.run
	c.after(d, func() {
		if s.run == run {
			c.input(s, f)
		}
	})
}

// perform does what package node does: it hands out the effects. They are
// independent of each other, and the process may crash between any two.
func (c *cluster) perform(s *server) {
	fx := s.raft.Effects()
	for _, line := range fx.Trace {
		c.tracef("%s %s", s, line)
	}
	fx.Trace = nil // what is observed does not depend on who listens
	c.observe(s, &fx)
	if c.observer.err != nil {
		return
	}
	if !c.sendAll(s, fx.Messages) {
		return
	}
	if fx.Persist.Seq != 0 && !c.mayCrash(s) {
		c.write(s, fx.Persist)
	}
	if s.raft != nil && (fx.Restore != nil || len(fx.Committed) > 0 || len(fx.Reads) > 0) && !c.mayCrash(s) {
		c.work(s, fx)
	}
}

// sendAll sends messages, and reports whether the process is there at the end.
func (c *cluster) sendAll(s *server, messages []raft.Message) bool {
	for i, m := range messages {
		if c.mayCrash(s) {
			for _, m := range messages[i:] {
				c.took(s, Input{Kind: Lost, Message: &m})
			}
			return false
		}
		c.send(s, m)
	}
	return true
}

func (c *cluster) pause(s *server, d time.Duration) {
	if !s.isRunning() {
		return
	}
	c.tracef("%s is paused", s)
	s.paused = true
	run := s.run
	c.after(d, func() {
		if s.run == run && !(c.phase == core && s.faulty) {
			c.resume(s)
		}
	})
}

func (c *cluster) resume(s *server) {
	if !s.paused {
		return
	}
	c.tracef("%s goes on", s)
	if leader := c.observer.leader; s.seen.Role == raft.Leader && leader.seen.Term > s.seen.Term {
		c.counts[PauseDeposed]++
	}
	backlog := s.backlog
	s.paused, s.backlog = false, nil
	for _, f := range backlog {
		c.input(s, f)
	}
}
