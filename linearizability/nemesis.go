//go:build linux

package linearizability

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Nemesis is a way to disturb one server.
type Nemesis struct {
	Name       string
	begin, end func(c *Cluster, victim int) error
	learns     bool // the victim hears of what the others commit meanwhile
}

// Kill is kill -9, then a new start.
var Kill = Nemesis{
	Name:  "kill",
	begin: func(c *Cluster, victim int) error { return c.Servers[victim].Kill() },
	end:   func(c *Cluster, victim int) error { return c.Servers[victim].Start() },
}

// Pause is a process that does not run for a while and does not notice: a
// virtual machine that moves, a long wait for a swapped page.
var Pause = Nemesis{
	Name:  "pause",
	begin: func(c *Cluster, victim int) error { return c.Servers[victim].Pause() },
	end:   func(c *Cluster, victim int) error { return c.Servers[victim].Resume() },
}

// Partition cuts a server off from all others, while clients reach all of them.
var Partition = Nemesis{
	Name:  "partition",
	begin: func(c *Cluster, victim int) error { return c.Network.cutAll(victim, true, true) },
	end:   heal,
}

// Deaf is a server that the others hear, but that does not hear them: a leader
// must notice by itself that it has no quorum (thesis §6.2).
var Deaf = Nemesis{
	Name:  "deafen",
	begin: func(c *Cluster, victim int) error { return c.Network.cutAll(victim, true, false) },
	end:   heal,
}

// Mute is a server that hears the others, but that they do not hear.
var Mute = Nemesis{
	Name:   "mute",
	begin:  func(c *Cluster, victim int) error { return c.Network.cutAll(victim, false, true) },
	end:    heal,
	learns: true,
}

// heal ends a cut, which must have held something back.
func heal(c *Cluster, _ int) error {
	defer c.Network.Heal()
	if c.Network.Held() == 0 {
		return errors.New("linearizability: the cut had no effect: nothing was held back")
	}
	return nil
}

// meanwhile is how many entries must be committed without the victim before it
// comes back: enough for it to be wrong about, if it believed that it knows.
const meanwhile = 100

// StrikeLeader disturbs the leader until another server leads and has made
// progress without it, then waits until the victim has caught up. What it
// returns proves the effect; without one there is an error.
func (n Nemesis) StrikeLeader(ctx context.Context, c *Cluster) (effect string, err error) {
	old, err := c.awaitLeader(ctx, "all servers follow one leader", 0)
	if err != nil {
		return "", err
	}
	began := time.Now()
	if err := n.begin(c, old.server); err != nil {
		return "", err
	}
	successor, err := c.awaitLeader(ctx, "the others follow another leader", old.status.Term+1, old.server)
	if err != nil {
		return "", err
	}
	took := time.Since(began).Round(time.Millisecond)
	rest, err := n.outlast(ctx, c, old.server, successor)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s led in term %d until %s did in term %d, %v later; %s",
		c.Servers[old.server].Name, old.status.Term, c.Servers[successor.server].Name, successor.status.Term, took, rest), nil
}

// StrikeFollower disturbs a follower until the others have made progress
// without it, then waits until it has caught up. It returns what StrikeLeader does.
func (n Nemesis) StrikeFollower(ctx context.Context, c *Cluster) (effect string, err error) {
	leader, err := c.awaitLeader(ctx, "all servers follow one leader", 0)
	if err != nil {
		return "", err
	}
	victim := (leader.server + 1) % len(c.Servers)
	if err := n.begin(c, victim); err != nil {
		return "", err
	}
	return n.outlast(ctx, c, victim, leader)
}

// KillAll kills all servers at once, and starts them again. What was
// acknowledged must be on their disks. It returns what StrikeLeader does.
func KillAll(ctx context.Context, c *Cluster) (effect string, err error) {
	old, err := c.awaitLeader(ctx, "all servers follow one leader", 0)
	if err != nil {
		return "", err
	}
	for _, s := range c.Servers {
		if err := s.Kill(); err != nil {
			return "", err
		}
	}
	began := time.Now()
	for _, s := range c.Servers {
		if err := s.Start(); err != nil {
			return "", err
		}
	}
	leader, err := c.awaitLeader(ctx, "the servers follow a leader again", old.status.Term+1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s led in term %d until %s did in term %d, %v after all were started again", c.Servers[old.server].Name,
		old.status.Term, c.Servers[leader.server].Name, leader.status.Term, time.Since(began).Round(time.Millisecond)), nil
}

// outlast lets the others go on without the victim, makes sure that it knows
// nothing of that, and ends the disturbance.
func (n Nemesis) outlast(ctx context.Context, c *Cluster, victim int, leader Leading) (effect string, err error) {
	name, goal := c.Servers[victim].Name, leader.status.CommitIndex+meanwhile
	err = c.until(ctx, "the others have committed entries without "+name, func(ctx context.Context) bool {
		status, err := c.Servers[leader.server].askStatus(ctx)
		return err == nil && status.CommitIndex >= goal
	})
	if err != nil {
		return "", err
	}
	status, err := c.Servers[victim].askStatus(ctx)
	if err == nil && !n.learns && status.CommitIndex >= goal {
		return "", fmt.Errorf("linearizability: %s of %s had no effect: it has committed up to %d like the others",
			n.Name, name, status.CommitIndex)
	}
	began := time.Now()
	if err := n.end(c, victim); err != nil {
		return "", err
	}
	err = c.until(ctx, name+" has caught up", func(ctx context.Context) bool {
		status, err := c.Servers[victim].askStatus(ctx)
		return err == nil && status.AppliedIndex >= goal
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d entries were committed without %s, which then took %v to catch up",
		meanwhile, name, time.Since(began).Round(time.Millisecond)), nil
}

// awaitLeader waits until all servers but those left out follow one leader in
// a term of at least minTerm.
func (c *Cluster) awaitLeader(ctx context.Context, what string, minTerm uint64, except ...int) (leader Leading, err error) {
	err = c.until(ctx, what, func(ctx context.Context) bool {
		found, err := c.Leader(ctx, except...)
		leader = found
		return err == nil && leader.status.Term >= minTerm
	})
	return leader, err
}

// progress waits until the cluster is calm and the clients have got some work done.
func (c *Cluster) progress(ctx context.Context) error {
	leader, err := c.awaitLeader(ctx, "all servers follow one leader", 0)
	if err != nil {
		return err
	}
	return c.until(ctx, "clients have got some work done", func(ctx context.Context) bool {
		status, err := c.Servers[leader.server].askStatus(ctx)
		return err == nil && status.CommitIndex >= leader.status.CommitIndex+meanwhile
	})
}
