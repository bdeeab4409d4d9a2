// Package linearizability records what clients saw of a kvorum cluster under
// faults, and asks Porcupine whether one ordinary map, doing one operation at a
// time, could have shown them the same. That is the promise of linearizability
// (Herlihy and Wing 1990), and Raft's goal for its clients (§8).
package linearizability

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// Model is the sequential specification of the key-value service: a map. Keys
// are independent, so a history is linearizable if the history of each key is.
var Model = porcupine.Model{
	Partition: partitionByKey,
	Init:      func() any { return State{} },
	Step: func(state, input, _ any) (bool, any) {
		return step(state.(State), input.(Operation))
	},
	DescribeOperation: func(input, _ any) string { return input.(Operation).String() },
	DescribeState:     func(state any) string { return state.(State).String() },
}

// step performs o on a key in state s. It tells whether o could have seen what
// it saw, and in which state it leaves the key. An operation with an unknown
// outcome saw nothing, and so rules nothing out.
func step(s State, o Operation) (bool, State) {
	known := o.Outcome == OK
	switch o.Kind {
	case Get:
		return s == o.Seen, s
	case Set:
		return true, Present(o.Value)
	case Delete:
		return !known || o.Seen.Exists == s.Exists, Absent
	case CompareAndSet:
		if s == o.Expected {
			return !known || o.Swapped, Present(o.Value)
		}
		return !known || !o.Swapped && o.Seen == s, s
	}
	panic(fmt.Sprintf("linearizability: operation of unknown kind %q", o.Kind))
}

// infinity is when an operation with an unknown outcome returns: it may take
// effect at any time after it was called, or, at the very end, as good as never.
const infinity = math.MaxInt64

// porcupineOperations leaves out what tells nothing: operations that certainly
// had no effect, and reads that were not answered.
func porcupineOperations(operations []Operation) []porcupine.Operation {
	var out []porcupine.Operation
	for _, o := range operations {
		end := o.Return.Nanoseconds()
		switch {
		case o.Outcome == Definite, o.Outcome == Unknown && o.Kind == Get:
			continue
		case o.Outcome == Unknown:
			end = infinity
		}
		out = append(out, porcupine.Operation{
			ClientId: o.Client, Input: o, Output: o, Call: o.Call.Nanoseconds(), Return: end,
		})
	}
	return out
}

func partitionByKey(history []porcupine.Operation) [][]porcupine.Operation {
	byKey := map[string][]porcupine.Operation{}
	for _, o := range history {
		key := o.Input.(Operation).Key
		byKey[key] = append(byKey[key], o)
	}
	var out [][]porcupine.Operation
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, byKey[key])
	}
	return out
}
