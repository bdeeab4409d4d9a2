package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// resident returns how many bytes of a process are in memory: all, and with what it
// shares with others, such as the program of three servers, divided among them.
func resident(pid int) (rss, pss int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "Rss:" && fields[0] != "Pss:" {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if fields[0] == "Rss:" {
			rss = kib << 10
		} else {
			pss = kib << 10
		}
	}
	return rss, pss, nil
}

// addMemory adds what the servers have in memory: the leader, and of the others the
// one that has most.
func (g *growth) addMemory(system string, x int, s servers, leader int) error {
	var rss, pss []int64
	for _, cmd := range s {
		r, p, err := resident(cmd.Process.Pid)
		if err != nil {
			return err
		}
		rss, pss = append(rss, r), append(pss, p)
	}
	const mib = 1 << 20
	g.add(system, x, "leader's RSS (MiB)", float64(rss[leader])/mib)
	g.add(system, x, "leader's PSS (MiB)", float64(pss[leader])/mib)
	followers := slices.Delete(slices.Clone(rss), leader, leader+1)
	g.add(system, x, "followers' RSS (MiB)", float64(slices.Max(followers))/mib)
	return nil
}

const (
	// settling is how long servers that were just loaded, or started, are left alone.
	settling = 5 * time.Second
	// idleTime is how long they then do nothing, to see what that costs.
	idleTime = 20 * time.Second
)

// measureIdle measures servers without keys, clients and load.
func (g *growth) measureIdle(ctx context.Context) (err error) {
	k, e, err := g.startBoth(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close(), e.close()) }()
	progress("idle")
	rest(ctx, settling)
	before := map[keeper]time.Duration{}
	for _, s := range []keeper{k, e} {
		if before[s], err = s.cpu(); err != nil {
			return err
		}
	}
	rest(ctx, idleTime)
	progress("")
	for _, s := range []keeper{k, e} {
		now, err := s.cpu()
		if err != nil {
			return err
		}
		servers, leader, _ := s.running()
		g.add(s.name(), 0, "a server's CPU (% of a core)", 100*float64(now-before[s])/float64(idleTime)/float64(len(servers)))
		if err := g.addMemory(s.name(), 0, servers, leader); err != nil {
			return err
		}
	}
	return ctx.Err()
}
