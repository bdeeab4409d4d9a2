package linearizability

import (
	"bytes"
	"context"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// remember runs a workload on a memory whose sessions have bug b, in virtual time.
func remember(t *testing.T, b bug, seed uint64) History {
	t.Helper()
	var h History
	synctest.Test(t, func(t *testing.T) {
		m, r := newMemory(), NewRecorder()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		w := Balanced(seed)
		w.Run(ctx, r, func(_ int, rng *rand.Rand) KV { return &session{memory: m, bug: b, rng: rng} })
		healthy := &session{memory: m, rng: rand.New(rand.NewPCG(seed, 99))}
		if err := w.ReadAll(t.Context(), r, healthy); err != nil {
			t.Error(err)
		}
		h = r.History(string(b), seed)
	})
	return h
}

func TestCorrectServiceIsLinearizable(t *testing.T) {
	t.Parallel()
	for _, b := range []bug{noBug, unknownOutcomes} {
		var figures Figures
		for seed := range uint64(5) {
			h := remember(t, b, seed)
			figures.Count(h)
			if err := Check(h, 20*time.Second); err != nil {
				t.Errorf("%s, seed %d: %v", b, seed, err)
			}
		}
		if figures.Operations < 5000 || (figures.Unknown > 0) != (b == unknownOutcomes) {
			t.Errorf("%s: these histories prove little: %v", b, figures)
		}
	}
}

func TestEachBugIsFound(t *testing.T) {
	t.Parallel()
	bugs := []bug{staleRead, lostUpdate, doubleApply, resurrectedKey, earlyComparison, falseFailure}
	for _, b := range bugs {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			h := remember(t, b, 1)
			if err := Check(h, 20*time.Second); err == nil || !strings.Contains(err.Error(), "not linearizable") {
				t.Errorf("got %v, want the history found not linearizable", err)
			}
		})
	}
}

// at makes an operation that lasts from call to end, in seconds.
func at(call, end int, o Operation) Operation {
	o.Key, o.Call, o.Return = "k", time.Duration(call)*time.Second, time.Duration(end)*time.Second
	if o.Outcome == "" {
		o.Outcome = OK
	}
	return o
}

func TestOneOutcomeOfManyIsAllowed(t *testing.T) {
	t.Parallel()
	set := func(call, end int, v string, outcome Outcome) Operation {
		return at(call, end, Operation{Kind: Set, Value: v, Outcome: outcome})
	}
	get := func(call, end int, s State) Operation { return at(call, end, Operation{Kind: Get, Seen: s}) }
	remove := func(call, end int, existed bool) Operation {
		return at(call, end, Operation{Kind: Delete, Seen: State{Exists: existed}})
	}
	cas := func(call, end int, expected State, v string, swapped bool, seen State) Operation {
		return at(call, end, Operation{Kind: CompareAndSet, Expected: expected, Value: v, Swapped: swapped, Seen: seen})
	}
	unanswered := func(o Operation) Operation { o.Outcome = Unknown; return o }

	for _, test := range []struct {
		name    string
		history []Operation
		legal   bool
	}{
		{"a read sees the write before it", []Operation{set(0, 1, "a", OK), get(2, 3, Present("a"))}, true},
		{"a read misses the write before it", []Operation{set(0, 1, "a", OK), get(2, 3, Absent)}, false},
		{"a read beside a write may miss it", []Operation{set(0, 3, "a", OK), get(1, 2, Absent)}, true},
		{"a value seen is not unseen", []Operation{set(0, 9, "a", OK), get(1, 2, Present("a")), get(3, 4, Absent)}, false},
		{"an unknown write may take effect late",
			[]Operation{set(0, 1, "a", Unknown), get(2, 3, Absent), get(4, 5, Present("a"))}, true},
		{"an unknown write may never take effect", []Operation{set(0, 1, "a", Unknown), get(2, 3, Absent)}, true},
		{"an unknown write takes effect once", []Operation{set(0, 1, "a", Unknown), get(2, 3, Present("a")),
			set(4, 5, "b", OK), get(6, 7, Present("a"))}, false},
		{"a definite failure is never seen", []Operation{set(0, 1, "a", Definite), get(2, 3, Present("a"))}, false},
		{"an unanswered read tells nothing", []Operation{set(0, 1, "a", OK), unanswered(get(2, 3, Absent))}, true},
		{"a delete tells whether there was something", []Operation{set(0, 1, "a", OK), remove(2, 3, false)}, false},
		{"a deleted key is absent", []Operation{set(0, 1, "a", OK), remove(2, 3, true), get(4, 5, Absent)}, true},
		{"a swap needs the expected state", []Operation{set(0, 1, "a", OK), cas(2, 3, Present("b"), "c", true, Absent)}, false},
		{"a refused swap tells the state", []Operation{set(0, 1, "a", OK), cas(2, 3, Absent, "c", false, Present("a"))}, true},
		{"a refused swap tells the right state", []Operation{set(0, 1, "a", OK), cas(2, 3, Absent, "c", false, Present("b"))}, false},
		{"a swap may not be refused on the expected state", []Operation{cas(0, 1, Absent, "c", false, Absent)}, false},
		{"two swaps of one state", []Operation{cas(0, 9, Absent, "a", true, Absent), cas(0, 9, Absent, "b", true, Absent)}, false},
		{"an unknown swap may have swapped",
			[]Operation{unanswered(cas(0, 1, Absent, "a", false, Absent)), get(2, 3, Present("a"))}, true},
		{"an unknown swap does not overwrite",
			[]Operation{set(0, 1, "a", OK), unanswered(cas(2, 3, Absent, "b", false, Absent)), get(4, 5, Present("b"))}, false},
	} {
		if err := Check(History{Name: test.name, Operations: test.history}, time.Minute); (err == nil) != test.legal {
			t.Errorf("%s: got %v, want legal %t", test.name, err, test.legal)
		}
	}
}

