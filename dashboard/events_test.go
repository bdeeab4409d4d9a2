package dashboard

import (
	"fmt"
	"strings"
	"testing"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// log has a server say the texts, all with the fields, a millisecond after each other.
func (c *cluster) log(server string, start int64, fields []string, texts ...string) {
	for i, text := range texts {
		d := c.servers[server].Detail
		d.Log = append(d.Log, &kvorumv1.LogRecord{UnixMilli: start + int64(i), Text: text, Fields: fields})
	}
}

func TestWhatSeveralServersSayIsOneEvent(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, c *cluster, look *collector) {
		c.log("n1", 100, []string{"term=1"}, "follows", "follows")
		c.log("n2", 1000, []string{"term=1"}, "follows")
		c.log("n3", 1001, []string{"term=2"}, "follows")
		var got []string
		for _, e := range look.collect(t.Context()).Events {
			got = append(got, fmt.Sprintf("%v %s", e.Servers, e.Fields[0]))
		}
		if want := "[n3] term=2, [n1 n2] term=1, [n1] term=1"; strings.Join(got, ", ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
		c.log("n1", 5000, nil, make([]string, 2*maxEvents)...)
		if n := len(look.collect(t.Context()).Events); n != maxEvents {
			t.Errorf("got %d events, want %d", n, maxEvents)
		}
	})
}
