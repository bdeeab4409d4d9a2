package dashboard

import (
	"cmp"
	"slices"
	"strings"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

const (
	// maxEvents is how many events are shown.
	maxEvents = 50
	// togetherMilli is within how many milliseconds servers say the same about one event.
	togetherMilli = 2000
)

// events returns the latest of all logs, and of what was noticed from here.
func (c *collector) events() []Event {
	var all []Event
	for _, m := range c.members {
		// The latest first here too, as many records can be of one millisecond.
		for _, r := range slices.Backward(c.seen[m.GetId()].last.status.GetDetail().GetLog()) {
			all = append(all, eventOf(name(m), r))
		}
	}
	latestFirst := func(a, b Event) int { return cmp.Compare(b.Time, a.Time) }
	slices.SortStableFunc(all, latestFirst)
	all = slices.Concat(c.noticed, join(all))
	slices.SortStableFunc(all, latestFirst)
	return all[:min(len(all), maxEvents)]
}

func eventOf(server string, r *kvorumv1.LogRecord) Event {
	return Event{Time: r.GetUnixMilli(), Servers: []string{server}, Level: r.GetLevel(), Text: r.GetText(), Fields: r.GetFields()}
}

// join makes one event of several servers' words about it: that they follow a
// leader, say.
func join(all []Event) []Event {
	var joined []Event
	for _, e := range all {
		i := slices.IndexFunc(joined, func(other Event) bool { return other.same(e) })
		if i < 0 {
			joined = append(joined, e)
			continue
		}
		joined[i].Servers = slices.Concat(joined[i].Servers, e.Servers)
	}
	for _, e := range joined {
		slices.SortFunc(e.Servers, strings.Compare)
	}
	return joined
}

// same reports whether another server says the same at about the same time.
func (e Event) same(other Event) bool {
	return e.Text == other.Text && slices.Equal(e.Fields, other.Fields) &&
		e.Time-other.Time < togetherMilli && !slices.Contains(e.Servers, other.Servers[0])
}
