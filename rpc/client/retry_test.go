package client

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/rpc/client/clienttest"
)

func TestTheDeadlineLeavesNoDoubtOverAWriteThatNobodyTook(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]kind{"write": write, "write of a session": once} {
		synctest.Test(t, func(t *testing.T) {
			for range 200 { // the pauses between attempts are drawn
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				err := (&Client{members: &members{}}).retry(ctx, call{kind: kind, prefer: anyServer}, func(ctx context.Context) error {
					pause(ctx, 50*time.Millisecond, nil) // on its way
					trip := ctx.Value(tripKey{}).(*trip)
					trip.sent.Store(true)
					if ctx.Err() != nil {
						return status.FromContextError(ctx.Err()).Err()
					}
					return clienttest.ErrNoLeader()
				})
				cancel()
				if Reason(err) != "NO_LEADER" || Outcome(err) != Definite {
					t.Fatalf("%s: got %v (%s), want NO_LEADER, definite", name, err, Outcome(err))
				}
			}
		})
	}
}

func TestAReadIsAskedToTheEndOfItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		asked := 0
		err := (&Client{members: &members{}}).retry(ctx, call{kind: read, prefer: anyServer}, func(context.Context) error {
			asked++
			return clienttest.ErrNoLeader()
		})
		if asked < 2 || status.Code(err) != codes.Unavailable {
			t.Errorf("asked %d times and got %v, want more and NO_LEADER", asked, err)
		}
	})
}
