package main

import (
	"context"
	"fmt"
	"time"

	"kvorum/raft/mutants"
)

// tryMutants breaks one rule after another, tells what notices, and returns an
// error if some mutants survive. If by is not empty, that is the only test.
func (l *raftlab) tryMutants(ctx context.Context, chosen []mutants.Mutation, by string) error {
	if by != "" {
		for i := range chosen {
			chosen[i].CaughtBy = mutants.ParseTest(by)
		}
	}
	begun := time.Now()
	if err := mutants.Check(ctx, chosen, nil); err != nil {
		return err
	}
	fmt.Fprintf(l.stdout, "without a mutation all tests pass (%.0f s)\n", time.Since(begun).Seconds())
	var survivors []mutants.Mutation
	for i, m := range chosen {
		r := try(ctx, m, by != "", nil)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped after %d of %d mutants", i, len(chosen))
		}
		fmt.Fprintf(l.stdout, "%2d %-42s %s\n", m.Number, m.Name, verdict(r))
		if r.CaughtBy == "" {
			survivors = append(survivors, m)
		}
	}
	for _, m := range survivors {
		fmt.Fprintf(l.stdout, "survivor: %d %s: a test is missing, or it changes nothing that matters\n", m.Number, m.Name)
	}
	fmt.Fprintf(l.stdout, "mutants: %d caught, %d survived, %d total\n", len(chosen)-len(survivors), len(survivors), len(chosen))
	if len(survivors) > 0 {
		return fmt.Errorf("%d of %d mutants survive", len(survivors), len(chosen))
	}
	return nil
}