func TestUndecidedIsAFailure(t *testing.T) {
	t.Parallel()
	// Thirty writes that may or may not have happened, and a read that none of
	// them explains: there are too many orders to try in a moment.
	var h History
	for i := range 30 {
		h.Operations = append(h.Operations, at(0, 1, Operation{Kind: Set, Value: string(rune('A' + i)), Outcome: Unknown}))
	}
	h.Operations = append(h.Operations, at(2, 3, Operation{Kind: Get, Seen: Present("none of these")}))
	if err := Check(h, time.Millisecond); err == nil || !strings.Contains(err.Error(), "undecided") {
		t.Errorf("got %v, want undecided", err)
	}
}

func TestClientWithAnUnknownOutcomeGoesOnAsAnother(t *testing.T) {
	t.Parallel()
	last := map[int]Operation{}
	for _, o := range remember(t, unknownOutcomes, 3).Operations {
		if before, ok := last[o.Client]; ok && before.Outcome == Unknown {
			t.Fatalf("client %d did %v although the outcome of %v was unknown", o.Client, o, before)
		}
		last[o.Client] = o
	}
}

func TestValuesAreUnique(t *testing.T) {
	t.Parallel()
	writer := map[string]Operation{}
	for _, o := range remember(t, noBug, 4).Operations {
		if other, ok := writer[o.Value]; ok && o.Value != "" {
			t.Fatalf("both %v and %v write %s", o, other, o.Value)
		}
		writer[o.Value] = o
	}
}

func TestSavedHistoryIsTheSameWhenReadAgain(t *testing.T) {
	t.Parallel()
	h := remember(t, unknownOutcomes, 2)
	h.Faults = []Fault{{Name: "kill leader", Start: 1, End: 2, Effect: "n2 leads"}}
	var file bytes.Buffer
	if err := h.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := ReadHistory(&file)
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("the history read differs from the one written (error %v)", err)
	}
}

func TestUnreadableHistoryIsRefused(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "{}", `{"format":2}`, "{\"format\":1}\n{\"operation\":", "{\"format\":1}\n{\"other\":1}"} {
		if _, err := ReadHistory(strings.NewReader(file)); err == nil {
			t.Errorf("%q was read as a history", file)
		}
	}
}
