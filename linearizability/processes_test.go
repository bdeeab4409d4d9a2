//go:build linux

package linearizability

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// strike is one thing that a suite does to the servers. It returns the proof
// of its effect.
type strike struct {
	name string
	hit  func(context.Context, *Cluster) (effect string, err error)
}

// TestProcessesAreLinearizableUnderFaults runs three real servers through each
// kind of fault. There is one burst of faults to a history: too many unknown
// outcomes at once would make it undecidable.
func TestProcessesAreLinearizableUnderFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts real servers")
	}
	for name, strikes := range map[string][]strike{
		"kill":      {{"kill leader", Kill.StrikeLeader}, {"kill follower", Kill.StrikeFollower}, {"kill all", KillAll}},
		"pause":     {{"pause leader", Pause.StrikeLeader}, {"pause follower", Pause.StrikeFollower}},
		"partition": {{"cut off leader", Partition.StrikeLeader}, {"cut off follower", Partition.StrikeFollower}},
		"one way":   {{"deafen leader", Deaf.StrikeLeader}, {"mute leader", Mute.StrikeLeader}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := server()
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint64(*histories) {
				verify(t, disturb(t, program, name, *seed+i, strikes))
			}
		})
	}
}

// TestReadWithoutQuorumIsFound shows that the suite above can fail.
func TestReadWithoutQuorumIsFound(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts real servers")
	}
	program, err := build("without-quorum", &readWithoutQuorum)
	if err != nil {
		t.Fatal(err)
	}
	const attempts = 8
	for i := range uint64(attempts) {
		h := disturb(t, program, "reads without a quorum", *seed+i, []strike{
			{"cut off leader", Partition.StrikeLeader}, {"pause leader", Pause.StrikeLeader},
		})
		if err := Check(h, *checkLimit); err != nil && strings.Contains(err.Error(), "not linearizable") {
			t.Logf("found with seed %d", *seed+i)
			return
		}
	}
	t.Errorf("no stale read found in %d histories", attempts)
}

// disturb makes a history of clients and strikes against servers of the given
// program. Whatever does not work fails the test, except what the clients saw.
func disturb(t *testing.T, program, name string, seed uint64, strikes []strike) History {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("the time for one history is over"))
	defer cancel()
	dir := t.TempDir()
	c, err := StartCluster(ctx, program, dir, 3)
	r, w := NewRecorder(), Balanced(seed)
	if err == nil {
		err = run(ctx, c, r, w, strikes)
	}
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatalf("%s, seed %d: %v\n%s", name, seed, err, logs(dir))
	}
	h := r.History(name, seed)
	var figures Figures
	figures.Count(h)
	t.Logf("seed %d: %v", seed, figures)
	for _, f := range h.Faults {
		t.Logf("  %s: %s", f.Name, f.Effect)
	}
	return h
}

// run lets the clients work while the strikes fall, and then shows that every
// server answers, and that all hold the same.
func run(ctx context.Context, c *Cluster, r *Recorder, w Workload, strikes []strike) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(working, r, Roam(c.Remotes()))
	}()
	err := strikeAll(ctx, c, r, strikes)
	stop()
	<-done
	if err != nil {
		return err
	}
	for _, s := range c.Servers {
		if err := w.ReadAll(ctx, r, s); err != nil {
			return fmt.Errorf("%s, after all faults: %w", s.Name, err)
		}
	}
	return c.Agree(ctx)
}

func strikeAll(ctx context.Context, c *Cluster, r *Recorder, strikes []strike) error {
	for _, s := range strikes {
		if err := c.progress(ctx); err != nil {
			return fmt.Errorf("before %s: %w", s.name, err)
		}
		start := r.Now()
		effect, err := s.hit(ctx, c)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.Fault(s.name, start, effect)
	}
	return c.progress(ctx)
}

// logs returns the end of what each server said.
func logs(dir string) string {
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		lines := strings.Split(string(text), "\n")
		fmt.Fprintf(&out, "--- %s\n%s\n", filepath.Base(file), strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
	return out.String()
}
