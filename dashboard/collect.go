package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

// Ask asks the server at an address for its status in detail.
type Ask func(ctx context.Context, addr string) (*kvorumv1.StatusResponse, error)

// askPatience is how long a server may take to answer. With roundInterval it bounds
// how long it takes to see that a server is down.
const askPatience = 700 * time.Millisecond

// collector asks the servers of a cluster again and again. It belongs to one
// goroutine.
type collector struct {
	self    string // the address of this server
	ask     Ask
	own     *kvorumv1.StatusResponse
	members []*kvorumv1.Member
	seen    map[string]*sighting // by Member.Id
	noticed []Event              // servers that went or came back, the latest first
}

// sighting is what is known of one server.
type sighting struct {
	last    sample // its last answer
	base    sample // its answer that loads are counted from
	problem string // why it did not answer just now; empty: it did
}

func newCollector(self string, ask Ask) *collector {
	return &collector{self: self, ask: ask, seen: map[string]*sighting{}}
}

// collect asks all servers at once, and returns what they say.
func (c *collector) collect(ctx context.Context) Snapshot {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	own, err := c.ask(ctx, c.self)
	if err != nil {
		return Snapshot{Time: time.Now().UnixMilli(), Health: Health{levelBad, "This server does not answer.", reason(err)}}
	}
	c.own, c.members = own, own.GetDetail().GetMembers()
	asked := map[string]bool{}
	c.askAll(ctx, asked)
	// This server may have been cut off, and missed who came and who went. The
	// leader knows.
	if leader := c.leader(); leader != nil {
		c.members = leader.GetDetail().GetMembers()
		c.askAll(ctx, asked)
	}
	return c.snapshot()
}

// askAll asks the members that have not been asked yet.
func (c *collector) askAll(ctx context.Context, asked map[string]bool) {
	answers := make([]*kvorumv1.StatusResponse, len(c.members))
	errs := make([]error, len(c.members))
	var group sync.WaitGroup
	for i, m := range c.members {
		if !asked[m.GetId()] {
			group.Go(func() { answers[i], errs[i] = c.ask(ctx, m.GetRpcAddr()) })
		}
	}
	group.Wait()
	for i, m := range c.members {
		if !asked[m.GetId()] {
			asked[m.GetId()] = true
			c.note(m, answers[i], c.check(m, answers[i], errs[i]))
		}
	}
}

// check returns what is wrong with an answer, or empty.
func (c *collector) check(m *kvorumv1.Member, answer *kvorumv1.StatusResponse, err error) string {
	switch own := c.own.GetClusterId(); {
	case err != nil:
		return reason(err)
	case answer.GetDetail() == nil:
		return "its program is older and tells nothing in detail"
	case answer.GetClusterId() != own:
		return fmt.Sprintf("a server of another cluster, %s, answers at its address", answer.GetClusterId())
	case answer.GetDetail().GetId() != m.GetId():
		return "another server answers at its address: " + answer.GetDetail().GetId()
	default:
		return ""
	}
}

// reason says why a server does not answer, for people.
func reason(err error) string {
	text := status.Convert(err).Message()
	switch {
	case strings.Contains(text, "connection refused"):
		return "it refuses connections: its process is not running"
	case status.Code(err) == codes.DeadlineExceeded || strings.Contains(text, "deadline exceeded"):
		return fmt.Sprintf("no answer within %v: it is paused, overloaded or cut off", askPatience)
	case strings.Contains(text, "error reading from server"):
		return "the connection to it broke"
	default:
		return text
	}
}

// note remembers an answer, and notices who went and who came back.
func (c *collector) note(m *kvorumv1.Member, answer *kvorumv1.StatusResponse, problem string) {
	s, known := c.seen[m.GetId()]
	if !known {
		s = &sighting{}
		c.seen[m.GetId()] = s
	}
	switch {
	case known && s.problem == "" && problem != "":
		c.notice(m, "WARN", "does not answer: "+problem)
	case known && s.problem != "" && problem == "":
		c.notice(m, "INFO", "answers again")
	}
	s.problem = problem
	if problem == "" {
		s.last = sample{answer, time.Now()}
	}
}

// mark has loads counted from now on.
func (c *collector) mark() {
	for _, s := range c.seen {
		s.base = s.last
	}
}

func (c *collector) notice(m *kvorumv1.Member, level, text string) {
	e := Event{Time: time.Now().UnixMilli(), Servers: []string{name(m)}, Level: level, Text: text}
	c.noticed = slices.Insert(c.noticed, 0, e)
	c.noticed = c.noticed[:min(len(c.noticed), maxEvents)]
}

// leader returns the status of the server that leads, by its own account and in the
// latest term, or nil. One that was deposed and does not know yet does not count.
func (c *collector) leader() (leader *kvorumv1.StatusResponse) {
	var term uint64
	for _, m := range c.members {
		s := c.seen[m.GetId()]
		if s == nil || s.problem != "" {
			continue
		}
		if st := s.last.status; st.GetTerm() > term || st.GetTerm() == term && st.GetRole() == "leader" {
			term, leader = st.GetTerm(), nil
			if st.GetRole() == "leader" {
				leader = st
			}
		}
	}
	return leader
}

// name returns what people call a server.
func name(m *kvorumv1.Member) string { return node.Name(raft.ServerID(m.GetId())) }
