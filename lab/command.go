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
	ask  func(p *Player, args []string) (answer string, err error) // what is no event, in do's place
}

// Commands lists what can be done to a run of the simulator. In Use a word in capitals
// stands for what is to be said there.
func Commands() []Command { return slices.Clone(commands) }

var commands = []Command{
	{"set", "set KEY VALUE [at SERVER]", "a client writes; the leader is asked if no server is named", asking(sim.Set, 2), nil},
	{"get", "get KEY [at SERVER] [LEVEL [MS]]", "a client reads: linearizable (as is lease), bounded 200 from a state that is no older, or stale from what the server at hand has", asking(sim.Get, 1), nil},
	{"cas", "cas KEY OLD NEW [at SERVER]", "a client writes NEW if KEY holds OLD", asking(sim.CompareAndSet, 3), nil},
	{"delete", "delete KEY [at SERVER]", "a client deletes KEY", asking(sim.Delete, 1), nil},
	{"propose", "propose SERVER WORD ...", "the server proposes a set for each word, if it leads: x=1 sets key x to 1, and x sets it to x", propose, nil},
	{"read", "read SERVER [KEY]", "a linearizable get there, of key x if none is named", read, nil},
	{"elect", "elect SERVER [with SERVER ...]", "it and those with it, or all, hear no leader any more, and its clock jumps until it stands for election", elect, nil},
	{"heartbeat", "heartbeat SERVER", "the leader's clock jumps to its next heartbeats", heartbeat, nil},
	{"crash", "crash SERVER [unsynced]", "its process ends; unsynced: the power fails, and it loses what it wrote and did not sync", crash, nil},
	{"restart", "restart SERVER", "it starts from what is on its disk", on((*world).Restart), nil},
	{"pause", "pause SERVER", "its process stops as it is; messages to it wait", on((*world).Pause), nil},
	{"resume", "resume SERVER", "its process goes on", on((*world).Resume), nil},
	{"wipe", "wipe SERVER", "its disk is lost: an empty server with another id takes its place", on((*world).Wipe), nil},
	{"stall", "stall SERVER", "its disk does not answer", on(func(w *world, id serverID) error { return w.Stall(id, true) }), nil},
	{"unstall", "unstall SERVER", "its disk answers again", on(func(w *world, id serverID) error { return w.Stall(id, false) }), nil},
	{"hold", "hold SERVER", "as stall", on(func(w *world, id serverID) error { return w.Stall(id, true) }), nil},
	{"persist", "persist SERVER", "as unstall", on(func(w *world, id serverID) error { return w.Stall(id, false) }), nil},
	{"clock", "clock SERVER SPEED", "its clock runs at so many times the right speed, 0.1 to 10", clock, nil},
	{"tick", "tick SERVER [N]", "its clock jumps by so many ticks", tick, nil},
	{"cut", "cut LINK", "the link loses all messages; n1->n2 is one direction, n1 n2 both", cut, nil},
	{"slow", "slow LINK MS", "messages there take so many milliseconds longer; 0: as before", slow, nil},
	{"split", "split SERVER ... | SERVER ...", "only those on one side hear each other", split, nil},
	{"heal", "heal [LINK]", "the link is whole and fast again; without a link, all are", heal, nil},
	{"drop", "drop MESSAGE ...", "messages on their way are lost: 17, or 2 of a kind or a link, as in 2 AppendEntries n1->n2, or all such", messages((*world).Drop), nil},
	{"duplicate", "duplicate MESSAGE ...", "copies of such messages come later", messages((*world).Duplicate), nil},
	{"delay", "delay MESSAGE MS", "it takes so many milliseconds longer", delay, nil},
	{"deliver", "deliver MESSAGE ...", "such messages arrive now", messages((*world).Deliver), nil},
	{"reorder", "reorder MESSAGE", "it arrives right after the next one on its link", message((*world).Reorder), nil},
	{"server", "server", "a new server, which knows nobody", server, nil},
	{"add", "add SERVER", "the leader makes it a learner", member(addLearner), nil},
	{"promote", "promote SERVER", "the leader makes it a voter", member(promote), nil},
	{"remove", "remove SERVER", "the leader takes it out", member(remove), nil},
	{"config", "config SERVER ... [learners SERVER ...]", "the leader changes to these voters and learners", config, nil},
	{"snapshot", "snapshot SERVER", "it saves one, and cuts its log", on((*world).Snapshot), nil},
	{"compact", "compact SERVER", "as snapshot", on((*world).Snapshot), nil},
	{"transfer", "transfer SERVER [SERVER]", "it hands leadership over, to the second or to the most up-to-date one", transfer, nil},
	{"suspect", "suspect SERVER SERVER", "the first is told that the process of the second is gone", suspect, nil},
	{"mark", "mark", "remembers this event, to which rewind goes back", nil, mark},
	{"rewind", "rewind", "goes back to what was marked", nil, rewind},
	statusCommand, logsCommand, networkCommand, helpCommand,
}

// find returns which of some commands a line begins with, and its arguments.
func find(commands []Command, line string) (Command, []string, error) {
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

// explain says how the command is written if that is what was wrong.
func (c Command) explain(err error) error {
	if err == errUsage {
		return fmt.Errorf("that is written %s: %s", c.Use, c.Help)
	}
	return err
}

func (s *worldScene) commands() []Command { return commands }

func (s *worldScene) do(line string) (answer string, err error) {
	c, args, err := find(s.commands(), line)
	if err != nil {
		return "", err
	}
	answer, err = c.do(s, args)
	return answer, c.explain(err)
}
