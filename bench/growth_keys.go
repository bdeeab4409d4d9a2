package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// keeper is a system that is filled with keys.
type keeper interface {
	system
	keyValue
	cluster
	// fill writes the keys from..to-1.
	fill(ctx context.Context, from, to, bytes int) error
	// page lists the 1,000 keys from a key on: what a list is here.
	page(ctx context.Context, i int, from string) error
	// isCurrent is a linearizable read of one server.
	isCurrent(ctx context.Context, conn *grpc.ClientConn) error
	running() (s servers, leader int, addresses []string)
}

// measureKeys fills kvorum and etcd step by step with values of 256 bytes.
func (g *growth) measureKeys(ctx context.Context) (err error) {
	const bytes = 256
	k, e, err := g.startBoth(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close(), e.close()) }()
	both := []keeper{k, e}
	filled := 0
	for _, n := range g.series.sizes {
		for _, s := range both {
			if err := s.fill(ctx, filled, n, bytes); err != nil {
				return fmt.Errorf("fill %s: %w", s.name(), err)
			}
		}
		filled = n
		if err := g.measureAt(ctx, n, bytes, both); err != nil {
			return err
		}
		if err := g.measureSnapshot(ctx, n, k); err != nil {
			return err
		}
	}
	return nil
}

// measureAt measures what systems that hold n keys do.
func (g *growth) measureAt(ctx context.Context, n, bytes int, both []keeper) error {
	progress("%s: rest at %d", g.series.name, n)
	rest(ctx, settling)
	for _, s := range both {
		servers, leader, _ := s.running()
		if err := g.addMemory(s.name(), n, servers, leader); err != nil {
			return err
		}
	}
	var sets, pages []contender
	for _, s := range both {
		sets = append(sets, contender{s, s.name(), n, setsAmong(s, n, bytes)})
		pages = append(pages, contender{s, s.name(), n, func(ctx context.Context, i int, random *rand.Rand) error {
			return s.page(ctx, i, key(random.IntN(n-pageKeys+1)))
		}})
	}
	if err := errors.Join(g.compare(ctx, "set", growthClients, sets), g.compare(ctx, "list", 4, pages)); err != nil {
		return err
	}
	for _, s := range both {
		took, err := restartTime(ctx, s)
		if err != nil {
			return fmt.Errorf("restart a server of %s: %w", s.name(), err)
		}
		g.add(s.name(), n, "restart (s)", took.Seconds())
	}
	return nil
}

// measureSnapshot has kvorum's leader write a snapshot. One that is under way is
// waited for first.
func (g *growth) measureSnapshot(ctx context.Context, n int, k *kvorum) error {
	progress("%s: snapshot at %d", g.series.name, n)
	cluster := kvorumv1.NewClusterClient(k.to[k.leader].of(0))
	var took time.Duration
	for range 2 {
		// Without a change in between there would be nothing to write.
		if err := k.set(ctx, 0, key(0), []byte("changed")); err != nil {
			return err
		}
		began := time.Now()
		if _, err := cluster.TakeSnapshot(ctx, &kvorumv1.TakeSnapshotRequest{}); err != nil {
			return err
		}
		took = time.Since(began)
	}
	g.add(k.name(), n, "snapshot (s)", took.Seconds())
	return nil
}

// restartTime is how long a follower that was killed takes from its start until it
// answers a linearizable read.
func restartTime(ctx context.Context, s keeper) (time.Duration, error) {
	progress("restart a server of %s", s.name())
	servers, leader, addresses := s.running()
	i := (leader + 1) % len(servers)
	if err := s.signal(i, syscall.SIGKILL); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := s.restart(i); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		err := askOnce(ctx, addresses[i], s.isCurrent)
		if err == nil {
			return time.Since(began), nil
		}
		if ctx.Err() != nil {
			return 0, err
		}
		rest(ctx, 5*time.Millisecond)
	}
}

// askOnce asks over a connection of its own: one that had failed would wait before it
// tries again.
func askOnce(ctx context.Context, addr string, ask func(context.Context, *grpc.ClientConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	probe, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	probe.Close()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	return errors.Join(ask(ctx, conn), conn.Close())
}

// pageKeys is how many keys page lists.
const pageKeys = 1000

// filling is how many writes are under way while a system is filled. They share a
// few connections, over which many go at a time for little.
const filling = 1024

func (k *kvorum) running() (servers, int, []string) { return k.servers, k.leader, k.addresses }

func (k *kvorum) fill(ctx context.Context, from, to, bytes int) error {
	_, err := repeat(ctx, "kvorum: write key", to-from, filling, func(ctx context.Context, client, i int) error {
		return k.set(ctx, client%4, key(from+i), newValue(bytes, rand.New(rand.NewPCG(3, uint64(i)))))
	})
	return err
}

func (k *kvorum) page(ctx context.Context, i int, from string) error {
	stream, err := k.atLeader(i).List(ctx, &kvorumv1.ListRequest{Prefix: "bench/", StartAfter: before(from), Limit: pageKeys})
	if err != nil {
		return err
	}
	return drain(stream)
}

// before returns a string that sorts before key, and after the key before it.
func before(key string) string {
	last := len(key) - 1
	return key[:last] + string(key[last]-1) + "~"
}

func (k *kvorum) isCurrent(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := kvorumv1.NewKVClient(conn).Get(ctx, &kvorumv1.GetRequest{Key: "any"})
	if status.Code(err) == codes.NotFound {
		return nil
	}
	return err
}

func (e *etcd) running() (servers, int, []string) { return e.servers, e.leader, e.addresses }

// fill writes as many keys in a transaction as etcd takes by default, or nearly.
func (e *etcd) fill(ctx context.Context, from, to, bytes int) error {
	const together = 100
	_, err := repeat(ctx, "etcd: write a hundred keys", (to-from+together-1)/together, 32, func(ctx context.Context, client, i int) error {
		var txn pb.TxnRequest
		random := rand.New(rand.NewPCG(3, uint64(i)))
		for n := from + i*together; n < min(to, from+(i+1)*together); n++ {
			put := &pb.PutRequest{Key: []byte(key(n)), Value: newValue(bytes, random)}
			txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
		}
		_, err := pb.NewKVClient(e.to[e.leader].of(client%4)).Txn(ctx, &txn)
		return err
	})
	return err
}

func (e *etcd) page(ctx context.Context, i int, from string) error {
	resp, err := e.atLeader(i).Range(ctx, &pb.RangeRequest{Key: []byte(from), RangeEnd: []byte("bench0"), Limit: pageKeys})
	if err == nil && len(resp.GetKvs()) < pageKeys {
		err = fmt.Errorf("%d keys: %w", len(resp.GetKvs()), io.ErrUnexpectedEOF)
	}
	return err
}

func (e *etcd) isCurrent(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte("any")})
	return err
}
