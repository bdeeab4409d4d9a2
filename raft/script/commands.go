package script

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft"
)

// Do performs one command. An error is the script's mistake; what a server
// answers to a client is output.
func (s *Stage) Do(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || words[0][0] == '#' {
		return nil
	}
	if err := s.do(words[0], words[1:]); err != nil {
		return err
	}
	s.step()
	return nil
}

func (s *Stage) do(command string, args []string) error {
	switch command {
	case "cluster":
		return s.cluster(args)
	case "show":
		s.reasons, s.messages = slices.Contains(args, "reasons"), slices.Contains(args, "messages")
		return nil
	case "deliver", "drop", "duplicate":
		f, err := ParseFilter(args)
		if err != nil {
			return err
		}
		return s.move(command, f)
	case "mark":
		s.marked = s.copy()
		return nil
	case "rewind":
		if s.marked == nil {
			return errors.New("nothing is marked")
		}
		s.world = *s.marked.copy()
		return nil
	case "logs":
		s.drawLogs()
		return nil
	case "network":
		for _, m := range s.net {
			s.printf("%v\n", m.Message)
		}
		return nil
	}
	if len(args) == 0 {
		return errors.New("which server?")
	}
	return s.doOne(command, raft.ServerID(args[0]), args[1:])
}

// doOne performs a command about the server id, which need not be running.
func (s *Stage) doOne(command string, id raft.ServerID, args []string) error {
	if command == "server" {
		s.disks[id] = &disk{}
		return s.start(id, seedOf(args))
	}
	if s.disks[id] == nil {
		return fmt.Errorf("there is no server %s", id)
	}
	switch command {
	case "disk":
		return s.replaceDisk(id, args)
	case "restart":
		return s.start(id, seedOf(args))
	}
	r := s.servers[id]
	if r == nil {
		return fmt.Errorf("%s is not running", id)
	}
	return s.doServer(command, id, r, args)
}

// doServer performs a command about a server that runs.
func (s *Stage) doServer(command string, id raft.ServerID, r *raft.Raft, args []string) error {
	switch command {
	case "crash":
		return s.crash(id, r, args)
	case "hold":
		s.disks[id].held = true
		return nil
	case "gather":
		s.disks[id].gathering = true
		return nil
	case "status":
		s.printStatus(r.Status())
		return nil
	case "elect":
		return s.elect(id, r, args)
	case "compact":
		return s.compact(id, r, args)
	case "tick":
		return s.tick(id, r, args)
	}
	if err := s.input(command, id, r, args); err != nil {
		return err
	}
	s.perform(id)
	return nil
}

// input gives a server the input that a command is.
func (s *Stage) input(command string, id raft.ServerID, r *raft.Raft, args []string) error {
	other := raft.ServerID(strings.Join(args, ""))
	switch command {
	case "persist":
		return s.persistSome(id, args)
	case "perform":
		s.disks[id].gathering = false
	case "heartbeat":
		for range s.config.HeartbeatTicks {
			r.Tick()
		}
	case "propose":
		for _, x := range args {
			_, err := r.Propose([]byte(x))
			s.answer(id, err)
		}
	case "read":
		s.readID++
		s.answer(id, r.ReadIndex(s.readID))
	case "told":
		r.SnapshotDone(other)
	case "suspect":
		r.Suspect(other)
	case "transfer":
		s.answer(id, r.TransferLeadership(other))
	case "config":
		voters, learners := args, []string(nil)
		if i := slices.Index(args, "learners"); i >= 0 {
			voters, learners = args[:i], args[i+1:]
		}
		_, err := r.ProposeConfig(serverIDs(voters), serverIDs(learners))
		s.answer(id, err)
	default:
		return errors.New("no such command")
	}
	return nil
}

func (s *Stage) cluster(args []string) error {
	if len(args) == 0 {
		return errors.New("which servers?")
	}
	s.config = newConfig()
	var founders []raft.ServerID
	var seeds []string
	for _, arg := range args {
		key, value, isOption := strings.Cut(arg, "=")
		switch {
		case key == "seeds":
			seeds = strings.Split(value, ",")
		case isOption || arg == "lazy":
			if err := setOption(&s.config, key, value); err != nil {
				return err
			}
		default:
			founders = append(founders, raft.ServerID(arg))
		}
	}
	seeds = append(seeds, make([]string, len(founders))...)
	s.world = newWorld()
	for i, id := range founders {
		s.disks[id] = &disk{Saved: raft.Bootstrap(founders...)}
		if err := s.start(id, seeds[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) replaceDisk(id raft.ServerID, args []string) error {
	d := s.disks[id]
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "term":
			n, _ := strconv.Atoi(value)
			d.HardState = raft.HardState{CurrentTerm: raft.Term(n)}
		case "log":
			d.Entries = nil
			for i, term := range strings.Split(value, ".") {
				n, err := strconv.Atoi(term)
				if err != nil {
					return err
				}
				d.Entries = append(d.Entries, raft.Entry{EntryID: raft.EntryID{Index: raft.Index(i + 1), Term: raft.Term(n)}})
			}
		default:
			return fmt.Errorf("what is %s?", key)
		}
	}
	s.figure3 = newFigure3() // the scene is set by hand
	return s.start(id, "")
}

func (s *Stage) tick(id raft.ServerID, r *raft.Raft, args []string) error {
	n := 1
	if len(args) > 0 {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil {
			return fmt.Errorf("how many ticks are %s?", args[0])
		}
	}
	for range n {
		r.Tick()
		s.perform(id)
		s.step()
	}
	return nil
}

func (s *Stage) compact(id raft.ServerID, r *raft.Raft, args []string) error {
	var upto, keep raft.Index
	if _, err := fmt.Sscanf(strings.Join(args, " "), "upto %d keep %d", &upto, &keep); err != nil {
		return err
	}
	if meta, isNewer := s.snapshot(id, r, upto); isNewer {
		r.Compact(meta, keep, math.MaxInt)
	}
	s.perform(id)
	return nil
}

// snapshot puts one of a server's state on its disk, unless a newer one came first.
func (s *Stage) snapshot(id raft.ServerID, r *raft.Raft, upto raft.Index) (meta raft.SnapshotMeta, isNewer bool) {
	d := s.disks[id]
	meta = raft.SnapshotMeta{LastIncludedIndex: upto, Config: r.Status().Snapshot.Config}
	for _, e := range d.log {
		if e.Index == upto {
			meta.LastIncludedTerm = e.Term
		}
		if e.Index <= upto && e.Config != nil {
			meta.Config = *e.Config
		}
	}
	if isNewer = upto > d.Snapshot.LastIncludedIndex; isNewer {
		d.Snapshot = meta
	}
	return meta, isNewer
}

func serverIDs(words []string) (ids []raft.ServerID) {
	for _, w := range words {
		ids = append(ids, raft.ServerID(w))
	}
	return ids
}
