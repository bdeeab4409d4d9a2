package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcd is a cluster of three servers, at its defaults where not said otherwise.
type etcd struct {
	servers
	addresses []string      // for clients
	to        []connections // by server
	leader    int
	revisions [keys]atomic.Int64 // that each key was last seen at, for cas
}

// startEtcd starts the servers, with more flags than they need.
func startEtcd(ctx context.Context, dir string, connections int, more ...string) (*etcd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(6)
	if err != nil {
		return nil, err
	}
	var members []string
	for i := range 3 {
		members = append(members, fmt.Sprintf("etcd-%d=http://%s", i+1, addresses[3+i]))
	}
	e := &etcd{addresses: addresses[:3]}
	for i := range 3 {
		name, client, peer := fmt.Sprintf("etcd-%d", i+1), "http://"+addresses[i], "http://"+addresses[3+i]
		flags := append([]string{"etcd", "--name", name, "--data-dir", filepath.Join(dir, name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(members, ","), "--initial-cluster-state", "new", "--log-level", "error"}, more...)
		if err := e.start(filepath.Join(dir, name+".log"), self, flags...); err != nil {
			return nil, errors.Join(err, e.close())
		}
		to, err := connect(addresses[i], connections)
		if err != nil {
			return nil, errors.Join(err, e.close())
		}
		e.to = append(e.to, to)
	}
	return e, until(ctx, e.findLeader)
}

func (e *etcd) name() string { return "etcd" }

func (e *etcd) findLeader(ctx context.Context) error {
	for i, to := range e.to {
		status, err := pb.NewMaintenanceClient(to.of(0)).Status(ctx, &pb.StatusRequest{})
		if err != nil {
			return err
		}
		if status.GetLeader() == status.GetHeader().GetMemberId() {
			e.leader = i
			return nil
		}
	}
	return errors.New("etcd has no leader")
}

func (e *etcd) healthy(ctx context.Context) (leader int, err error) {
	if err := e.findLeader(ctx); err != nil {
		return 0, err
	}
	for _, to := range e.to {
		if _, err := pb.NewKVClient(to.of(0)).Range(ctx, &pb.RangeRequest{Key: []byte("any")}); err != nil {
			return 0, err
		}
	}
	return e.leader, nil
}

func (e *etcd) writer() (set func(context.Context, string, []byte) error, closeIt func() error, err error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: e.addresses, Logger: zap.NewNop()})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, key string, value []byte) error {
		_, err := c.Put(ctx, key, string(value))
		return err
	}, c.Close, nil
}

func (e *etcd) atLeader(i int) pb.KVClient { return pb.NewKVClient(e.to[e.leader].of(i)) }
func (e *etcd) spread(i int) pb.KVClient {
	return pb.NewKVClient(e.to[i%len(e.to)].of(i / len(e.to)))
}

func (e *etcd) prepare(ctx context.Context, r row) (operation, error) {
	if err := until(ctx, e.findLeader); err != nil {
		return nil, err
	}
	return prepare(ctx, e, r)
}

func (e *etcd) set(ctx context.Context, i int, key string, value []byte) error {
	_, err := e.atLeader(i).Put(ctx, &pb.PutRequest{Key: []byte(key), Value: value})
	return err
}

func (e *etcd) get(ctx context.Context, i int, random *rand.Rand, spread, stale bool) error {
	at := e.atLeader(i)
	if spread {
		at = e.spread(i)
	}
	_, err := at.Range(ctx, &pb.RangeRequest{Key: []byte(anyKey(random)), Serializable: stale})
	return err
}

// cas compares with the revision that the key was last seen at; where it fails
// the present one comes with the answer, as with kvorum.
func (e *etcd) cas(ctx context.Context, i int, random *rand.Rand, bytes int) error {
	n := random.IntN(keys)
	k := []byte(key(n))
	resp, err := e.atLeader(i).Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: k, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: e.revisions[n].Load()}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: k, Value: newValue(bytes, random)}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: k}}}},
	})
	if err != nil {
		return err
	}
	revision := resp.GetHeader().GetRevision()
	if !resp.GetSucceeded() {
		if kvs := resp.GetResponses()[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
			revision = kvs[0].GetModRevision()
		}
	}
	e.revisions[n].Store(revision)
	return nil
}

func (e *etcd) list(ctx context.Context, i int) error {
	resp, err := e.atLeader(i).Range(ctx, &pb.RangeRequest{Key: []byte("bench/"), RangeEnd: []byte("bench0")})
	if err == nil && len(resp.GetKvs()) < keys {
		err = fmt.Errorf("%d keys", len(resp.GetKvs()))
	}
	return err
}

func (e *etcd) close() error {
	err := e.servers.close()
	for _, to := range e.to {
		err = errors.Join(err, to.close())
	}
	return err
}
