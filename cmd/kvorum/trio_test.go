package main

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"kvorum/rpc/client"
)

// quick makes a server elect itself soon after its start.
var quick = []string{"--heartbeat-interval", "20ms", "--election-timeout", "100ms"}

// dying returns a context that ends with the process.
func (p *program) dying() context.Context {
	ctx, cancel := context.WithCancel(p.t.Context())
	go func() {
		<-p.exited
		cancel()
	}()
	return ctx
}

// trio is three servers of one cluster.
type trio struct {
	t       *testing.T
	data    [3]string
	servers [3]testServer
	args    []string
}

func startTrio(t *testing.T, args ...string) *trio {
	t.Helper()
	c := &trio{t: t, args: append([]string{"--bootstrap-expect", "3"}, args...)}
	for i := range c.servers {
		c.data[i] = dir(t)
		c.start(i)
	}
	c.ready()
	return c
}

// start starts a server at addresses that are new; it finds the others by any that runs.
func (c *trio) start(i int) {
	c.t.Helper()
	args := c.args
	for _, s := range c.servers {
		if s.program != nil && s.dying().Err() == nil {
			args = append([]string{"--join", s.serfAddr}, args...)
		}
	}
	c.servers[i] = serveOn(c.t, c.data[i], fmt.Sprintf("n%d", i+1), args...)
}

// kill ends a server as kill -9 does.
func (c *trio) kill(i int) {
	c.t.Helper()
	c.servers[i].signal(syscall.SIGKILL)
	c.servers[i].exits(-1)
}

// ready waits until all servers are.
func (c *trio) ready() {
	c.t.Helper()
	for _, s := range c.servers {
		eventually(c.t, s.rpcAddr+" is ready", s.ready)
	}
}

// client returns a client of these servers.
func (c *trio) client(servers ...int) *client.Client {
	c.t.Helper()
	var addresses []string
	for _, i := range servers {
		addresses = append(addresses, c.servers[i].rpcAddr)
	}
	all, err := client.New(addresses)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { all.Close() })
	return all
}
