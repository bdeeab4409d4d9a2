package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kvorum/backup"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/wal"
	"kvorum/rpc/client"
)

// three starts a cluster of three voters, and returns their folders too.
func three(t *testing.T) (all []testServer, dirs []string, c *client.Client) {
	t.Helper()
	for i := range 3 {
		dirs = append(dirs, dir(t))
		args := []string{"--bootstrap-expect", "3"}
		if i > 0 {
			args = append(args, "--join", all[0].serfAddr)
		}
		all = append(all, serveOn(t, dirs[i], fmt.Sprint("n", i+1), args...))
	}
	eventually(t, "it is written down where the three are", func() bool {
		return strings.Count(all[0].text()+all[1].text()+all[2].text(), "configuration: note that") == 3
	})
	return all, dirs, clientOf(t, all[0])
}

func kill(servers ...testServer) {
	for _, s := range servers {
		s.signal(syscall.SIGKILL)
		<-s.exited
	}
}

// recoverFrom runs kvorum recover, and returns what it writes.
func recoverFrom(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := launch(t, append([]string{"recover"}, args...)...)
	p.exits(code)
	return p.text()
}

func clusterOf(t *testing.T, c *client.Client, s testServer) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	st, err := c.Status(ctx, s.rpcAddr)
	if err != nil {
		t.Fatal(err)
	}
	return st.GetClusterId()
}

// Two of three are gone for good, and their folders with them.
func TestALostQuorumIsRecoveredFromOneServer(t *testing.T) {
	t.Parallel()
	all, dirs, c := three(t)
	for i := range 20 {
		put(t, c, fmt.Sprint("key", i), "value")
	}
	oldCluster := clusterOf(t, c, all[0])
	eventually(t, "the third has all", func() bool { return has(c, all[2], "key19") })
	into := filepath.Join(t.TempDir(), "recovered")

	kill(all[2])
	wants(t, recoverFrom(t, 1, "--data-dir", dirs[2], "--lost", "n1,n2", "--into", into), "answers at", "not lost")
	wants(t, recoverFrom(t, 1, "--data-dir", dirs[2], "--lost", "n1", "--into", into), "are a quorum")
	wants(t, recoverFrom(t, 1, "--data-dir", dirs[0], "--lost", "n2,n3", "--into", into), "in use by another process")
	kill(all[0], all[1])
	back := filepath.Join(t.TempDir(), "back") // one of the lost folders turns up again later
	if err := os.Rename(dirs[0], back); err != nil {
		t.Fatal(err)
	}
	wants(t, recoverFrom(t, 0, "--data-dir", dirs[2], "--lost", "n1,n2"), "20 keys", "no answer at", "Nothing was changed")
	if _, err := os.Stat(into); err == nil {
		t.Fatal("without --into it made a folder")
	}
	wants(t, recoverFrom(t, 0, "--data-dir", dirs[2], "--lost", "n1,n2", "--into", into), "kvorum serve --id n3 --data-dir "+into)
	wants(t, recoverFrom(t, 1, "--data-dir", dirs[2], "--lost", "n1,n2", "--into", into), "not empty")

	n3 := serveOn(t, into, "n3")
	c = clientOf(t, n3)
	for i := range 20 {
		expect(t, c, fmt.Sprint("key", i), "value")
	}
	if cluster := clusterOf(t, c, n3); cluster == oldCluster {
		t.Error("the new cluster has the old one's id")
	}
	n4 := serveOn(t, dir(t), "n4", "--join", n3.serfAddr)
	n5 := serveOn(t, dir(t), "n5", "--join", n3.serfAddr)
	eventually(t, "three voters", func() bool { n, err := voters(c, n3); return err == nil && n == 3 })
	put(t, c, "after", "recovery")
	expect(t, clientOf(t, n4), "after", "recovery")
	expect(t, clientOf(t, n5), "key7", "value")

	n1 := serveOn(t, back, "n1", "--join", n3.serfAddr)
	n1.says("(?i)belongs to cluster")
	if cluster := clusterOf(t, clientOf(t, n1), n1); cluster != oldCluster {
		t.Error("a server of the old cluster is taken into the new one")
	}
	if n, err := voters(c, n3); n != 3 || err != nil {
		t.Errorf("there are %d voters (%v), want 3", n, err)
	}
}

// has reports whether a server has applied a write.
func has(c *client.Client, s testServer, key string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := c.Get(ctx, key, client.AtServer(s.rpcAddr), client.WithConsistency(kvorumv1.Consistency_CONSISTENCY_STALE))
	return err == nil
}

// The folder's configuration may be an old one: those who moved on know better.
func TestAServerThatFollowsALeaderForbidsRecovery(t *testing.T) {
	t.Parallel()
	data := dir(t)
	n1 := serveOn(t, data, "n1", "--bootstrap")
	n2 := serveOn(t, dir(t), "n2", "--join", n1.serfAddr)
	n3 := serveOn(t, dir(t), "n3", "--election-timeout", "1h") // it does not forget its leader
	c := clientOf(t, n1)
	eventually(t, "two voters", func() bool { n, err := voters(c, n1); return err == nil && n == 2 })
	eventually(t, "n3 is a learner", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := c.AddServer(ctx, "n3", n3.rpcAddr, true)
		return err == nil
	})
	eventually(t, "n3 follows", n3.ready)
	kill(n1, n2)
	wants(t, recoverFrom(t, 1, "--data-dir", data, "--lost", "n2"), "n3@", "follows", "has a quorum")
}

func openSession(t *testing.T, ctx context.Context, c *client.Client) *client.Session {
	t.Helper()
	session, err := c.OpenSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// A backup, the loss of all servers, and a new cluster of the backup.
func TestABackupBecomesANewCluster(t *testing.T) {
	t.Parallel()
	n1 := serveOn(t, dir(t), "n1", "--bootstrap")
	c := clientOf(t, n1)
	put(t, c, "key", "value")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session := openSession(t, ctx, c)
	if _, err := session.Set(ctx, "once", []byte("1")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk, err := range c.Backup(ctx) {
		if err == nil {
			_, err = f.Write(chunk.GetData())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		put(t, c, "key", "later")
	}
	late := openSession(t, ctx, c)
	addr := n1.rpcAddr
	kill(n1)

	restored := dir(t)
	if _, _, err := backup.Restore(wal.OS(), file, restored, "n1"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // --bootstrap is harmless, and so is a restart
		n1 = serveOn(t, restored, "n1", "--bootstrap", "--rpc-addr", addr)
		eventually(t, "it leads", func() bool { return n1.ready() })
		c2 := clientOf(t, n1)
		expect(t, c2, "key", "value")
		for range 20 { // one of them would have the number of the late one
			openSession(t, ctx, c2)
		}
		for _, old := range []*client.Session{session, late} {
			if _, err := old.Set(ctx, "once", []byte("2")); client.Reason(err) != "SESSION_EXPIRED" {
				t.Errorf("a session of the old cluster got %v", err)
			}
		}
		put(t, c2, "new", "write")
		kill(n1)
	}
	n1 = serveOn(t, restored, "n1", "--rpc-addr", addr)
	eventually(t, "it leads", func() bool { return n1.ready() })
	c = clientOf(t, n1)
	n2 := serveOn(t, dir(t), "n2", "--join", n1.serfAddr)
	eventually(t, "n2 votes", func() bool { n, err := voters(c, n1); return err == nil && n == 2 })
	expect(t, clientOf(t, n2), "once", "1")
}
