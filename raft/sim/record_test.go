package sim

import (
	"math"
	"reflect"
	"testing"

	"kvorum/raft"
)

// feed gives an input to a core.
func feed(t *testing.T, cores map[raft.ServerID]*raft.Raft, i Input) {
	t.Helper()
	r := cores[i.Server]
	switch i.Kind {
	case Started:
		cores[i.Server] = raft.New(*i.Config, *i.Saved)
	case Ticked:
		r.Tick()
	case Stepped:
		r.Step(*i.Message)
	case Proposed:
		r.Propose(i.Command) //nolint:errcheck // the run knows
	case ReadAsked:
		r.ReadIndex(i.Number) //nolint:errcheck // the run knows
	case ConfigAsked:
		r.ProposeConfig(i.Members.Voters, i.Members.Learners) //nolint:errcheck // the run knows
	case TransferAsked:
		r.TransferLeadership(i.Other) //nolint:errcheck // the run knows
	case Suspected:
		r.Suspect(i.Other)
	case Drained:
		if fx := r.Effects(); fx.Persist.Seq != i.Number {
			t.Fatalf("%s hands out batch %d, in the run %d", i.Server, fx.Persist.Seq, i.Number)
		}
	case Persisted:
		r.Persisted(i.Number)
	case SnapshotEnded:
		r.SnapshotDone(i.Other)
	case Compacted:
		r.Compact(*i.Snapshot, i.Keep, math.MaxInt)
	case Ended:
		delete(cores, i.Server)
	}
}

// Cores that are given what was recorded do what those of the run did.
func TestTheRecordIsAllThatACoreDependsOn(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Seed: 1, Short: true}, {Seed: 2, Short: true}, {Seed: 3}} {
		cores, messages := map[raft.ServerID]*raft.Raft{}, 0
		o.Record = func(i Input) {
			feed(t, cores, i)
			if i.Kind == Lost || i.Kind == Repeated {
				messages++
			}
		}
		w := NewWorld(o)
		defer w.Close()
		for w.Step() {
		}
		if w.Events() < 500 || messages == 0 {
			t.Fatalf("only %d events, and nothing became of %d messages", w.Events(), messages)
		}
		for _, v := range w.Servers() {
			r := cores[v.ID]
			if (r == nil) != (v.State == nil) {
				t.Errorf("seed %d: %s is %s, by the record it runs: %t", o.Seed, v.ID, v.Process, r != nil)
			} else if r != nil && !reflect.DeepEqual(r.Status(), v.Status) {
				t.Errorf("seed %d: by the record %s is %+v, in the run %+v", o.Seed, v.ID, r.Status(), v.Status)
			}
		}
	}
}

// A message of the record is lost, repeated, or stepped: none is stepped more often
// than it was sent, with its copies and without those that were lost.
func TestTheRecordSaysWhatBecomesOfMessages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		sayWhatBecomesOfMessages(t, Options{Seed: seed, Short: true})
	}
}

func sayWhatBecomesOfMessages(t *testing.T, o Options) {
	t.Helper()
	cores, onTheWay := map[raft.ServerID]*raft.Raft{}, map[string]int{}
	o.Record = func(i Input) {
		switch i.Kind {
		case Lost, Stepped:
			onTheWay[i.Message.String()]--
		case Repeated:
			onTheWay[i.Message.String()]++
		case Drained:
			fx := cores[i.Server].Clone().Effects()
			for _, m := range append(fx.Messages, fx.Persist.Messages...) {
				onTheWay[m.String()]++
			}
		}
		feed(t, cores, i)
	}
	w := NewWorld(o)
	defer w.Close()
	for w.Step() {
	}
	for text, n := range onTheWay {
		if n < 0 {
			t.Errorf("seed %d: %d more than there were: %s", o.Seed, -n, text)
		}
	}
}
