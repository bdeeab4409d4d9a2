package sim

import (
	"testing"
	"time"
)

// What a leader does in the first moments without faults may come from those
// before: one that nobody could answer looks only once in an election timeout.
func TestCalmIsDemandedWhenTheFaultsAreForgotten(t *testing.T) {
	t.Parallel()
	for cut := time.Duration(0); cut < 2*ElectionTimeout; cut += tickTime {
		c := newCluster(Options{Seed: 1})
		c.mix = mix{servers: 3, voters: 3, clients: 1, keys: 1, delay: tickTime / 10, heartbeatTicks: 2,
			snapshotEvery: 200, segmentBytes: 4 << 10, readPercent: 20}
		c.create()
		c.playUntil(20 * ElectionTimeout)
		for _, from := range c.servers {
			c.network.cut[from.number][c.observer.leader.number] = true
		}
		c.playUntil(c.now + cut)
		c.begin(healed)
		c.demandLiveness(c.present())
		if c.observer.err != nil {
			t.Errorf("after %v in which the leader heard nobody: %v", cut, c.observer.err)
		}
	}
}
