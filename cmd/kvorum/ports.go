package main

import (
	"fmt"
	"net"
)

// ports are the TCP listeners. Gossip has its own.
type ports struct {
	rpc           net.Listener
	http          net.Listener // nil: none
	rpcAdvertised string
}

// listen opens the ports.
func listen(cfg config) (p ports, err error) {
	if p.rpc, err = net.Listen("tcp", cfg.rpcAddr); err != nil {
		return p, fmt.Errorf("--rpc-addr: %w", err)
	}
	p.rpcAdvertised = cfg.advertiseRPCAddr
	if p.rpcAdvertised == "" {
		host, _, _ := net.SplitHostPort(cfg.rpcAddr)           // validated
		_, port, _ := net.SplitHostPort(p.rpc.Addr().String()) // made by package net
		p.rpcAdvertised = net.JoinHostPort(host, port)
	}
	if cfg.httpAddr == "" {
		return p, nil
	}
	if p.http, err = net.Listen("tcp", cfg.httpAddr); err != nil {
		p.close()
		return p, fmt.Errorf("--http-addr: %w", err)
	}
	return p, nil
}

// rpcHost is the host that the RPC port is bound to.
func (p ports) rpcHost() string {
	host, _, _ := net.SplitHostPort(p.rpc.Addr().String()) // made by package net
	return host
}

func (p ports) httpAddr() string {
	if p.http == nil {
		return "none"
	}
	return p.http.Addr().String()
}

// close closes what run did not come to close; closing twice does no harm.
func (p ports) close() {
	p.rpc.Close()
	if p.http != nil {
		p.http.Close()
	}
}
