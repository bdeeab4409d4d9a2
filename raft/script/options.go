package script

import (
	"fmt"
	"strconv"
	"strings"

	"kvorum/raft"
)

// setOption sets what a cluster's servers have in common.
func setOption(c *raft.Config, key, value string) (err error) {
	switch key {
	case "append":
		c.MaxAppend, err = parseLimit(value)
	case "inflight":
		c.MaxInflight, err = parseLimit(value)
	case "uncommitted":
		c.MaxUncommitted, err = parseLimit(value)
	case "heartbeat":
		if c.HeartbeatTicks, err = strconv.Atoi(value); err == nil && c.HeartbeatTicks < 1 {
			err = fmt.Errorf("a heartbeat is every tick or later, not every %s", value)
		}
	case "lazy":
		c.LazyCommit = true
	default:
		return fmt.Errorf("what is %s?", key)
	}
	return err
}

// parseLimit reads a number of entries, as in 3, of bytes, as in 900B, or both, as in
// 3,900B. 0 is no limit.
func parseLimit(text string) (l raft.Limit, err error) {
	for part := range strings.SplitSeq(text, ",") {
		bytes, isBytes := strings.CutSuffix(part, "B")
		to := &l.Entries
		if isBytes {
			to = &l.Bytes
		}
		if *to, err = strconv.Atoi(bytes); err != nil || *to < 0 {
			return l, fmt.Errorf("%s is no limit", text)
		}
	}
	return l, nil
}

// seedOf returns what seed=N says among args; empty: nothing.
func seedOf(args []string) string {
	for _, arg := range args {
		if seed, is := strings.CutPrefix(arg, "seed="); is {
			return seed
		}
	}
	return ""
}

// crash ends a server: crash S1 [written N] [snapshot M]. What it was writing is
// lost, but for the first N batches and a snapshot up to M, of which it was not told.
func (s *Stage) crash(id raft.ServerID, r *raft.Raft, args []string) error {
	d := s.disks[id]
	for len(args) > 0 {
		if len(args) == 1 {
			return fmt.Errorf("how many are %s?", args[0])
		}
		n, err := strconv.Atoi(args[1])
		switch {
		case err != nil || n < 0:
			return fmt.Errorf("how many are %s %s?", args[0], args[1])
		case args[0] == "written":
			for _, p := range d.writes[:min(n, len(d.writes))] {
				d.save(p)
			}
		case args[0] == "snapshot":
			s.snapshot(id, r, raft.Index(n))
		default:
			return fmt.Errorf("what is %s?", args[0])
		}
		args = args[2:]
	}
	delete(s.servers, id)
	*d = disk{Saved: d.Saved}
	return nil
}

// persistSome lets a disk finish its first batches, or all, and answer at once again.
func (s *Stage) persistSome(id raft.ServerID, args []string) error {
	d := s.disks[id]
	n := len(d.writes)
	if len(args) == 0 {
		d.held = false
	} else {
		some, err := strconv.Atoi(args[0])
		if err != nil || some < 0 {
			return fmt.Errorf("how many batches are %s?", args[0])
		}
		n = min(n, some)
	}
	s.persist(id, n)
	return nil
}
