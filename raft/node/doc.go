// Package node runs a raft.Raft against a real clock, disk and network.
//
// Four goroutines do the work of a node. Each owns what it works on, and hands
// the next what that needs; none shares it.
//
//	run    the raft.Raft, and who waits for what
//	save   the write-ahead log: one fsync serves every batch that is waiting;
//	       then it releases the messages that waited for the batches
//	apply  the state machine, and the answers that come from it
//	snap   the snapshot being written
//
// run never waits for the others, so neither a slow disk nor a slow state
// machine delays a heartbeat: it offers what is due to them whenever they are
// ready, and does its other work meanwhile.
package node
