package sim

import (
	"slices"
	"testing"
	"time"
)

// withoutLeader returns how long two of three servers are without a leader after a
// crash, in the median of a hundred: perMille of the others notice it at once.
func withoutLeader(t *testing.T, perMille int) time.Duration {
	t.Helper()
	var all []time.Duration
	for n := range time.Duration(100) {
		c := quietCluster()
		c.mix.noticed = perMille
		c.playUntil(c.now + n*tickTime/7)
		old := c.observer.leader
		crashed := c.now
		c.crash(old, c.disks, time.Hour)
		c.await("L1", 20*ElectionTimeout, func() string {
			_, why := c.followedLeader(slices.DeleteFunc(c.present(), func(s *server) bool { return s == old }))
			return why
		})
		if c.observer.err != nil {
			t.Fatal(c.observer.err)
		}
		all = append(all, c.now-crashed)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// That a leader's process is known to be gone saves the time in which its silence
// would be noticed. (That a false word does no harm, the seeds show.)
func TestACrashThatIsNoticedIsSoonerOver(t *testing.T) {
	t.Parallel()
	unnoticed, noticed := withoutLeader(t, 0), withoutLeader(t, 1000)
	t.Logf("without a leader: %v, or %v if the crash is noticed", unnoticed, noticed)
	if unnoticed < ElectionTimeout || noticed > ElectionTimeout {
		t.Errorf("without a leader for %v, or %v if the crash is noticed; want more and less than %v", unnoticed, noticed, ElectionTimeout)
	}
}
