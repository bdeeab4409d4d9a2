// Package client is the Go client of a kvorum cluster.
//
// A Client knows the cluster, not one server. It learns the members from any
// server that it can reach, keeps one connection to each, and routes: writes
// and cluster changes to the leader, reads in turn over the followers, and
// either of them to whatever server is reachable when the preferred one is
// not, for every server takes every request. It follows changes of leader, of
// membership and of addresses by itself.
//
// # What is retried
//
// A failed call is in one of two states (see [Outcome]): definite, it had and
// will have no effect; or unknown, it may have taken effect, or yet take it.
//
//   - Reads are retried while the cluster is UNAVAILABLE, until the context ends.
//   - Writes and cluster changes are retried only after an error that is both
//     definite and UNAVAILABLE (NO_LEADER, NOT_LEADER). A write whose outcome is
//     unknown is never sent again: it could be applied twice. In the last 200 ms
//     before the context's deadline the definite error is returned instead.
//     One that the leader leaves unanswered, as it does while it is paused or cut
//     off, ends as unknown once another server leads, and not only with its context.
//   - Writes through a [Session] are applied at most once however often they are
//     sent, so they are retried after an unknown outcome too, until the context ends.
//   - A [Client.Watch] goes on at another server, where it was.
//   - A call made with [AtServer] goes to that server, once.
//
// Give every context a deadline: without one a call waits for the cluster
// for ever.
package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// A Client talks to one cluster. It is safe for concurrent use.
type Client struct {
	conn    *grpc.ClientConn
	kv      kvorumv1.KVClient
	cluster kvorumv1.ClusterClient
	members *members
}

// An Option configures a Client.
type Option func(*config)

type config struct {
	tls *tls.Config
}

// WithTLS makes every connection use TLS. A server's certificate is verified
// against the host it is dialled at, unless the configuration names another.
func WithTLS(c *tls.Config) Option {
	return func(cfg *config) { cfg.tls = c }
}

// New returns a client of the cluster that the given servers (host:port)
// belong to. One reachable server is enough; the others are learned from it.
// The given ones stay the way back in, should every member move. New opens no
// connection: the first call does.
func New(servers []string, opts ...Option) (*Client, error) {
	if len(servers) == 0 {
		return nil, errors.New("client: no server address given")
	}
	for _, s := range servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return nil, fmt.Errorf("client: server address must be host:port: %w", err)
		}
	}
	var cfg config
	for _, o := range opts {
		o(&cfg)
	}
	m := newMembers(servers)
	conn, err := grpc.NewClient(scheme+":///cluster", dialOptions(cfg, m)...)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c := &Client{conn: conn, kv: kvorumv1.NewKVClient(conn), cluster: kvorumv1.NewClusterClient(conn), members: m}
	m.kv = c.kv
	return c, nil
}

// Close ends all connections; calls under way fail with an unknown outcome.
func (c *Client) Close() error { return c.conn.Close() }

func dialOptions(cfg config, m *members) []grpc.DialOption {
	creds := insecure.NewCredentials()
	if cfg.tls != nil {
		creds = credentials.NewTLS(cfg.tls)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithResolvers(m),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"` + balancerName + `":{}}]}`),
		// Retries are decided in retry.go alone, which knows outcomes. What is
		// left to gRPC is sending again what never left this process.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithIdleTimeout(0),
		// A server that restarts is found again within about a second.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		// A machine that went silent closes no connection; pings find it out.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
		// The servers' --max-value-bytes is the limit, not this side.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
	}
}
