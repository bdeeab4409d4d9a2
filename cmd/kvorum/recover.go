package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"kvorum/backup"
	peerv1 "kvorum/proto/kvorum/peer/v1"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft"
	"kvorum/raft/node"
	"kvorum/raft/wal"
)

// recovery is one run of `kvorum recover`.
type recovery struct {
	config                // of which the folder and the TLS files matter
	lost         []string // names or full ids
	into         string   // empty: only show
	out, problem io.Writer
	survivor     *backup.Survivor
}

func recoverCommand() *cobra.Command {
	var r recovery
	c := &cobra.Command{
		Use:   "recover",
		Short: "Make a new cluster of one server that is left of a lost one",
		Long: `Make a new cluster of what one server has left of a cluster that lost its quorum for
good: when so many voters are gone, and their folders with them, that the others
can never elect a leader again. A server that is only down is not lost: start it.

Without --into it changes nothing, and shows what the server has. With --into it
makes that folder, for a server of the same name that is a new cluster, with a new
id, of itself alone. The old folder stays as it is.

Writes that were answered OK may be missing: the server may never have got those
that the lost ones had. Writes that were never answered may be there.`,
		Example: "  kvorum recover --data-dir n3 --lost n1,n2\n  kvorum recover --data-dir n3 --lost n1,n2 --into n3-new",
		Args:    noArguments,
	}
	f := c.Flags()
	f.StringVar(&r.dataDir, "data-dir", "", "folder of the server that is left, which must not run")
	f.StringSliceVar(&r.lost, "lost", nil, "servers that are gone for good")
	f.StringVar(&r.into, "into", "", "folder to make for the new cluster, absent or empty")
	r.defineTLS(f)
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key", "tls-ca")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if r.dataDir == "" || len(r.lost) == 0 {
			return usagef("--data-dir and --lost are needed; see kvorum recover --help")
		}
		r.logLevel, r.logFormat = "warn", "text"
		r.out, r.problem = c.OutOrStdout(), c.ErrOrStderr()
		return r.run(c.Context())
	}
	return c
}

func (r *recovery) run(ctx context.Context) (err error) {
	secrets, err := r.readSecrets()
	if err != nil {
		return err
	}
	r.survivor, err = backup.OpenSurvivor(wal.OS(), r.dataDir, r.logger(r.problem))
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	defer r.survivor.Close() //nolint:errcheck // it is only read
	lost, err := r.survivor.Lost(r.lost)
	if err != nil {
		return fmt.Errorf("--lost: %w", err)
	}
	if err := r.askOthers(ctx, secrets.credentials(), lost); err != nil {
		return err
	}
	r.show(lost)
	if r.into == "" {
		fmt.Fprintf(r.out, "Nothing was changed. To go on, add --into and a new folder.\n")
		return nil
	}
	id, err := r.survivor.Recover(wal.OS(), r.into)
	if err != nil {
		return fmt.Errorf("--into: %w", err)
	}
	fmt.Fprintf(r.out, `%s holds the new cluster %s of one server, %s. Start it:

    kvorum serve --id %s --data-dir %s

Then start others, with empty folders, with --join and its --serf-addr. Servers of the
old cluster are refused: empty their folders before they join.
`, r.into, id.ClusterID, id.Name, id.Name, r.into)
	return nil
}

// askOthers asks the other members where they were last. It fails if one that is
// said to be lost answers, or one that is not follows a leader.
func (r *recovery) askOthers(ctx context.Context, creds credentials.TransportCredentials, lost []raft.ServerID) error {
	for _, id := range r.survivor.Config.Servers() {
		addr := r.survivor.Address(id)
		if id == r.survivor.Identity.ServerID() || addr == "" {
			continue
		}
		leader, there, err := ask(ctx, creds, id, addr)
		switch {
		case err != nil:
			return fmt.Errorf("something answers at %s, where %s was, and it cannot be told who: stop it, or see that the --tls flags are right: %w", addr, id, err)
		case there && slices.Contains(lost, id):
			return fmt.Errorf("--lost: %s answers at %s, and so is not lost: with it and the others the cluster goes on", id, addr)
		case leader != "":
			return fmt.Errorf("%s answers at %s and follows %s: the cluster has a quorum, without this server", id, addr, leader)
		}
	}
	return nil
}

// askTimeout bounds each of the questions to one address.
const askTimeout = 2 * time.Second

// ask asks whoever listens at addr whether it is the server id, and whom it
// follows. An address where nobody listens is no error.
func ask(ctx context.Context, creds credentials.TransportCredentials, id raft.ServerID, addr string) (leader string, there bool, err error) {
	probe, err := net.DialTimeout("tcp", addr, askTimeout)
	if err != nil {
		return "", false, nil // nobody is there
	}
	probe.Close()
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		return "", false, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	who, err := peerv1.NewPeerClient(conn).Identify(ctx, &peerv1.IdentifyRequest{})
	if err != nil || node.NewID(who.GetName(), who.GetIncarnation()) != id {
		return "", false, err
	}
	status, err := kvorumv1.NewClusterClient(conn).Status(ctx, &kvorumv1.StatusRequest{})
	return status.GetLeaderId(), true, err
}

// show tells what there is, and what to consider before going on.
func (r *recovery) show(lost []raft.ServerID) {
	s := r.survivor
	fmt.Fprintf(r.out, "%s of cluster %s\n", s.Identity.ServerID(), s.Identity.ClusterID)
	fmt.Fprintf(r.out, "  servers   %v\n", s.Config)
	fmt.Fprintf(r.out, "  lost      %s\n", r.places(lost))
	fmt.Fprintf(r.out, "  log       ends with entry %d of term %d; its snapshot ends with entry %d\n", s.Last.Index, s.Last.Term, s.Snapshot.Index)
	fmt.Fprintf(r.out, "  state     %d keys\n", s.Keys())
	if !s.Config.IsVoter(s.Identity.ServerID()) {
		fmt.Fprintf(r.out, "  It had no vote: no write had to wait until it had it, so more may be missing.\n")
	}
	fmt.Fprint(r.out, `
What only the lost servers had is gone, also where it was answered OK. What this
server has counts as committed, also where it was never answered. If other servers
are left, recover the one whose log is the most up-to-date: whose last entry has the
latest term and, among those, the largest index (raftlab wal diff shows them together).

`)
}

// places names servers, and where each was asked in vain.
func (r *recovery) places(ids []raft.ServerID) string {
	var places []string
	for _, id := range ids {
		where := "not asked: its address is not known"
		if addr := r.survivor.Address(id); addr != "" {
			where = "no answer at " + addr
		}
		places = append(places, fmt.Sprintf("%s (%s)", id, where))
	}
	return strings.Join(places, ", ")
}
