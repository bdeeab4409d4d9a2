package raft

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata with what the scripts put out")

// TestScripts plays testdata/*.txt. A script is blocks of commands, each
// followed by a line of dashes and what happened; a # begins a comment. All
// servers share one network, whose messages wait to be delivered. A disk
// answers at once unless it is held. `go test -run Scripts -update` rewrites the
// output; the difference is for you to judge.
//
//	cluster S1 S2 ... [append=N]   new servers, all voters; N entries per AppendEntries
//	server S4                      one more, which knows nobody
//	disk S1 term=N log=T.T.T       restart with these terms in the log
//	show reasons messages | nothing
//	elect S1 with S2 S3            no leader is heard; S1 times out; votes among these
//	tick S1 [N]      heartbeat S1
//	propose S1 x y   read S1       transfer S1 [S2]
//	config S1 S2 S3 [learners S4]   suspect S2 S1   S2 is told that S1 is gone
//	compact S1 upto N keep M
//	deliver|drop|duplicate [N] [Kind ...] [S1->S2 ...] [among S1 S2 ...]
//	hold S1    persist S1    crash S1    restart S1
//	gather S1  perform S1        inputs in between are recorded, and decided together
//	mark       rewind        logs        status S1      network
func TestScripts(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no scripts")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want))
			if *update {
				err = os.WriteFile(name, []byte(got), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !*update && got != string(want) {
				t.Errorf("%s (go test -run Scripts -update, and judge the difference)", firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// playScript returns src with the output as it is now.
func playScript(t *testing.T, src string) string {
	s := &stage{reasons: true, messages: true}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(src, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		input, _, _ := strings.Cut(block, "\n----")
		s.out.Reset()
		for line := range strings.Lines(input + "\n") {
			if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
				if err := s.do(words[0], words[1:]); err != nil {
					t.Fatalf("%q: %v", strings.TrimSpace(line), err)
				}
			}
		}
		out.WriteString(input + "\n")
		if s.out.Len() > 0 {
			out.WriteString("----\n" + s.out.String())
		}
	}
	return out.String()
}

// do performs one command. An error is the script's mistake; what a server
// answers to a client is output.
func (s *stage) do(command string, args []string) error {
	switch command {
	case "cluster":
		return s.cluster(args)
	case "show":
		s.reasons, s.messages = slices.Contains(args, "reasons"), slices.Contains(args, "messages")
		return nil
	case "deliver", "drop", "duplicate":
		f, err := parseFilter(args)
		if err != nil {
			return err
		}
		return s.move(command, f)
	case "mark":
		s.marked = s.copy()
		return nil
	case "rewind":
		marked := s.marked
		s.servers, s.disks, s.net = marked.servers, marked.disks, marked.net
		s.marked = s.copy()
		return nil
	case "logs":
		s.drawLogs()
		return nil
	case "network":
		for _, m := range s.net {
			s.printf("%v\n", m)
		}
		return nil
	}
	if len(args) == 0 {
		return fmt.Errorf("which server?")
	}
	id, args := ServerID(args[0]), args[1:]
	switch command {
	case "server":
		s.disks[id] = &scriptDisk{}
		s.start(id)
		return nil
	case "disk":
		return s.replaceDisk(id, args)
	case "restart":
		s.start(id)
		return nil
	}
	r := s.servers[id]
	if r == nil {
		return fmt.Errorf("%s is not running", id)
	}
	return s.doServer(command, id, r, args)
}

// doServer performs a command that is an input to the server id, and then what
// the server asks for.
func (s *stage) doServer(command string, id ServerID, r *Raft, args []string) error {
	switch command {
	case "crash":
		delete(s.servers, id)
		*s.disks[id] = scriptDisk{Saved: s.disks[id].Saved}
		return nil
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
	case "persist":
		s.disks[id].held = false
	case "perform":
		s.disks[id].gathering = false
	case "tick":
		n := 1
		if len(args) > 0 {
			n, _ = strconv.Atoi(args[0])
		}
		for range n {
			r.Tick()
			s.perform(id)
		}
	case "heartbeat":
		for range r.cfg.HeartbeatTicks {
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
	case "suspect":
		r.Suspect(ServerID(strings.Join(args, "")))
	case "transfer":
		s.answer(id, r.TransferLeadership(ServerID(strings.Join(args, ""))))
	case "config":
		voters, learners := args, []string(nil)
		if i := slices.Index(args, "learners"); i >= 0 {
			voters, learners = args[:i], args[i+1:]
		}
		_, err := r.ProposeConfig(serverIDs(voters), serverIDs(learners))
		s.answer(id, err)
	case "compact":
		return s.compact(id, r, args)
	default:
		return fmt.Errorf("no such command")
	}
	s.perform(id)
	return nil
}

func (s *stage) cluster(args []string) error {
	if last := args[len(args)-1]; strings.HasPrefix(last, "append=") {
		n, err := strconv.Atoi(strings.TrimPrefix(last, "append="))
		if err != nil {
			return err
		}
		s.maxAppend, args = n, args[:len(args)-1]
	}
	s.servers, s.disks, s.net = map[ServerID]*Raft{}, map[ServerID]*scriptDisk{}, nil
	for _, id := range serverIDs(args) {
		s.disks[id] = &scriptDisk{Saved: Bootstrap(serverIDs(args)...)}
		s.start(id)
	}
	return nil
}

func (s *stage) replaceDisk(id ServerID, args []string) error {
	d := s.disks[id]
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "term":
			n, _ := strconv.Atoi(value)
			d.HardState = HardState{CurrentTerm: Term(n)}
		case "log":
			d.Entries = nil
			for i, term := range strings.Split(value, ".") {
				n, err := strconv.Atoi(term)
				if err != nil {
					return err
				}
				d.Entries = append(d.Entries, Entry{EntryID: EntryID{Index(i + 1), Term(n)}})
			}
		default:
			return fmt.Errorf("what is %s?", key)
		}
	}
	s.start(id)
	return nil
}

// elect lets an election timeout pass at all who take part, and delivers what
// follows except the new leader's first requests.
func (s *stage) elect(id ServerID, r *Raft, args []string) error {
	if len(args) > 0 && args[0] != "with" || r.role == Leader {
		return fmt.Errorf("a follower is elected with others")
	}
	among := []ServerID{id}
	if len(args) > 0 {
		among = append(among, serverIDs(args[1:])...)
	}
	for _, other := range among {
		if s.servers[other] == nil {
			return fmt.Errorf("%s is not running", other)
		}
		s.servers[other].unheard = r.cfg.ElectionTicks
	}
	r.role = Follower // an earlier attempt is over
	for n := 0; r.role == Follower; n++ {
		if r.Tick(); n > 2*r.cfg.ElectionTicks {
			return fmt.Errorf("%s does not stand", id)
		}
	}
	s.perform(id)
	kinds := []string{"RequestPreVote", "RequestPreVoteResponse", "RequestVote", "RequestVoteResponse"}
	return s.move("deliver", filter{among: among, kinds: kinds})
}

func (s *stage) compact(id ServerID, r *Raft, args []string) error {
	var upto, keep Index
	if _, err := fmt.Sscanf(strings.Join(args, " "), "upto %d keep %d", &upto, &keep); err != nil {
		return err
	}
	term, _ := r.log.term(upto)
	meta := SnapshotMeta{upto, term, r.log.snapshot.Config}
	for _, e := range r.log.slice(r.log.firstIndex(), upto) {
		if e.Config != nil {
			meta.Config = *e.Config
		}
	}
	s.disks[id].Snapshot = meta
	r.Compact(meta, keep, math.MaxInt)
	s.perform(id)
	return nil
}

func serverIDs(words []string) (ids []ServerID) {
	for _, w := range words {
		ids = append(ids, ServerID(w))
	}
	return ids
}
