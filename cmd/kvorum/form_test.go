package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"kvorum/rpc/client"
)

func healthOf(t *testing.T, s testServer) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	conn, err := grpc.NewClient(s.rpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetStatus()
}

func TestServerThatWaitsToFormAClusterAnswers(t *testing.T) {
	t.Parallel()
	n1 := serveOn(t, dir(t), "n1", "--bootstrap-expect", "2")
	n1.says("1 of 2 servers have met")
	if got := healthOf(t, n1); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health: got %v", got)
	}
	c := clientOf(t, n1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if st, err := c.Status(ctx, n1.rpcAddr); err != nil || st.GetServerId() != "n1" || st.GetRole() != "follower" || st.GetTerm() != 0 {
		t.Errorf("status: got %v, %v", st, err)
	}
	if got, err := c.GetServers(ctx); err != nil || len(got.GetServers()) > 0 {
		t.Errorf("servers: got %v, %v", got, err)
	}
	_, err := c.Set(ctx, "key", nil, client.AtServer(n1.rpcAddr))
	if client.Reason(err) != "NO_LEADER" || client.Outcome(err) != client.Definite || !strings.Contains(err.Error(), "waits to form") {
		t.Errorf("set: got %v", err)
	}
	if code, body := n1.get("/dashboard.json"); code != http.StatusOK {
		t.Errorf("/dashboard.json: got %d %q", code, body)
	}
	n2 := serveOn(t, dir(t), "n2", "--bootstrap-expect", "2", "--join", n1.serfAddr)
	put(t, c, "key", "value")
	for _, s := range []testServer{n1, n2} {
		eventually(t, s.rpcAddr+" is ready", s.ready)
		if got := healthOf(t, s); got != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health of %s: got %v", s.rpcAddr, got)
		}
	}
}
