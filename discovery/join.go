package discovery

import (
	"context"
	"slices"
	"time"
)

// How often join tries: quickly at first, because servers that start together
// find each other within a second or two, then without filling the network.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// join contacts every address of Config.Join until it has been reached once, and
// all of them again whenever this server is alone. It never gives up: the
// others may be started, or come back, at any time.
func (m *Members) join(ctx context.Context) {
	pending := slices.Clone(m.cfg.Join)
	retry := time.NewTimer(0)
	defer retry.Stop()
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
		if len(pending) == 0 && m.alone() {
			pending = slices.Clone(m.cfg.Join)
		}
		pending = slices.DeleteFunc(pending, func(addr string) bool { return m.joined(ctx, addr, wait) })
		retry.Reset(wait)
	}
}

// joined makes one attempt. The first failures are said aloud, because a wrong
// address looks just like a server that is not up yet.
func (m *Members) joined(ctx context.Context, addr string, wait time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	_, err := m.serf.Join([]string{addr}, true)
	if err != nil && wait == 4*firstRetry {
		m.cfg.Log.Warn("cannot join yet; trying on", "addr", addr, "err", err)
	}
	return err == nil
}

// alone reports whether Serf knows no other server that is alive.
func (m *Members) alone() bool { return len(m.Alive()) <= 1 }
