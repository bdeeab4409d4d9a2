package discovery

import (
	"context"
	"time"
)

// How often join tries: quickly at first, because servers that start together
// find each other within a second or two, then without filling the network.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// join contacts the addresses of Config.Join over and over: the others may be
// started at any time, or come back elsewhere, and two groups that lost sight of
// each other meet again. Where nothing is new it costs one exchange of state.
func (m *Members) join(ctx context.Context) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	said := map[string]bool{}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
		for _, addr := range m.cfg.Join {
			_, err := m.serf.Join([]string{addr}, true)
			if ctx.Err() != nil {
				return
			}
			// A wrong address looks just like a server that is not up yet, so
			// it is named once it has been tried for a while.
			if err != nil && wait >= time.Second && !said[addr] {
				m.cfg.Log.Warn("cannot join yet; trying on", "addr", addr, "err", err)
				said[addr] = true
			}
		}
		retry.Reset(wait)
	}
}
