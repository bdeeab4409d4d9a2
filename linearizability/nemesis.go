//go:build linux

package linearizability

import (
	"context"
	"fmt"
	"time"
)

// Nemesis is a way to disturb one server.
type Nemesis struct {
	Name       string
	begin, end func(c *Cluster, victim int) error
}

// Kill is kill -9, then a new start.
var Kill = Nemesis{"kill",
	func(c *Cluster, victim int) error { return c.Servers[victim].Kill() },
	func(c *Cluster, victim int) error { return c.Servers[victim].Start() },
}

// Pause is a process that does not run for a while and does not notice: a
// virtual machine that moves, a long wait for a swapped page.
var Pause = Nemesis{"pause",
	func(c *Cluster, victim int) error { return c.Servers[victim].Pause() },
	func(c *Cluster, victim int) error { return c.Servers[victim].Resume() },
}

// Partition cuts a server off from all others, while clients reach all of them.
var Partition = Nemesis{"partition",
	func(c *Cluster, victim int) error { c.Network.Isolate(victim); return nil },
	func(c *Cluster, victim int) error { c.Network.Heal(); return nil },
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
	if status, err := c.Servers[victim].askStatus(ctx); err == nil && status.CommitIndex >= goal {
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
	return fmt.Sprintf("%d entries were committed without %s, which took %v to catch up",
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
