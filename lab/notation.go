package lab

import "slices"

// Notation lists what can be done to a script, in the words of its own notation; see
// package script, which reads them.
func Notation() []Command { return slices.Clone(notation) }

var notation = []Command{
	{Name: "propose", Use: "propose SERVER WORD ...", Help: "it proposes an entry for each word, if it leads"},
	{Name: "read", Use: "read SERVER", Help: "it is asked as of when a linearizable read may be answered"},
	{Name: "elect", Use: "elect SERVER with SERVER ...", Help: "these hear no leader any more; the first stands for election, and they vote"},
	{Name: "heartbeat", Use: "heartbeat SERVER", Help: "so much time passes at it as between two heartbeats"},
	{Name: "tick", Use: "tick SERVER [N]", Help: "its clock goes on by so many ticks"},
	{Name: "deliver", Use: "deliver MESSAGE ...", Help: "these messages arrive, with those that they cause: #17, or 2 of a kind or a link, as in 2 AppendEntries S1->S2, or all"},
	{Name: "drop", Use: "drop MESSAGE ...", Help: "these messages are lost"},
	{Name: "duplicate", Use: "duplicate MESSAGE ...", Help: "these messages are on their way twice"},
	{Name: "crash", Use: "crash SERVER", Help: "its process ends; what was not on its disk is lost"},
	{Name: "restart", Use: "restart SERVER", Help: "it starts from what is on its disk"},
	{Name: "hold", Use: "hold SERVER", Help: "its disk does not answer"},
	{Name: "persist", Use: "persist SERVER [N]", Help: "its disk answers again; with a number, so many batches only"},
	{Name: "gather", Use: "gather SERVER", Help: "it takes inputs, and does not act on them"},
	{Name: "perform", Use: "perform SERVER", Help: "it acts on all of them together"},
	{Name: "transfer", Use: "transfer SERVER [SERVER]", Help: "it hands leadership over, to the second or to the most up-to-date one"},
	{Name: "config", Use: "config SERVER SERVER ... [learners SERVER ...]", Help: "the first leads the change to these voters and learners"},
	{Name: "suspect", Use: "suspect SERVER SERVER", Help: "the first is told that the process of the second is gone"},
	{Name: "compact", Use: "compact SERVER upto N keep N", Help: "it has a snapshot of its state up to an index, and cuts its log but for so many entries"},
	{Name: "told", Use: "told SERVER SERVER", Help: "the first hears that the way of its snapshot to the second has ended"},
	{Name: "disk", Use: "disk SERVER term=N log=T.T.T", Help: "it restarts with these terms in its log"},
	{Name: "server", Use: "server SERVER", Help: "one more server, which knows nobody"},
	{Name: "cluster", Use: "cluster SERVER ...", Help: "new servers in the place of all others"},
	{Name: "mark", Use: "mark", Help: "remembers how everything is,"},
	{Name: "rewind", Use: "rewind", Help: "and makes it so again"},
	statusCommand, logsCommand, networkCommand, helpCommand,
}
