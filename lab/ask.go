package lab

import (
	"errors"
	"slices"
	"strings"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// asking is a command of a client.
func asking(kind sim.Kind, words int) doing {
	return func(s *worldScene, args []string) (string, error) {
		if len(args) < words {
			return "", errUsage
		}
		o := sim.Operation{Kind: kind, Key: args[0]}
		switch kind {
		case sim.Set:
			o.Value = args[1]
		case sim.CompareAndSet:
			o.Expected, o.Value = sim.State{Exists: true, Value: args[1]}, args[2]
		}
		at, rest, err := s.whom(args[words:])
		if err == nil {
			err = setLevel(&o, rest)
		}
		if err == nil && at == raft.None {
			err = errors.New("nobody leads: name a server, as in `at n1`")
		}
		if err == nil {
			err = s.world.Ask(at, o)
		}
		return "", s.own(err)
	}
}

// own makes the client of the last operation whoever plays the run, unless it failed.
func (s *worldScene) own(err error) error {
	if err == nil {
		s.yours[s.world.Operations(1)[0].Client] = true // the simulator has a new client for each
	}
	return err
}

// whom reads which server is asked: the leader if none is named.
func (s *worldScene) whom(args []string) (at serverID, rest []string, err error) {
	i := slices.Index(args, "at")
	switch {
	case i < 0:
		return s.world.Leader(), args, nil
	case i+1 == len(args):
		return raft.None, nil, errUsage
	}
	return serverID(args[i+1]), slices.Delete(slices.Clone(args), i, i+2), nil
}

// setLevel reads the level of a get. A lease is served as linearizable, as package
// rpc does: it gets more than it asked for.
func setLevel(o *sim.Operation, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if len(args) > 2 || o.Kind != sim.Get || (len(args) == 2) != (args[0] == "bounded") {
		return errUsage
	}
	switch args[0] {
	case "linearizable", "lease":
	case "stale":
		o.Level = sim.Stale
	case "bounded":
		age, err := milliseconds(args[1])
		if err != nil || age == 0 {
			return errUsage
		}
		o.Level, o.MaxAge = sim.Bounded, age
	default:
		return errUsage
	}
	return nil
}

// propose hands sets to a server, one for each word.
func propose(s *worldScene, args []string) (string, error) {
	if len(args) < 2 {
		return "", errUsage
	}
	return "", each(s.world, args[1:], func(word string) error {
		key, value, is := strings.Cut(word, "=")
		if !is {
			value = key
		}
		return s.own(s.world.Propose(serverID(args[0]), sim.Operation{Kind: sim.Set, Key: key, Value: value}))
	})
}

// read is a script's word for a linearizable get, which has no key there.
func read(s *worldScene, args []string) (string, error) {
	switch len(args) {
	case 1:
		return "", s.own(s.world.Ask(serverID(args[0]), sim.Operation{Kind: sim.Get, Key: "x"}))
	case 2:
		return "", s.own(s.world.Ask(serverID(args[0]), sim.Operation{Kind: sim.Get, Key: args[1]}))
	}
	return "", errUsage
}
