package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

func (k *kvctl) watch() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch [PREFIX] | watch --key KEY",
		Short: "Print changes as they happen",
		Long: `Print the changes of the keys that begin with PREFIX, of KEY alone, or of all keys,
until it is interrupted: in the order in which they happened, each once, also
when servers fail meanwhile. One line each: revision, what happened, key and value,
tabs between. What cannot be printed as it is, is quoted.

Changes are those from now on, or from revision --from on, if a server still holds
them; each holds the last 65536, of 64 MiB at most, since it was started. If they are
gone it says so and fails. What happened in between is lost then: watch again, without
--from, and look at kvctl list for what is there.

--timeout is for the first answer. With --output json, one object a line; one of
kind progress says that everything up to its revision has been printed.`,
		Example: "  kvctl watch\n  kvctl watch users/ --output json\n  kvctl watch --key greeting --from 12",
		Args:    cobra.MaximumNArgs(1),
	}
	k.serverFlag(cmd)
	req := &kvorumv1.WatchRequest{}
	cmd.Flags().StringVar(&req.Key, "key", "", "watch this key alone")
	cmd.Flags().Uint64Var(&req.FromRevision, "from", 0, "begin with the changes of this revision; 0: from now on")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if req.GetKey() != "" {
			return cobra.NoArgs(cmd, args)
		}
		return cobra.MaximumNArgs(1)(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		k.begun = true
		if len(args) == 1 {
			req.Prefix = args[0]
		}
		return k.printChanges(cmd.Context(), req)
	}
	return cmd
}

// printChanges prints what a watch yields until ctx ends, which is no failure.
func (k *kvctl) printChanges(ctx context.Context, req *kvorumv1.WatchRequest) error {
	c, err := k.connect()
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is left to lose
	what := "watch"
	for m, err := range beginWithin(ctx, k.timeout, func(ctx context.Context) iter.Seq2[*kvorumv1.WatchResponse, error] {
		return c.Watch(ctx, req, k.callOptions()...)
	}) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return failure{what, err}
		}
		if err := k.printChange(m); err != nil {
			return err
		}
		what = fmt.Sprintf("watch after revision %d", m.GetRevision())
	}
	return nil
}

// beginWithin yields what begin yields, but gives up if nothing comes for so long.
func beginWithin[T any](ctx context.Context, timeout time.Duration, begin func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		silence := time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
		defer silence.Stop()
		for v, err := range begin(ctx) {
			silence.Stop()
			if status.Code(err) == codes.Canceled {
				err = context.Cause(ctx)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

var changeKinds = map[kvorumv1.WatchResponse_Kind]string{
	kvorumv1.WatchResponse_KIND_SET:      "set",
	kvorumv1.WatchResponse_KIND_DELETE:   "delete",
	kvorumv1.WatchResponse_KIND_EXPIRE:   "expire",
	kvorumv1.WatchResponse_KIND_PROGRESS: "progress",
}

// change is a message of a watch as JSON.
type change struct {
	Kind string `json:"kind"`
	Key  string `json:"key,omitempty"`
	content
	Revision uint64 `json:"revision"`
}

func (k *kvctl) printChange(m *kvorumv1.WatchResponse) error {
	c := change{Kind: changeKinds[m.GetKind()], Key: m.GetKey(), Revision: m.GetRevision()}
	if m.GetKind() == kvorumv1.WatchResponse_KIND_SET {
		c.content = contentOf(m.GetValue())
	}
	switch {
	case k.json():
		return k.printJSON(c)
	case m.GetKind() == kvorumv1.WatchResponse_KIND_PROGRESS:
		return nil
	case m.GetKind() == kvorumv1.WatchResponse_KIND_SET:
		return k.printf("%d\t%s\t%s\t%s\n", c.Revision, c.Kind, printable(c.Key), printable(string(m.GetValue())))
	}
	return k.printf("%d\t%s\t%s\n", c.Revision, c.Kind, printable(c.Key))
}
