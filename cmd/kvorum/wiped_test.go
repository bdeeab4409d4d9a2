package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"kvorum/rpc/client"
)

// TestWipedServerCountsOnlyOnceReadmitted: a server that lost its folder may have
// forgotten a vote and what it acknowledged, so it comes back as another one. As
// long as nobody with a quorum has admitted it, it makes up no majority.
func TestWipedServerCountsOnlyOnceReadmitted(t *testing.T) {
	t.Parallel()
	c := startTrio(t, quick...)
	all := c.client(0, 1, 2)
	put(t, all, "key", "before")
	before := c.servers[2].says(` id=(\S+)`)[1]
	for _, i := range []int{1, 2} {
		c.kill(i)
	}
	if err := os.RemoveAll(c.data[2]); err != nil {
		t.Fatal(err)
	}
	c.start(2)
	eventually(t, "the wiped server has met the other", func() bool {
		return strings.Contains(c.servers[2].text(), "belongs to no cluster yet")
	})
	// One of three voters is left: nothing can be written or read.
	for _, i := range []int{0, 2} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // ten election timeouts
		if _, err := c.client(i).Set(ctx, "other", nil); err == nil {
			t.Errorf("%s took a write without a quorum", c.servers[i].rpcAddr)
		}
		if _, err := c.client(i).Get(ctx, "key"); err == nil {
			t.Errorf("%s answered a linearizable read without a quorum", c.servers[i].rpcAddr)
		}
		cancel()
	}
	c.start(1)
	c.ready()
	eventually(t, "the wiped server has taken its own place", func() bool {
		st, err := all.Status(t.Context(), c.servers[0].rpcAddr)
		n, votersErr := voters(all, c.servers[0])
		return err == nil && votersErr == nil && n == 3 && len(st.GetServers()) == 3
	})
	if after := c.servers[2].says(` id=(\S+)`)[1]; after == before {
		t.Errorf("the wiped server is still %s", after)
	}
	for i := range c.servers {
		only := client.AtServer(c.servers[i].rpcAddr)
		if got, err := c.client(i).Get(t.Context(), "key", only); err != nil || string(got.GetValue()) != "before" {
			t.Errorf("at %s: got %q, %v", c.servers[i].rpcAddr, got.GetValue(), err)
		}
	}
}
