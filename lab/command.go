package lab

import (
	"fmt"
	"slices"
	"strings"

	"kvorum/raft/sim"
)

// Command is what can be done to a run.
type Command struct {
	Name string `json:"name"`
	Use  string `json:"use"`  // how it is written: set KEY VALUE [at SERVER]
	Help string `json:"help"` // what it does
	do   func(s *worldScene, args []string) (answer string, err error)
}

// Commands lists them. In Use a word in capitals stands for what is to be said there.
func Commands() []Command { return slices.Clone(commands) }

var commands = []Command{
	{"set", "set KEY VALUE [at SERVER]", "a client writes; the leader is asked if no server is named", asking(sim.Set, 2)},
	{"get", "get KEY [at SERVER] [LEVEL]", "a client reads; LEVEL is linearizable, or stale: what the server at hand has", asking(sim.Get, 1)},
	{"cas", "cas KEY OLD NEW [at SERVER]", "a client writes NEW if KEY holds OLD", asking(sim.CompareAndSet, 3)},
	{"delete", "delete KEY [at SERVER]", "a client deletes KEY", asking(sim.Delete, 1)},
	{"crash", "crash SERVER [unsynced]", "its process ends; unsynced: the power fails, and it loses what it wrote and did not sync", crash},
	{"restart", "restart SERVER", "it starts from what is on its disk", on((*world).Restart)},
	{"pause", "pause SERVER", "its process stops as it is; messages to it wait", on((*world).Pause)},
	{"resume", "resume SERVER", "its process goes on", on((*world).Resume)},
	{"wipe", "wipe SERVER", "its disk is lost: an empty server with another id takes its place", on((*world).Wipe)},
	{"stall", "stall SERVER", "its disk does not answer", on(func(w *world, id serverID) error { return w.Stall(id, true) })},
	{"unstall", "unstall SERVER", "its disk answers again", on(func(w *world, id serverID) error { return w.Stall(id, false) })},
	{"clock", "clock SERVER SPEED", "its clock runs at so many times the right speed, 0.1 to 10", clock},
	{"tick", "tick SERVER [N]", "its clock jumps by so many ticks", tick},
	{"cut", "cut LINK", "the link loses all messages; n1->n2 is one direction, n1 n2 both", cut},
	{"slow", "slow LINK MS", "messages there take so many milliseconds longer; 0: as before", slow},
	{"split", "split SERVER ... | SERVER ...", "only those on one side hear each other", split},
	{"heal", "heal [LINK]", "the link is whole and fast again; without a link, all are", heal},
	{"drop", "drop MESSAGE", "a message on its way is lost", message((*world).Drop)},
	{"duplicate", "duplicate MESSAGE", "a copy of it comes later", message((*world).Duplicate)},
	{"delay", "delay MESSAGE MS", "it takes so many milliseconds longer", delay},
	{"deliver", "deliver MESSAGE", "it arrives now", message((*world).Deliver)},
	{"reorder", "reorder MESSAGE", "it arrives right after the next one on its link", message((*world).Reorder)},
	{"server", "server", "a new server, which knows nobody", server},
	{"add", "add SERVER", "the leader makes it a learner", member(addLearner)},
	{"promote", "promote SERVER", "the leader makes it a voter", member(promote)},
	{"remove", "remove SERVER", "the leader takes it out", member(remove)},
	{"config", "config SERVER ... [learners SERVER ...]", "the leader changes to these voters and learners", config},
	{"snapshot", "snapshot SERVER", "it saves one, and cuts its log", on((*world).Snapshot)},
	{"transfer", "transfer SERVER [SERVER]", "it hands leadership over, to the second or to the most up-to-date one", transfer},
	{"suspect", "suspect SERVER SERVER", "the first is told that the process of the second is gone", suspect},
}

// find returns the command that a line begins with, and its arguments.
func find(line string) (Command, []string, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return Command{}, nil, fmt.Errorf("what is to be done? `help` lists what can be")
	}
	for _, c := range commands {
		if c.Name == words[0] {
			return c, words[1:], nil
		}
	}
	return Command{}, nil, fmt.Errorf("there is no command %q: `help` lists them", words[0])
}

// help answers a line that asks for help.
func help(line string) (answer string, is bool) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "help" {
		return "", false
	}
	var b strings.Builder
	for _, c := range commands {
		if len(words) == 1 || words[1] == c.Name {
			fmt.Fprintf(&b, "%-40s %s\n", c.Use, c.Help)
		}
	}
	if b.Len() == 0 {
		return fmt.Sprintf("there is no command %q", words[1]), true
	}
	return strings.TrimSuffix(b.String(), "\n"), true
}

func (s *worldScene) do(line string) (answer string, err error) {
	c, args, err := find(line)
	if err != nil {
		return "", err
	}
	if answer, err = c.do(s, args); err != nil && err == errUsage {
		return "", fmt.Errorf("that is written %s: %s", c.Use, c.Help)
	}
	return answer, err
}

// Complete returns what the last word of a line may become.
func (p *Player) Complete(line string) []string {
	words := strings.Fields(line)
	if line == "" || strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	var all []string
	if len(words) == 1 {
		for _, c := range commands {
			all = append(all, c.Name)
		}
		all = append(all, "help")
	} else if c, _, err := find(line); err == nil {
		all = p.scene.words(place(c, words[1:]))
	}
	return slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, last) })
}

// place returns the word of a command's use where the last of the given words stands.
func place(c Command, words []string) string {
	uses := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(c.Use))[1:]
	switch n := len(words) - 1; {
	case n == 1 && uses[0] == "LINK" && !strings.Contains(words[0], "->"):
		return "SERVER" // n1 n2 is a link, too
	case n < len(uses) && uses[n] != "...":
		return uses[n]
	case strings.Contains(c.Use, "..."):
		return "SERVER"
	}
	return ""
}

func (s *worldScene) words(place string) []string {
	var all []string
	switch place {
	case "SERVER", "LINK":
		for _, v := range s.world.Servers() {
			if v.Process != "gone" {
				all = append(all, string(v.ID))
			}
		}
	case "MESSAGE":
		for _, f := range s.world.Flights() {
			all = append(all, fmt.Sprint(f.Number))
		}
	case "LEVEL":
		all = []string{"linearizable", "stale"}
	case "SPEED":
		all = []string{"0.5", "1", "2"}
	case "KEY", "VALUE", "OLD", "NEW", "MS", "N", "":
	default: // a word of the command itself
		all = []string{place}
	}
	return all
}
