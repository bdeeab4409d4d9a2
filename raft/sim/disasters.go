package sim

import (
	"math/rand/v2"
	"slices"
	"syscall"

	"kvorum/raft"
)

// failDisk lets one of the next operations of a disk fail.
func failDisk(c *cluster, r *rand.Rand) {
	s := c.leaderOrAny(r)
	if s.raft == nil {
		return
	}
	s.disk.fault, s.disk.operations = oneOf[error](r, syscall.EIO, syscall.ENOSPC), 1+r.IntN(12)
	c.tracef("%s's disk is about to fail: %v", s, s.disk.fault)
	if chance(r, 200) { // as it reads its disk again
		s.disk.fault, s.disk.operations = nil, 0
		c.crash(s, r, around(r, c.mix.downTime))
		s.disk.fault, s.disk.operations = errPower, 1+r.IntN(3)
	}
}

// mayFailSnapshot lets a disk fail, at times, just when a snapshot is written: that
// takes a few operations of many, which a failure seldom meets by chance.
func (c *cluster) mayFailSnapshot(s *server) {
	if c.phase == chaos && c.mix.diskError > 0 && s.disk.fault == nil && chance(c.machines, 30) {
		s.disk.fault, s.disk.operations = oneOf[error](c.machines, syscall.EIO, syscall.ENOSPC), 1+c.machines.IntN(4)
	}
}

// damageOne crashes a server and damages its disk.
func damageOne(c *cluster, r *rand.Rand) {
	s := c.any(r)
	if s.raft == nil || !c.mayLose(s) {
		return
	}
	c.crash(s, r, around(r, c.mix.downTime))
	c.damage(s, r)
}

// replaceOne gives up a server that is down, and more so one whose disk is not
// to be trusted: its successor starts with an empty disk and the same name.
func replaceOne(c *cluster, r *rand.Rand) {
	for _, s := range c.present() {
		if s.broken {
			c.replace(s)
			return
		}
	}
	if s := c.any(r); chance(r, 300) && s.raft != nil && c.mayLose(s) {
		c.crash(s, r, 0)
		c.replace(s)
	}
}

func (c *cluster) replace(s *server) {
	incarnation := 2
	for _, other := range c.servers {
		if other != s && other.name == s.name {
			incarnation++
		}
	}
	if len(c.servers) == maxServers {
		return
	}
	s.gone, s.run = true, s.run+1
	c.counts[Replaced]++
	next := c.add(s.name, incarnation, s.tick)
	c.tracef("%s is lost, %s takes its place", s, next)
	c.start(next)
}

// mayLose reports whether the others can go on without s: consensus survives the
// loss of a minority of disks, and no more. So every configuration that somebody
// may still use must have a majority without s and those lost before.
func (c *cluster) mayLose(s *server) bool {
	if s.gone || len(c.servers) == maxServers {
		return false
	}
	return !slices.ContainsFunc(c.configurations(), func(config raft.Configuration) bool {
		return !c.canDecide(config, func(v *server) bool { return v != s && !v.gone && !v.broken && !v.disk.damaged })
	})
}

// configurations returns those that some server uses or may come back to.
func (c *cluster) configurations() []raft.Configuration {
	all := []raft.Configuration{*c.observer.history[c.observer.committed()].config}
	for _, s := range c.servers {
		if s.gone || s.broken {
			continue
		}
		log := s.disk.durable.log
		if s.raft != nil && len(s.log) > 0 {
			all = appendConfigs(all, s.log)
		}
		all = appendConfigs(all, log)
	}
	return all
}

// appendConfigs appends the configurations of a log's last entries.
func appendConfigs(all []raft.Configuration, log []slot) []raft.Configuration {
	at := raft.Index(len(log) - 1)
	for n := 0; n < 3; n++ { // C-old, C-old,new and C-new
		config := log[at].config
		if len(config.Voters) > 0 {
			all = append(all, *config)
		}
		if log[at].configAt == 0 {
			break
		}
		at = log[at].configAt - 1
	}
	return all
}

// canDecide reports whether those that are well are a quorum of the configuration.
func (c *cluster) canDecide(config raft.Configuration, well func(*server) bool) bool {
	return c.observer.isQuorum(config, c.set(well))
}
