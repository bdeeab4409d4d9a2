package script

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft"
)

var messageKinds = []string{
	"RequestVote", "RequestVoteResponse", "RequestPreVote", "RequestPreVoteResponse", "AppendEntries",
	"AppendEntriesResponse", "InstallSnapshot", "ReadIndexRequest", "ReadIndexResponse", "TimeoutNow",
}

func kind(m raft.Message) string { return reflect.TypeOf(m.Body).Name() }

// Link is a way that messages go. A script writes it S1->S2.
type Link struct{ From, To raft.ServerID }

func (l Link) String() string { return string(l.From + "->" + l.To) }

// Filter picks messages. An empty field picks all.
type Filter struct {
	Count   int   // at most so many
	Numbers []int // as Letter has them
	kinds   []string
	links   []Link
	among   []raft.ServerID
	untold  bool // a snapshot's sender does not hear yet that its way has ended
}

// ParseFilter reads what stands behind deliver, drop or duplicate. An error says
// which word means nothing.
func ParseFilter(args []string) (f Filter, err error) {
	for i, arg := range args {
		n, notNumber := strconv.Atoi(strings.TrimPrefix(arg, "#"))
		switch {
		case notNumber == nil && arg[0] == '#':
			f.Numbers = append(f.Numbers, n)
		case notNumber == nil:
			f.Count = n
		case strings.Contains(arg, "->"):
			from, to, _ := strings.Cut(arg, "->")
			f.links = append(f.links, Link{raft.ServerID(from), raft.ServerID(to)})
		case arg == "among":
			f.among = serverIDs(args[i+1:])
			return f, nil
		case arg == "untold":
			f.untold = true
		case slices.Contains(messageKinds, arg):
			f.kinds = append(f.kinds, arg)
		default:
			return f, fmt.Errorf("no such kind of message: %s", arg)
		}
	}
	return f, nil
}

// Picks reports whether f picks a message, however many were picked before.
func (f Filter) Picks(m raft.Message) bool {
	return (len(f.kinds) == 0 || slices.Contains(f.kinds, kind(m))) &&
		(len(f.links) == 0 || slices.Contains(f.links, Link{m.From, m.To})) &&
		(f.among == nil || slices.Contains(f.among, m.From) && slices.Contains(f.among, m.To))
}

func (f Filter) picks(l Letter) bool {
	return (len(f.Numbers) == 0 || slices.Contains(f.Numbers, l.Number)) && f.Picks(l.Message)
}

// move delivers, drops or duplicates the messages that f picks. Delivery goes
// on with the messages that it causes, the others stay where they are.
func (s *Stage) move(how string, f Filter) error {
	if how == "duplicate" {
		for _, m := range s.net {
			if f.picks(m) {
				s.send([]raft.Message{m.Message})
			}
		}
		return nil
	}
	for i, n := 0, 0; f.Count == 0 || n < f.Count; n++ {
		for i < len(s.net) && !f.picks(s.net[i]) {
			i++ // for good: what is sent meanwhile stands behind it
		}
		if i == len(s.net) {
			return nil
		}
		m := s.net[i]
		s.net = slices.Delete(s.net, i, i+1)
		if how == "deliver" {
			s.deliver(m.Message)
		}
		// A snapshot's transport tells the sender how it ended.
		if sender := s.servers[m.From]; kind(m.Message) == "InstallSnapshot" && sender != nil && !f.untold {
			sender.SnapshotDone(m.To)
			s.perform(m.From)
		}
		if how == "deliver" && n > 1000 {
			return errors.New("the servers do not stop talking")
		}
		s.step()
	}
	return nil
}
