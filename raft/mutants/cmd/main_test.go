package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestAMutationIsCaughtAndTold(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"11"}, &out, &errs); status != 0 {
		t.Errorf("exit status %d, %s", status, &errs)
	}
	for _, want := range []string{
		"\n+\treturn values[len(values)/2]\n",
		"by ./raft TestQuorumMinIsWhatAMajorityHasReached\n",
		"expected: F2",
		"\nmutants: 1 caught, 0 survived, 1 total\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in what it says:\n%s", want, &out)
		}
	}
	if lines := strings.Split(out.String(), "\n"); !strings.HasPrefix(lines[len(lines)-2], "mutants: ") {
		t.Errorf("it does not end with the count:\n%s", &out)
	}
}

func TestUnknownMutationIsWrongUsage(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"67"}, &out, &errs); status != 2 || !strings.Contains(errs.String(), "67") {
		t.Errorf("exit status %d, %s", status, &errs)
	}
}
