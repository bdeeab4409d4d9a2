// Package kv is the replicated state machine: an ordered map from keys to
// values, the sessions that make a client's writes exactly-once (thesis §6.3),
// the directory of servers, and a clock.
//
// Every server applies the same commands in the same order, so everything in
// here is a function of the log alone: no local clock, no randomness, no
// iteration over a Go map. Two servers that have applied the same entries hold
// the same state, the same hash of it, and write the same snapshot byte for byte.
//
//   - command.go, result.go: what goes into the log, and what comes back
//   - apply.go, session.go:  what a command does
//   - state.go:              what there is, and its hash
//   - store.go:              one writer, many readers
//   - snapshot.go:           the state as bytes
//   - watch.go, watch_feed.go: the recent changes, for those who follow them
package kv
