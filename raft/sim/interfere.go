package sim

import (
	"fmt"
	"slices"
	"time"

	"kvorum/raft"
)

// What can be done to a World. Each counts as an event, after which all that must
// hold is checked. An error says why it cannot be done, or what a server answers;
// then nothing has happened.

func (w *World) running(s *server) error {
	switch {
	case s.gone:
		return fmt.Errorf("%s is gone: another server has its name", s)
	case s.raft == nil:
		return fmt.Errorf("%s is down", s)
	case s.paused:
		return fmt.Errorf("%s is paused", s)
	}
	return nil
}

// onRunning does something to a server whose process takes inputs.
func (w *World) onRunning(id raft.ServerID, do func(s *server) error) error {
	return w.at(id, func(s *server) error {
		if err := w.running(s); err != nil {
			return err
		}
		return do(s)
	})
}

// Crash ends the process of a server. What it was writing is not written; what was
// written and not synced is lost too, if the power goes with it.
func (w *World) Crash(id raft.ServerID, power bool) error {
	return w.at(id, func(s *server) error {
		if s.raft == nil {
			return fmt.Errorf("%s is down already", s)
		}
		w.c.tracef("%s crashes", s)
		w.c.halt(s, power)
		w.c.reportGone(s)
		return nil
	})
}

// halt ends a process for as long as nobody starts it.
func (c *cluster) halt(s *server, power bool) {
	d := &s.disk
	c.stop(s)
	if power && d.syncing > 0 {
		d.unsure = slices.Clone(d.writes[:d.syncing])
		d.fault, d.operations = errPower, 2 // it is written, and not synced
		d.store.Save(d.unsure)              // its error is known
		d.fault = nil
	}
	if power {
		d.fs.Crash(func() bool { return false })
	} else {
		d.fs.Kill()
	}
	d.writes, d.syncing, d.store = nil, 0, nil
}

// Restart starts the process of a server from what is on its disk.
func (w *World) Restart(id raft.ServerID) error {
	return w.at(id, func(s *server) error {
		switch {
		case s.gone:
			return fmt.Errorf("%s is gone: another server has its name", s)
		case s.raft != nil:
			return fmt.Errorf("%s is running", s)
		}
		w.c.start(s)
		if s.raft == nil && w.c.observer.err == nil {
			return fmt.Errorf("%s does not start: its disk is damaged", s)
		}
		return nil
	})
}

// Pause stops a process as it is; messages to it wait.
func (w *World) Pause(id raft.ServerID) error {
	return w.onRunning(id, func(s *server) error {
		w.c.tracef("%s is paused", s)
		s.paused = true
		return nil
	})
}

// Resume lets a paused process go on.
func (w *World) Resume(id raft.ServerID) error {
	return w.at(id, func(s *server) error {
		if !s.paused {
			return fmt.Errorf("%s is not paused", s)
		}
		w.c.resume(s)
		return nil
	})
}

// Wipe takes a server and its disk away: with an empty one it is another server,
// n1@2 in the place of n1, and nobody's member yet.
func (w *World) Wipe(id raft.ServerID) error {
	return w.at(id, func(s *server) error {
		if s.gone || len(w.c.servers) == maxServers {
			return fmt.Errorf("%s is gone already, or there is no room for another server: %d is the most", s, maxServers)
		}
		if s.raft != nil {
			w.c.halt(s, false)
		}
		w.c.replace(s)
		return nil
	})
}

// Server adds a server, which knows nobody and is nobody's member, and returns its id.
func (w *World) Server() (id raft.ServerID, err error) {
	err = w.event(func() error {
		if len(w.c.servers) == maxServers {
			return fmt.Errorf("there is no room for another server: %d is the most", maxServers)
		}
		number := 1
		for slices.ContainsFunc(w.c.servers, func(s *server) bool { return s.name == fmt.Sprintf("n%d", number) }) {
			number++
		}
		s := w.c.add(fmt.Sprintf("n%d", number), 1, tickTime)
		w.c.start(s)
		id = s.id
		return nil
	})
	return id, err
}

