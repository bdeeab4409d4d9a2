package rpc

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"kvorum/kv"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
)

func (s *testServer) dialRaw(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *testServer) health(t *testing.T) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	resp, err := healthpb.NewHealthClient(s.dialRaw(t)).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetStatus()
}

func TestHealthTellsWhetherThereIsALeader(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	s := c.follower()
	eventually(t, "SERVING", func() bool { return s.health(t) == healthpb.HealthCheckResponse_SERVING && s.Ready() == nil })
	c.leader().stop()
	eventually(t, "NOT_SERVING", func() bool { return s.health(t) == healthpb.HealthCheckResponse_NOT_SERVING && s.Ready() != nil })
}

func TestNewcomerIsNotReady(t *testing.T) {
	t.Parallel()
	s := (&testNetwork{t: t}).join("n1")
	if s.Ready() == nil || s.health(t) != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("ready: %v, health: %v", s.Ready(), s.health(t))
	}
	_, err := s.client.Set(t.Context(), &kvorumv1.SetRequest{Key: "k"})
	expectReason(t, err, "NO_LEADER", "definite")
}

// held is a store that applies nothing before open is closed.
type held struct {
	*kv.Store
	open chan struct{}
}

func (h held) Apply(e raft.Entry) ([]byte, error) {
	<-h.open
	return h.Store.Apply(e)
}

// TestReadinessWaitsForTheLog: a server that has a leader is not ready before it has
// applied what was committed, however long that takes, and is soon after.
func TestReadinessWaitsForTheLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	old := c.servers[0]
	old.set(t, "k", "1")
	old.stop()
	open := make(chan struct{})
	s := startServerWith(t, old.name, old.disk, old.addr, nil, func(store *kv.Store) node.StateMachine { return held{store, open} })
	eventually(t, "it to have tried", func() bool { return errors.Is(s.Ready(), errNotCaughtYet) })
	close(open)
	eventually(t, "it to be ready", func() bool { return s.Ready() == nil })
	s.expectValue(t, "k", "1", nil)
}

func TestServicesAreFoundByReflection(t *testing.T) {
	t.Parallel()
	s := (&testNetwork{t: t}).join("n1")
	stream, err := reflectionpb.NewServerReflectionClient(s.dialRaw(t)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, service := range resp.GetListServicesResponse().GetService() {
		found[service.GetName()] = true
	}
	if !found["kvorum.v1.KV"] || !found["kvorum.v1.Cluster"] {
		t.Errorf("got %v", found)
	}
}

func TestRandomBytesLeaveTheServerAlive(t *testing.T) {
	t.Parallel()
	s := newCluster(t, 1).servers[0]
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, random.IntN(2000))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		if i%2 == 0 { // past the preface: frames
			b = append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), b...)
		}
		_, _ = conn.Write(b) // the server may have closed the connection already
		conn.Close()
	}
	s.set(t, "k", "v")
	s.expectValue(t, "k", "v", nil)
}

func TestSilentConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := (&testNetwork{t: t}).join("n1")
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	start := time.Now()
	if err := conn.SetReadDeadline(start.Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("after %v the connection was still open: %v", time.Since(start), err)
	}
}

// TestStoppingServerFinishesWhatItAccepted: clients write all the time; a write
// is answered, or refused with certainty.
func TestStoppingServerFinishesWhatItAccepted(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	s := c.leader()
	s.set(t, "k", "v")
	var clients sync.WaitGroup
	accepted := make(chan struct{}, 1000) // reminders: a full channel loses only spare ones
	for range 8 {
		clients.Go(func() {
			for {
				_, err := s.client.Set(context.Background(), &kvorumv1.SetRequest{Key: "k"})
				if err != nil {
					if infoOf(t, err).GetMetadata()["outcome"] == "unknown" {
						t.Errorf("got %v while the server stopped", err)
					}
					return
				}
				select {
				case accepted <- struct{}{}:
				default:
				}
			}
		})
	}
	<-accepted
	start := time.Now()
	s.stop()
	if d := time.Since(start); d > 2*stopTimeout {
		t.Errorf("stopping took %v", d)
	}
	clients.Wait()
}

func TestRestartedServerIsReachedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.servers[0].set(t, "k", "1")
	for i, old := range c.servers {
		old.stop()
		c.servers[i] = startServer(t, old.name, old.disk, old.addr, nil)
		c.introduce()
		c.leader()
		eventually(t, "it to be ready", func() bool { return c.servers[i].Ready() == nil })
		c.servers[i].expectValue(t, "k", "1", nil)
	}
}
