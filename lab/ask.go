package lab

import (
	"errors"
	"slices"

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
		at, stale, err := s.whom(args[words:], kind == sim.Get)
		if err != nil {
			return "", err
		}
		if err := s.world.Ask(at, o, stale); err != nil {
			return "", err
		}
		s.yours[s.world.Operations(1)[0].Client] = true // the simulator has a new client for each
		return "", nil
	}
}

// whom reads the end of a client's command: which server is asked, and at which
// level a get reads.
func (s *worldScene) whom(rest []string, reads bool) (at serverID, stale bool, err error) {
	at = s.world.Leader()
	if i := slices.Index(rest, "at"); i >= 0 {
		if i+1 == len(rest) {
			return at, false, errUsage
		}
		at = serverID(rest[i+1])
		rest = slices.Delete(slices.Clone(rest), i, i+2)
	}
	switch {
	case len(rest) == 0:
	case reads && len(rest) == 1 && (rest[0] == "stale" || rest[0] == "linearizable"):
		stale = rest[0] == "stale"
	default:
		return at, false, errUsage
	}
	if at == raft.None {
		return at, false, errors.New("nobody leads: name a server, as in `at n1`")
	}
	return at, stale, nil
}
