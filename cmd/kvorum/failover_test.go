package main

import (
	"syscall"
	"testing"
)

// TestAKilledLeaderIsReplacedBeforeItsSilenceIsNoticed: its connections end with it,
// and its machine refuses new ones. That it is silent would keep n3 from voting for a
// minute, twice as long as the test waits.
func TestAKilledLeaderIsReplacedBeforeItsSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	leader := serveOn(t, dir(t), "n1", append([]string{"--bootstrap"}, quick...)...)
	serveOn(t, dir(t), "n2", "--join", leader.serfAddr, "--election-timeout", "1s")
	all := clientOf(t, serveOn(t, dir(t), "n3", "--join", leader.serfAddr, "--election-timeout", "60s"))
	eventually(t, "three voters", func() bool {
		n, err := voters(all, leader)
		return err == nil && n == 3
	})
	put(t, all, "key", "before")
	leader.signal(syscall.SIGKILL)
	leader.exits(-1)
	put(t, all, "key", "after")
	expect(t, all, "key", "after")
}
