package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc"
)

// echo is a server that only answers: what gRPC costs here, without anything
// behind it. It takes the requests and gives the answers of kvorum's KV service. It
// is the limit only if it is given all that kvorum gives its own server for speed.
type echo struct {
	servers
	to connections
}

type echoService struct {
	kvorumv1.UnimplementedKVServer
	value []byte
}

func (s *echoService) Set(context.Context, *kvorumv1.SetRequest) (*kvorumv1.SetResponse, error) {
	return &kvorumv1.SetResponse{Ok: true, Revision: 1, Header: &kvorumv1.Header{ServerId: "echo", Term: 1, Revision: 1}}, nil
}

func (s *echoService) Get(_ context.Context, req *kvorumv1.GetRequest) (*kvorumv1.GetResponse, error) {
	return &kvorumv1.GetResponse{Key: req.GetKey(), Value: s.value, Revision: 1,
		Header: &kvorumv1.Header{ServerId: "echo", Term: 1, Revision: 1}}, nil
}

// serveEcho is the main function of the child process: bench echo ADDRESS.
func serveEcho() {
	listener, err := net.Listen("tcp", os.Args[2])
	if err == nil {
		server := grpc.NewServer(rpc.FastOptions()...)
		kvorumv1.RegisterKVServer(server, &echoService{value: make([]byte, 256)})
		err = server.Serve(listener)
	}
	fmt.Fprintln(os.Stderr, "echo:", err)
	os.Exit(1)
}

func startEcho(dir string, connections int) (*echo, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	e := &echo{}
	if err := e.start(filepath.Join(dir, "echo.log"), self, "echo", addresses[0]); err != nil {
		return nil, err
	}
	e.to, err = connect(addresses[0], connections)
	return e, err
}

func (e *echo) name() string { return "echo" }

func (e *echo) prepare(_ context.Context, r row) (operation, error) {
	client := func(i int) kvorumv1.KVClient { return kvorumv1.NewKVClient(e.to.of(i)) }
	switch {
	case r.workload == "set":
		return func(ctx context.Context, i int, random *rand.Rand) error {
			_, err := client(i).Set(ctx, &kvorumv1.SetRequest{Key: anyKey(random), Value: newValue(r.bytes, random)}, grpc.WaitForReady(true))
			return err
		}, nil
	case r.workload == "get" && r.bytes == 256:
		return func(ctx context.Context, i int, random *rand.Rand) error {
			_, err := client(i).Get(ctx, &kvorumv1.GetRequest{Key: anyKey(random)}, grpc.WaitForReady(true))
			return err
		}, nil
	}
	return nil, nil
}
