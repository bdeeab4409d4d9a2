package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"kvorum/raft"
)

// mix is what a seed draws: how large the cluster is, how its parts behave and
// how often which fault occurs. A seed has few kinds of faults, not all of them:
// some bugs show only where others do not get in the way.
type mix struct {
	servers, voters, clients, keys int

	delay, fsync, applyTime, snapshotTime time.Duration // means
	downTime                              time.Duration
	heartbeatTicks                        int
	lazyCommit                            bool
	maxAppend, maxInflight                raft.Limit
	maxUncommitted                        raft.Limit
	snapshotEvery, keep                   raft.Index
	segmentBytes                          int64
	skew                                  int  // clocks run at 1/(1+skew) to 1+skew times the right rate, in 1/1000
	tickBursts                            bool // a paused process later gets all the ticks it missed
	readPercent                           int

	// Chances in 1/1000:
	drainMore                  int // inputs that are taken together with the next one
	drop, duplicate, longDelay int // of messages
	snapshotLoss, answerLost   int
	noticed                    int // that another server notices a crash at once

	// Mean times between two actions of a kind; 0: it does not occur.
	ask                           time.Duration
	crash, doom, allCrash, pause  time.Duration
	partition, stall              time.Duration
	reconfigure, transfer, gossip time.Duration
	diskError, damage, replace    time.Duration
	intrude, clockCommand         time.Duration
	suspicion                     time.Duration
}

func drawMix(r *rand.Rand, short bool) mix {
	const t = ElectionTimeout
	m := mix{
		delay: oneOf(r, t/100, t/100, t/20, t/3), fsync: oneOf(r, t/200, t/30, t/5), applyTime: oneOf(r, 0, t/100, t/3),
		snapshotTime: oneOf(r, t/20, t, 5*t), downTime: oneOf(r, t/2, 5*t), heartbeatTicks: oneOf(r, 1, 2, 2), lazyCommit: r.IntN(2) == 0,
		maxAppend:      oneOf(r, raft.Limit{}, raft.Limit{Entries: 1}, raft.Limit{Entries: 4}, raft.Limit{Bytes: 250}),
		maxInflight:    oneOf(r, raft.Limit{}, raft.Limit{Entries: 3}, raft.Limit{Entries: 32, Bytes: 900}),
		maxUncommitted: oneOf(r, raft.Limit{Entries: 200}, raft.Limit{Entries: 5}, raft.Limit{Bytes: 1500}),
		snapshotEvery:  oneOf[raft.Index](r, 8, 30, 200), keep: oneOf[raft.Index](r, 0, 4, 50),
		segmentBytes: oneOf[int64](r, 1<<10, 4<<10), skew: oneOf(r, 0, 100, 1000), tickBursts: r.IntN(4) == 0,
		drainMore: oneOf(r, 0, 0, 300), readPercent: oneOf(r, 20, 40),
		drop: oneOf(r, 0, 0, 30, 200), duplicate: oneOf(r, 0, 20, 200), longDelay: oneOf(r, 0, 10),
		snapshotLoss: oneOf(r, 0, 300), answerLost: oneOf(r, 0, 50, 300),
		ask:   oneOf(r, t/8, t/3, t),
		crash: oneOf(r, 0, 30*t, 6*t), doom: oneOf(r, 0, 20*t, 5*t), allCrash: oneOf(r, 0, 0, 50*t), pause: oneOf(r, 0, 0, 15*t),
		partition: oneOf(r, 0, 20*t, 6*t), stall: oneOf(r, 0, 0, 10*t),
		reconfigure: oneOf(r, 0, 15*t, 3*t), transfer: oneOf(r, 0, 0, 10*t), gossip: 5 * t,
		diskError: oneOf(r, 0, 0, 20*t), damage: oneOf(r, 0, 0, 30*t), replace: oneOf(r, 0, 10*t),
		intrude: oneOf(r, 0, 20*t), clockCommand: oneOf(r, 0, 15*t),
	}
	m.clients, m.keys = 1+r.IntN(6), 1+r.IntN(6)
	m.servers = 1 + r.IntN(7)
	if r.IntN(4) > 0 {
		m.servers = 3 + 2*r.IntN(2)
	}
	m.voters = m.servers
	if m.reconfigure > 0 && m.servers > 1 {
		m.voters -= r.IntN(2) // one server waits outside
	}
	m.noticed, m.suspicion = oneOf(r, 0, 500, 1000), oneOf(r, 0, 0, 5*t)
	if short {
		m.shorten(r)
	}
	return m
}

