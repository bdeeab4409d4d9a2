package discovery

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/serf/serf"

	"kvorum/raft"
	"kvorum/raft/node"
)

const (
	clusterA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	clusterB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func idOf(name string) raft.ServerID { return node.NewID(name, "00000000000000"+name[len(name)-2:]) }

func self(name string) Member {
	return Member{ID: idOf(name), Addr: "127.0.0.1:8400", Status: Alive}
}

// agent is a Members that runs.
type agent struct {
	*Members
	stop func() // ends Run, and waits for it
}

// start runs a Members on loopback until the test ends.
func start(t *testing.T, cfg Config) agent {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	m, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop := func() { cancel(); <-ended }
	t.Cleanup(stop)
	return agent{m, stop}
}

// eventually waits until ok holds, looking again at each change and often.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("not within 30 seconds: %s", what)
		}
	}
}

// sees reports whether m believes that id has the status.
func (a agent) sees(id raft.ServerID, s Status) bool {
	return slices.ContainsFunc(a.All(), func(p Member) bool { return p.ID == id && p.Status == s })
}

func TestServersMeet(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	b := start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	c := start(t, Config{Self: self("n03"), Join: []string{b.Addr()}})
	for _, m := range []agent{a, b, c} {
		eventually(t, "each sees all three", func() bool { return len(m.Alive()) == 3 })
	}
	want := self("n03")
	if got := a.Alive()[2]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestJoinWaitsForTheOther(t *testing.T) {
	t.Parallel()
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := reserved.Addr().String()
	b := start(t, Config{Self: self("n02"), Join: []string{addr}})
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Self: self("n01"), Listen: addr})
	eventually(t, "n02 finds n01, which came later", func() bool { return b.sees(idOf("n01"), Alive) })
}

func TestStoppedServerHasNotLeft(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	b := start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	eventually(t, "they meet", func() bool { return a.sees(idOf("n02"), Alive) })
	b.stop()
	eventually(t, "n01 notices", func() bool { return !a.sees(idOf("n02"), Alive) })
	if !a.sees(idOf("n02"), Failed) {
		t.Errorf("n01 sees %+v, want n02 as failed", a.All())
	}
}

// A server that is gone and one with its name, another address and another
// incarnation: a wiped server that was started again, at once.
func TestWipedServerComesBackUnderItsName(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	b := start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	eventually(t, "they meet", func() bool { return a.sees(idOf("n02"), Alive) })
	b.stop()
	again := self("n02")
	again.ID = node.NewID("n02", "ffffffffffffffff")
	again.Addr = "127.0.0.1:9999"
	start(t, Config{Self: again, Join: []string{a.Addr()}})
	eventually(t, "the new incarnation is met", func() bool { return slices.Contains(a.Alive(), again) })
}

// Two machines were given one name: neither may go down, or forget the others.
func TestNameConflictHarmsNobody(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	b := start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	eventually(t, "they meet", func() bool { return a.sees(idOf("n02"), Alive) })
	twin := self("n02")
	twin.ID = node.NewID("n02", "ffffffffffffffff")
	c := start(t, Config{Self: twin, Join: []string{a.Addr(), b.Addr()}})
	d := start(t, Config{Self: self("n03"), Join: []string{a.Addr()}})
	eventually(t, "the rest still meet", func() bool { return b.sees(idOf("n03"), Alive) && d.sees(idOf("n02"), Alive) })
	for _, m := range []agent{a, b, c, d} {
		if m.serf.State() != serf.SerfAlive {
			t.Errorf("%s: Serf is %v", m.cfg.Self.ID, m.serf.State())
		}
	}
}

