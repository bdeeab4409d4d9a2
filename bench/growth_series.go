package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"kvorum/rpc/client"
)

// growthClients is how many clients set and get at a time, unless values are large.
const growthClients = 64

// loaded is a system that is loaded with requests.
type loaded interface {
	system
	keyValue
}

// measureServers compares clusters of different sizes, and etcd's of three.
func (g *growth) measureServers(ctx context.Context) (err error) {
	var sets, gets []contender
	defer func() { err = errors.Join(err, closeAll(sets)) }()
	add := func(called string, n int, s loaded) error {
		set, err := s.prepare(ctx, row{"set", growthClients, 256})
		sets = append(sets, contender{s, called, n, set})
		gets = append(gets, contender{s, called, n, getsAtLeader(s)})
		return err
	}
	for _, n := range g.series.sizes {
		k, err := startKvorumServers(ctx, fmt.Sprintf("kvorum-of-%d", n), g.program, g.dir, n, usualConnections)
		if err != nil {
			return err
		}
		if err := add("kvorum", n, k); err != nil {
			return err
		}
	}
	e, err := startEtcd(ctx, g.dir, usualConnections)
	if err != nil {
		return err
	}
	if err := add("etcd", 3, e); err != nil {
		return err
	}
	return errors.Join(g.compare(ctx, "set", growthClients, sets), g.compare(ctx, "get", growthClients, gets))
}

func closeAll(all []contender) (err error) {
	for _, c := range all {
		err = errors.Join(err, c.close())
	}
	return err
}

// measureValues compares values of different sizes. Fewer clients than elsewhere
// write, so that all their values fit into what a leader takes at a time.
func (g *growth) measureValues(ctx context.Context) (err error) {
	k, e, err := g.startBoth(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close(), e.close()) }()
	const clients = 16
	for _, bytes := range g.series.sizes {
		all := []contender{{k, "kvorum", bytes, setsAmong(k, 100, bytes)}, {e, "etcd", bytes, setsAmong(e, 100, bytes)}}
		if err := g.compare(ctx, "set", clients, all); err != nil {
			return err
		}
		for _, c := range all {
			i := len(g.points) - 1
			for g.points[i].System != c.called || g.points[i].Figure != "sets/s" {
				i--
			}
			g.add(c.called, bytes, "MB/s", g.points[i].Value*float64(bytes)/1e6)
		}
	}
	return nil
}

// startBoth starts kvorum and etcd, which may keep more than it does by default:
// it keeps every old value, too.
func (g *growth) startBoth(ctx context.Context) (*kvorum, *etcd, error) {
	k, err := startKvorum(ctx, "kvorum", g.program, g.dir, usualConnections)
	if err != nil {
		return nil, nil, err
	}
	e, err := startEtcd(ctx, g.dir, usualConnections, "--quota-backend-bytes", fmt.Sprint(8<<30))
	if err != nil {
		return nil, nil, errors.Join(err, k.close())
	}
	return k, e, nil
}

// measureSessions opens sessions, and writes through all of them in turn. Plain
// writes through the same client, while the sessions are open, show what they cost.
func (g *growth) measureSessions(ctx context.Context) (err error) {
	k, err := startKvorum(ctx, "kvorum", g.program, g.dir, usualConnections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	c, err := client.New(k.addresses)
	if err != nil {
		return err
	}
	defer c.Close()
	plain := func(ctx context.Context, _ int, random *rand.Rand) error {
		_, err := c.Set(ctx, anyKey(random), newValue(256, random))
		return err
	}
	var open []*client.Session
	for _, n := range g.series.sizes {
		more := make([]*client.Session, n-len(open))
		took, err := repeat(ctx, "open session", len(more), growthClients, func(ctx context.Context, _, i int) (err error) {
			more[i], err = c.OpenSession(ctx)
			return err
		})
		if err != nil {
			return err
		}
		open = append(open, more...)
		through := func(ctx context.Context, _ int, random *rand.Rand) error {
			_, err := open[random.IntN(n)].Set(ctx, anyKey(random), newValue(256, random))
			return err
		}
		if err := g.compare(ctx, "set", growthClients, []contender{{k, "through sessions", n, through}, {k, "plain, beside them", n, plain}}); err != nil {
			return err
		}
		if len(more) >= growthClients {
			g.add("through sessions", n, "opened/s", float64(len(more))/took.Seconds())
		}
	}
	return nil
}
