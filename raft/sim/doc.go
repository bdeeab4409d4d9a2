// Package sim plays a cluster of servers through faults, in one goroutine and
// in virtual time, and checks after every event that what the paper promises
// still holds.
//
// What runs is the product: the core (package raft), the state machine with its
// sessions (package kv) and the storage (package wal), the last on a file system
// in memory that knows what is durable. What stands around them is simulated:
// clocks, the network, the work of package node, clients and their retries, an
// operator who believes gossip, and whatever goes wrong. Every seed runs on the
// real storage; there is no lighter stand-in.
//
// A seed is a run. It draws the size of the cluster and its own mix of faults,
// and each purpose draws from a stream of its own, so the same seed is the same
// run, event for event, on every machine. A run has three phases, because safety
// and liveness need different weather:
//
//   - chaos: faults come and go; only safety is demanded.
//   - core: some quorum is healthy, and everything else fails for good. The
//     quorum must elect, commit, answer and stay calm (liveness.go).
//   - heal: all faults end, lost servers are replaced, and the same is demanded
//     of everybody.
//
// The observer believes no server: it sees what the servers hand out to disks,
// network and state machines, and keeps its own account. Each invariant has a
// short name, which its violation begins with:
//
//	I1 Election Safety          I6  terms and indexes do not fall
//	I2 Leader Append-Only       I7  only durable entries are committed
//	I3 Log Matching             I8  what is committed stays durable
//	I4 Leader Completeness      I9  what a leader believes of others is so
//	I5 State Machine Safety     I10 entries are of the leader of their term
//	V1 promises are durable     F1  one membership change at a time
//	V2 terms and votes stay     F2  quorums intersect
//	V3 restarts lose nothing    F3  only voters are counted
//	V4 snapshot before discard  F4  the log says who is a member
//	V5 damage is noticed        F5  other clusters change nothing
//	Q1 reads are linearizable   Q4  equal logs, equal states
//	Q2 retries happen once      Q5  a read waits until it may be answered
//	Q3 a definite failure is one
//	L1 a leader that all follow L5  no change is left half-way
//	L2 requests are answered    L6  idle clusters are quiet
//	L3 all have all             L7  newcomers become voters
//	L4 the leader stays         L8  a cluster survives the loss of a disk
//
// A test that fails prints the seed. To see that run again, line by line:
//
//	go run ./cmd/raftlab replay 17
package sim