func TestClustersDoNotMix(t *testing.T) {
	t.Parallel()
	inA, inB := self("n01"), self("n02")
	inA.ClusterID, inB.ClusterID = clusterA, clusterB
	a := start(t, Config{Self: inA})
	b := start(t, Config{Self: inB})
	if _, err := b.serf.Join([]string{a.Addr()}, true); err == nil || !strings.Contains(err.Error(), clusterA) {
		t.Errorf("a meeting of two clusters: got error %v, want one that names the other cluster", err)
	}
	// Through a third server, of no cluster, each hears of the other.
	c := start(t, Config{Self: self("n03"), Join: []string{a.Addr(), b.Addr()}})
	eventually(t, "n03 knows both", func() bool { return len(c.Alive()) == 3 })
	for _, m := range []agent{a, b} {
		eventually(t, "both know n03", func() bool { return m.sees(idOf("n03"), Alive) })
		if len(m.All()) != 2 {
			t.Errorf("%s sees %+v, want no member of the other cluster", m.cfg.Self.ID, m.All())
		}
	}
	c.SetClusterID(clusterA)
	eventually(t, "n03 has forgotten the other cluster", func() bool { return !c.sees(idOf("n02"), Alive) })
	eventually(t, "n01 hears whose n03 is", func() bool {
		return slices.ContainsFunc(a.All(), func(p Member) bool { return p.ID == idOf("n03") && p.ClusterID == clusterA })
	})
}

func TestWatchTellsOfNews(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	news := a.Watch()
	start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	deadline := time.After(30 * time.Second)
	for !a.sees(idOf("n02"), Alive) {
		select {
		case <-news:
		case <-deadline:
			t.Fatal("no news of n02")
		}
	}
}

func TestGossipIsEncryptedWithTheKey(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	write(t, keys, "MDEyMzQ1Njc4OWFiY2RlZg==\n\nZmVkY2JhOTg3NjU0MzIxMA==\n")
	a := start(t, Config{Self: self("n01"), KeyFile: keys})
	b := start(t, Config{Self: self("n02"), KeyFile: keys, Join: []string{a.Addr()}})
	eventually(t, "those with the key meet", func() bool { return a.sees(idOf("n02"), Alive) && b.sees(idOf("n01"), Alive) })
	c := start(t, Config{Self: self("n03")})
	if _, err := c.serf.Join([]string{a.Addr()}, true); err == nil {
		t.Error("a server without the key was let in")
	}
}

func TestBadKeyFileIsNamed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"short": "c2hvcnQ=", "no base64": "?", "empty": "\n"} {
		path := filepath.Join(t.TempDir(), "keys")
		write(t, path, text)
		_, err := Listen(Config{Self: self("n01"), Listen: "127.0.0.1:0", KeyFile: path, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got error %v, want one that names %s", name, err, path)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPortInUseIsSaid(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	_, err := Listen(Config{Self: self("n02"), Listen: a.Addr(), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), a.Addr()) {
		t.Errorf("got error %v, want one that names %s", err, a.Addr())
	}
}

// What gossip says is not trusted.
func TestBogusTagsAreIgnored(t *testing.T) {
	t.Parallel()
	good := self("n01").tags()
	if _, err := parse(serf.Member{Name: "n01", Tags: good}); err != nil {
		t.Fatalf("good tags: %v", err)
	}
	long := strings.Repeat("x", 300)
	bogus := []struct{ tag, value string }{
		{tagID, ""}, {tagID, "n01"}, {tagID, "n01@"}, {tagID, "n01@xyz"}, {tagID, "@0000000000000001"},
		{tagID, "n01@000000000000000A"}, {tagID, "n02@0000000000000001"}, {tagID, long + "@0000000000000001"},
		{tagAddr, ""}, {tagAddr, "evil"}, {tagAddr, "evil:"}, {tagAddr, ":8400"}, {tagAddr, "0.0.0.0:8400"},
		{tagAddr, "[::]:8400"}, {tagAddr, "evil:http"}, {tagAddr, "evil:0"}, {tagAddr, "evil:65536"}, {tagAddr, long + ":1"},
		{tagCluster, "ours"}, {tagCluster, long}, {tagCluster, strings.ToUpper(clusterA)},
		{tagExpect, ""}, {tagExpect, "-1"}, {tagExpect, "100"}, {tagExpect, "three"},
	}
	for _, b := range bogus {
		tags := self("n01").tags()
		tags[b.tag] = b.value
		if got, err := parse(serf.Member{Name: "n01", Tags: tags}); err == nil {
			t.Errorf("%s=%.20q was taken for %+v", b.tag, b.value, got)
		}
	}
}

func TestUnusableSelfIsRefused(t *testing.T) {
	t.Parallel()
	me := self("n01")
	me.Addr = "0.0.0.0:8400"
	_, err := Listen(Config{Self: me, Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "wildcard") {
		t.Errorf("got error %v, want one that says wildcard", err)
	}
}
