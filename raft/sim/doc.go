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
// Disks lose what was not synced, sector by sector, and their files are damaged.
// Messages are lost, late, repeated and overtaken, but not altered: between
// servers that is for TCP, gRPC's framing and, where it is on, TLS to prevent, and
// a message carries no checksum of ours that could be put to the test. A snapshot
// file does, as its pieces may come in several attempts: a bit of it is flipped on
// its way, and the receiver must refuse it and be sent it again.
//
// The observer believes no server: it sees what the servers hand out to disks,
// network and state machines, and keeps its own account. Each invariant has a
// short name, which its violation begins with, and is checked in the functions
// beside it, after every event that could break it: I and F when a server acts, V
// when its messages leave and its disk answers, Q when entries are applied and
// clients answered, L when all should be well.
//
//	I1   Election Safety                           elected
//	I2   Leader Append-Only                        observeLog
//	I3   Log Matching                              checkEntry
//	I4   Leader Completeness                       elected
//	I5   State Machine Safety                      checkCommitted, applied
//	I6   terms and indexes do not fall             checkMonotone
//	I7   only durable entries are committed        checkCommitted
//	I8   what is committed stays durable           checkKept
//	I9   leaders do not overrate their followers   checkProgress
//	I10  entries are of the leader of their term   checkEntry
//	V1   promises are durable                      sent
//	V2   terms and votes stay                      cast, saved
//	V3   restarts lose nothing                     recovered, started
//	V4   snapshot before discard                   saved
//	V5   damage is noticed                         recovered, commitIncoming
//	F1   one membership change at a time           configProposed, checkEntry
//	F2   quorums intersect                         checkQuorums
//	F3   only voters are counted                   checkElectorate, isQuorum
//	F4   the log says who is a member              observeLog, started, applied
//	F5   other clusters change nothing             intrude
//	Q1   reads are linearizable                    readAnswered
//	Q2   retries happen once                       answered
//	Q3   a definite failure is one                 lost, failedDefinitely
//	Q4   equal logs, equal states                  applied, answered
//	Q5   a read waits until it may be answered     readAnswered
//	L1   a leader that all follow                  followedLeader
//	L2   requests are answered                     unanswered
//	L3   all have all                              behind
//	L4   the leader stays                          demandCalm
//	L5   no change is left half-way                commonLeader
//	L6   idle clusters are quiet, logs short       demandCalm, snapshotSent, checkMonotone
//	L7   newcomers become voters                   everyoneVotes
//	L8   a cluster survives the loss of a disk     playHealed
//
// L8 is the name of no violation: it is L1 to L7, demanded of a cluster in which
// every lost server has been replaced. What no bug in the zoo of package mutants is
// known to break is planted by hand (planted_test.go), to see that it is noticed.
//
// A World is the same, played event by event, for who wants to look at it and to
// interfere: a run with the faults of its seed, or a calm one without any.
//
// A test that fails prints the seed. To see that run again, line by line:
//
//	go run ./cmd/raftlab replay 17
package sim