// Stall lets a disk answer no more, or again.
func (w *World) Stall(id raft.ServerID, stuck bool) error {
	return w.at(id, func(s *server) error {
		switch {
		case s.gone:
			return fmt.Errorf("%s is gone: another server has its name", s)
		case stuck && s.disk.stuckUntil == forever/2:
			return fmt.Errorf("%s's disk is stuck already", s)
		case stuck:
			s.disk.stuckUntil = forever / 2
			w.c.tracef("%s's disk is stuck", s)
		case s.disk.stuckUntil <= w.c.now:
			return fmt.Errorf("%s's disk is not stuck", s)
		default:
			w.c.tracef("%s's disk answers again", s)
			w.c.unstick(s)
		}
		return nil
	})
}

// SetClock lets a server's clock run at so many times the right speed.
func (w *World) SetClock(id raft.ServerID, speed float64) error {
	return w.at(id, func(s *server) error {
		switch {
		case s.gone:
			return fmt.Errorf("%s is gone: another server has its name", s)
		case !(speed >= 0.1 && speed <= 10):
			return fmt.Errorf("a clock runs at 0.1 to 10 times the right speed, not %g", speed)
		}
		s.tick = time.Duration(float64(tickTime) / speed)
		w.c.tracef("%s's clock runs at %g times the right speed", s, speed)
		return nil
	})
}

// Tick lets a server's clock jump.
func (w *World) Tick(id raft.ServerID, ticks int) error {
	return w.onRunning(id, func(s *server) error {
		w.ticks(s, ticks)
		return nil
	})
}

func (w *World) ticks(s *server, n int) {
	for range n {
		if s.raft != nil && w.c.observer.err == nil {
			w.c.input(s, s.raft.Tick)
		}
	}
}

// Cut cuts or repairs the link from one server to another, in that direction.
func (w *World) Cut(from, to raft.ServerID, cut bool) error {
	return w.link(from, to, func(a, b *server) error {
		if cut && w.c.network.cut[a.number][b.number] {
			return fmt.Errorf("the link from %s to %s is cut already", a, b)
		}
		w.c.network.cut[a.number][b.number] = cut
		w.c.tracef("the link from %s to %s is %s", a, b, map[bool]string{true: "cut", false: "whole"}[cut])
		return nil
	})
}

// Slow lets every message from one server to another take so much longer.
func (w *World) Slow(from, to raft.ServerID, by time.Duration) error {
	return w.link(from, to, func(a, b *server) error {
		w.c.network.slow[a.number][b.number] = max(0, by)
		w.c.tracef("messages from %s to %s take %v longer", a, b, max(0, by))
		return nil
	})
}

func (w *World) link(from, to raft.ServerID, do func(a, b *server) error) error {
	return w.at(from, func(a *server) error {
		b := w.c.byID[to]
		if b == nil || a == b {
			return fmt.Errorf("there is no link from %s to %s", from, to)
		}
		return do(a, b)
	})
}

// Split cuts every link between servers of different sides. Those that are on no
// side are with the first.
func (w *World) Split(sides ...[]raft.ServerID) error {
	return w.event(func() error {
		side := map[*server]int{}
		for i, ids := range sides {
			for _, id := range ids {
				s := w.c.byID[id]
				if s == nil {
					return fmt.Errorf("there is no server %s", id)
				}
				if other, is := side[s]; is && other != i {
					return fmt.Errorf("%s cannot be on two sides", id)
				}
				side[s] = i
			}
		}
		for _, a := range w.c.servers {
			for _, b := range w.c.servers {
				w.c.network.cut[a.number][b.number] = side[a] != side[b]
			}
		}
		w.c.tracef("the network splits: %v", sides)
		return nil
	})
}

// Heal makes all links whole and fast.
func (w *World) Heal() error {
	return w.event(func() error {
		w.c.network.repair()
		clear(w.c.network.slow[:])
		w.c.tracef("all links are whole")
		return nil
	})
}