// shorten makes the mix one of little room and much going on.
func (m *mix) shorten(r *rand.Rand) {
	const t = ElectionTimeout
	m.servers, m.voters, m.clients, m.keys = 3, 3, 3+r.IntN(3), 1+r.IntN(2)
	m.ask = oneOf(r, t/15, t/6)
	m.crash, m.doom = oneOf(r, 0, 4*t), oneOf(r, 0, 3*t)
	m.partition, m.pause = oneOf(r, 0, 4*t), oneOf(r, 0, 4*t)
	m.transfer, m.clockCommand = oneOf(r, 0, 3*t), oneOf(r, 0, 5*t)
	m.reconfigure, m.damage, m.allCrash, m.stall = 0, 0, 0, 0
	m.snapshotTime = min(m.snapshotTime, t)
}

// String tells what a seed has drawn, a line for each kind of thing. A fault that
// does not occur is left out.
func (m mix) String() string {
	var chances, means []string
	for _, c := range []struct {
		what     string
		perMille int
	}{
		{"message dropped", m.drop}, {"repeated", m.duplicate}, {"very late", m.longDelay}, {"snapshot interrupted", m.snapshotLoss},
		{"answer lost", m.answerLost}, {"inputs taken together", m.drainMore}, {"crash noticed", m.noticed},
	} {
		if c.perMille > 0 {
			chances = append(chances, fmt.Sprintf("%s %g %%", c.what, float64(c.perMille)/10))
		}
	}
	for _, k := range nemesis {
		if mean := k.mean(&m); mean > 0 {
			means = append(means, fmt.Sprintf("%s %v", k.name, rounded(mean)))
		}
	}
	return strings.Join([]string{
		fmt.Sprintf("%d servers, %d of them voters; %d clients with %d keys, %d %% reads", m.servers, m.voters, m.clients, m.keys, m.readPercent),
		fmt.Sprintf("mean times: message %v, sync %v, apply %v, snapshot %v, restart %v",
			rounded(m.delay), rounded(m.fsync), rounded(m.applyTime), rounded(m.snapshotTime), rounded(m.downTime)),
		fmt.Sprintf("limits: append %s, inflight %s, uncommitted %s", limit(m.maxAppend), limit(m.maxInflight), limit(m.maxUncommitted)),
		fmt.Sprintf("snapshot: every %d entries, %d kept before it; log segments: %d bytes", m.snapshotEvery, m.keep, m.segmentBytes),
		fmt.Sprintf("heartbeat: every %d ticks; commits told lazily: %t; clocks: right within a factor of %g; ticks missed in a pause come later: %t",
			m.heartbeatTicks, m.lazyCommit, 1+float64(m.skew)/1000, m.tickBursts),
		"chances: " + strings.Join(chances, ", "),
		"mean times between actions: " + strings.Join(means, ", "),
	}, "\n")
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func limit(l raft.Limit) string {
	switch {
	case l == raft.Limit{}:
		return "none"
	case l.Bytes == 0:
		return fmt.Sprintf("%d entries", l.Entries)
	case l.Entries == 0:
		return fmt.Sprintf("%d bytes", l.Bytes)
	}
	return fmt.Sprintf("%d entries or %d bytes", l.Entries, l.Bytes)
}

// clock draws the length of a server's tick.
func (m *mix) clock(r *rand.Rand) time.Duration {
	rate := 1000 + r.IntN(m.skew+1)
	if r.IntN(2) == 0 {
		return tickTime * time.Duration(rate) / 1000
	}
	return tickTime * 1000 / time.Duration(rate)
}
