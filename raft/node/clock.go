package node

import (
	"time"

	"kvorum/raft"
)

// clock counts ticks for run. To wake up costs an idle server more than what most
// ticks do. So run sleeps through those at which nothing can happen, and counts them
// when it wakes, whatever wakes it.
type clock struct {
	interval time.Duration // between ticks
	timer    *time.Timer   // fires when run has slept long enough
	last     time.Time     // when the last tick was due that has been counted
	patience int           // how many ticks after that the timer fires
}

func newClock(interval time.Duration) clock {
	return clock{interval: interval, timer: time.NewTimer(interval), last: time.Now(), patience: 1}
}

// passed returns how many ticks are to be counted now. They are no more than run was
// going to sleep through: if more time is over, then the process was stopped or had no
// processor, and could not have heard anybody.
func (c *clock) passed() int {
	now := time.Now()
	ticks := int(now.Sub(c.last) / c.interval)
	if ticks > c.patience {
		c.last = now
		return c.patience
	}
	c.last = c.last.Add(time.Duration(ticks) * c.interval)
	return ticks
}

// sleep has the timer fire when so many ticks are over.
func (c *clock) sleep(ticks int) {
	c.patience = ticks
	c.timer.Reset(time.Until(c.last.Add(time.Duration(ticks) * c.interval)))
}

// patience returns for how many ticks nothing is to be done unless something comes. What
// has waited for too long is given up a few ticks late, and no sooner. A leader that
// has committed entries tells the others at the next tick.
func (n *Node) patience() int {
	role, _, _ := n.raft.Leadership()
	switch {
	case role != raft.Leader:
		return max(1, n.calm-n.now)
	case n.told < n.handed:
		return 1
	default:
		return n.cfg.Raft.HeartbeatTicks
	}
}

// listen notes that the leader was heard: an election timeout began anew, and is not over
// for a while. That is half of one, as what passed counts for no more, and a server that
// was stopped must not stand before it has looked what came meanwhile.
func (n *Node) listen(m raft.Message) {
	switch m.Body.(type) {
	case raft.AppendEntries, raft.InstallSnapshot:
		if _, term, _ := n.raft.Leadership(); m.Term == term {
			n.calm = n.now + n.cfg.Raft.ElectionTicks/2
		}
	}
}
