package lab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kvorum/raft"
	"kvorum/raft/sim"
)

type (
	world    = sim.World
	serverID = raft.ServerID
	doing    = func(s *worldScene, args []string) (string, error)
)

// errUsage says that a command is not written like that.
var errUsage = errors.New("not like that")

// on is a command about one server.
func on(do func(w *world, id serverID) error) doing {
	return func(s *worldScene, args []string) (string, error) {
		if len(args) != 1 {
			return "", errUsage
		}
		return "", do(s.world, serverID(args[0]))
	}
}

func crash(s *worldScene, args []string) (string, error) {
	power := len(args) == 2 && args[1] == "unsynced"
	if len(args) != 1 && !power {
		return "", errUsage
	}
	return "", s.world.Crash(serverID(args[0]), power)
}

func clock(s *worldScene, args []string) (string, error) {
	if len(args) != 2 {
		return "", errUsage
	}
	speed, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return "", errUsage
	}
	return "", s.world.SetClock(serverID(args[0]), speed)
}

func tick(s *worldScene, args []string) (string, error) {
	ticks := 1
	if len(args) == 2 {
		var err error
		if ticks, err = strconv.Atoi(args[1]); err != nil || ticks < 1 || ticks > 1000 {
			return "", errUsage
		}
	}
	if len(args) < 1 || len(args) > 2 {
		return "", errUsage
	}
	return "", s.world.Tick(serverID(args[0]), ticks)
}

// heartbeat lets the clock of a leader jump to its next heartbeats.
func heartbeat(s *worldScene, args []string) (string, error) {
	if len(args) != 1 {
		return "", errUsage
	}
	for _, v := range s.world.Servers() {
		if v.ID == serverID(args[0]) && v.Status.Role == raft.Leader {
			return "", s.world.Tick(v.ID, max(1, v.Timer))
		}
	}
	return "", fmt.Errorf("%s does not lead", args[0])
}

func elect(s *worldScene, args []string) (string, error) {
	if len(args) == 0 || len(args) == 2 || len(args) > 1 && args[1] != "with" {
		return "", errUsage
	}
	return "", s.world.Elect(serverID(args[0]), serverIDs(args[min(2, len(args)):]))
}

// links reads a link: S1->S2 is one direction, S1 S2 both.
func links(args []string) (pairs [][2]serverID, rest []string, err error) {
	if len(args) > 0 {
		if from, to, is := strings.Cut(args[0], "->"); is {
			return [][2]serverID{{serverID(from), serverID(to)}}, args[1:], nil
		}
	}
	if len(args) < 2 {
		return nil, nil, errUsage
	}
	a, b := serverID(args[0]), serverID(args[1])
	return [][2]serverID{{a, b}, {b, a}}, args[2:], nil
}

func cut(s *worldScene, args []string) (string, error) {
	pairs, rest, err := links(args)
	if err != nil || len(rest) > 0 {
		return "", errUsage
	}
	return "", each(s.world, pairs, func(p [2]serverID) error { return s.world.Cut(p[0], p[1], true) })
}

func slow(s *worldScene, args []string) (string, error) {
	pairs, rest, err := links(args)
	if err != nil || len(rest) != 1 {
		return "", errUsage
	}
	by, err := milliseconds(rest[0])
	if err != nil {
		return "", err
	}
	return "", s.world.Together(func() error {
		for _, p := range pairs {
			if err := s.world.Slow(p[0], p[1], by); err != nil {
				return err
			}
		}
		return nil
	})
}

func milliseconds(text string) (time.Duration, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "ms"))
	if err != nil || n < 0 || n > 1e6 {
		return 0, errUsage
	}
	return time.Duration(n) * time.Millisecond, nil
}

func split(s *worldScene, args []string) (string, error) {
	var sides [][]serverID
	for side := range strings.SplitSeq(strings.ReplaceAll(strings.Join(args, " "), "|", " | "), "|") {
		var ids []serverID
		for _, id := range strings.Fields(side) {
			ids = append(ids, serverID(id))
		}
		if len(ids) == 0 {
			return "", errUsage
		}
		sides = append(sides, ids)
	}
	if len(sides) < 2 {
		return "", errUsage
	}
	return "", s.world.Split(sides...)
}

func heal(s *worldScene, args []string) (string, error) {
	if len(args) == 0 {
		return "", s.world.Heal()
	}
	pairs, rest, err := links(args)
	if err != nil || len(rest) > 0 {
		return "", errUsage
	}
	return "", s.world.Together(func() error {
		for _, p := range pairs {
			if err := errors.Join(s.world.Cut(p[0], p[1], false), s.world.Slow(p[0], p[1], 0)); err != nil {
				return err
			}
		}
		return nil
	})
}

func server(s *worldScene, args []string) (string, error) {
	if len(args) > 0 {
		return "", errUsage
	}
	id, err := s.world.Server()
	return fmt.Sprintf("%s is there, and knows nobody: `add %s` makes it a learner", id, id), err
}

func transfer(s *worldScene, args []string) (string, error) {
	switch len(args) {
	case 1:
		return "", s.world.Transfer(serverID(args[0]), raft.None)
	case 2:
		return "", s.world.Transfer(serverID(args[0]), serverID(args[1]))
	}
	return "", errUsage
}

func suspect(s *worldScene, args []string) (string, error) {
	if len(args) != 2 {
		return "", errUsage
	}
	return "", s.world.Suspect(serverID(args[0]), serverID(args[1]))
}

// member is a command that takes a step from the leader's configuration.
func member(next func(c *raft.Configuration, id serverID) error) doing {
	return func(s *worldScene, args []string) (string, error) {
		if len(args) != 1 {
			return "", errUsage
		}
		leader, now, err := s.leader()
		if err != nil {
			return "", err
		}
		if err := next(&now, serverID(args[0])); err != nil {
			return "", err
		}
		return "", s.world.Reconfigure(leader, now.Voters, now.Learners)
	}
}

// leader returns who leads, with the configuration that it uses.
func (s *worldScene) leader() (serverID, raft.Configuration, error) {
	for _, v := range s.world.Servers() {
		if v.ID == s.world.Leader() {
			return v.ID, v.Status.Config, nil
		}
	}
	return raft.None, raft.Configuration{}, errors.New("nobody leads")
}

func without(ids []serverID, id serverID) []serverID {
	return slices.DeleteFunc(slices.Clone(ids), func(other serverID) bool { return other == id })
}

func addLearner(c *raft.Configuration, id serverID) error {
	if slices.Contains(c.Servers(), id) {
		return fmt.Errorf("%s is a member already", id)
	}
	c.Learners = append(c.Learners, id)
	return nil
}

func promote(c *raft.Configuration, id serverID) error {
	if slices.Contains(c.Voters, id) {
		return fmt.Errorf("%s is a voter already", id)
	}
	c.Voters, c.Learners = append(c.Voters, id), without(c.Learners, id)
	return nil
}

func remove(c *raft.Configuration, id serverID) error {
	if !slices.Contains(c.Servers(), id) {
		return fmt.Errorf("%s is no member", id)
	}
	c.Voters, c.Learners = without(c.Voters, id), without(c.Learners, id)
	return nil
}

func config(s *worldScene, args []string) (string, error) {
	var voters, learners []serverID
	to := &voters
	for _, word := range args {
		if word == "learners" {
			to = &learners
			continue
		}
		*to = append(*to, serverID(word))
	}
	if len(voters) == 0 {
		return "", errUsage
	}
	leader, _, err := s.leader()
	if err != nil {
		return "", err
	}
	return "", s.world.Reconfigure(leader, voters, learners)
}
