package sim

import (
	"math/rand/v2"
	"slices"

	"kvorum/raft"
)

// begin ends the weather of the last phase. What was on its way is lost, and
// nothing is wrong any more.
func (c *cluster) begin(p phase) {
	c.tracef("all faults end")
	c.phase, c.weatherSince = p, c.now
	c.network.since++
	c.network.repair()
	m := &c.mix
	m.drainMore, m.ask = 0, max(m.ask, ElectionTimeout/4)
	m.fsync, m.applyTime = min(m.fsync, ElectionTimeout/20), min(m.applyTime, ElectionTimeout/20)
	for _, s := range c.present() {
		s.faulty, s.doom, s.disk.fault = false, nil, nil
		c.unstick(s)
		c.start(s)
		c.resume(s)
		if s.raft != nil {
			c.perform(s) // what waited to be taken together with more
		}
	}
	for _, t := range slices.Clone(c.network.transfers) {
		c.interrupt(t, "all faults have ended")
	}
}

// playCore demands liveness of a quorum while everything else has failed for
// good: faults that heal by themselves would hide a livelock.
func (c *cluster) playCore() {
	if c.observer.err != nil {
		return
	}
	c.begin(core)
	r := stream(c.seed, forPhases)
	well := c.chooseCore(r)
	if well == nil {
		c.tracef("too many disks are lost")
		return
	}
	for _, s := range c.present() {
		if s.faulty = !slices.Contains(well, s); s.faulty {
			if s.seen.Role == raft.Leader {
				c.counts[CoreWithoutLeader]++
			}
			c.failForGood(s, r)
		}
	}
	c.tracef("the core is %v", well)
	c.demandLiveness(well)
}

// chooseCore draws a smallest set of servers that can decide whatever
// configuration turns out to be in force; nil: there is none.
func (c *cluster) chooseCore(r *rand.Rand) []*server {
	well := slices.DeleteFunc(c.present(), func(s *server) bool { return s.broken })
	r.Shuffle(len(well), func(i, j int) { well[i], well[j] = well[j], well[i] })
	configs := c.configurations()
	enough := func(set []*server) bool {
		return !slices.ContainsFunc(configs, func(config raft.Configuration) bool {
			return !c.canDecide(config, func(s *server) bool { return slices.Contains(set, s) })
		})
	}
	if !enough(well) {
		return nil
	}
	for i := 0; i < len(well); {
		if without := slices.Delete(slices.Clone(well), i, i+1); enough(without) {
			well = without
		} else {
			i++
		}
	}
	return well
}

// failForGood lets a server fail in one of the ways that last.
func (c *cluster) failForGood(s *server, r *rand.Rand) {
	style := r.IntN(6)
	c.tracef("%s %s for good", s, [...]string{"is down", "is cut off", "is mute", "is deaf", "is paused", "restarts"}[style])
	switch style {
	case 0:
		c.crash(s, r, 0)
	case 1, 2, 3:
		for _, other := range c.servers {
			c.network.cut[s.number][other.number] = style != 3
			c.network.cut[other.number][s.number] = style != 2
		}
	case 4:
		c.pause(s, 0)
	case 5:
		c.restartForGood(s, r)
	}
}

func (c *cluster) restartForGood(s *server, r *rand.Rand) {
	c.crash(s, r, 0)
	c.after(ElectionTimeout+around(r, 5*ElectionTimeout), func() {
		if c.phase != core {
			return
		}
		c.start(s)
		c.after(around(r, 3*ElectionTimeout), func() {
			if c.phase == core {
				c.restartForGood(s, r)
			}
		})
	})
}

// playHealed replaces the servers whose disks are lost, and demands liveness of
// all: a cluster survives the loss of a disk (L8).
func (c *cluster) playHealed() {
	if c.observer.err != nil {
		return
	}
	c.begin(healed)
	if c.chooseCore(stream(c.seed, forPhases)) == nil {
		return // no quorum has its disks
	}
	for _, s := range c.present() {
		if s.broken {
			c.replace(s)
		}
	}
	if !c.short {
		c.enrollAll()
	}
	c.demandLiveness(c.present())
}

// enrollAll is the operator: every server is to be a voter, first as a learner,
// and then, when it has caught up, for good (L7).
func (c *cluster) enrollAll() {
	if c.phase != healed {
		return
	}
	if leader, why := c.commonLeader(c.present()); why == "" {
		c.enroll(leader)
	}
	c.after(2*ElectionTimeout, c.enrollAll)
}

func (c *cluster) enroll(leader *server) {
	config := leader.seen.Config
	var all, learners []raft.ServerID
	caughtUp := true
	for _, s := range c.present() {
		all = append(all, s.id)
		if !config.IsVoter(s.id) {
			learners = append(learners, s.id)
			caughtUp = caughtUp && s.machine.applied+20 >= leader.machine.applied
		}
	}
	slices.Sort(all)
	slices.Sort(learners)
	switch {
	case slices.Equal(config.Voters, all):
	case !slices.Equal(config.Learners, learners):
		c.proposeConfig(leader, config.Voters, learners)
	case caughtUp:
		c.proposeConfig(leader, all, nil)
	}
}
