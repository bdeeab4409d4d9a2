// Package discovery finds the other servers, and makes the cluster's
// configuration follow what it found.
//
// It reconciles instead of reacting. Serf gossips who is there (Members), which
// is a hint and never a decision: events get lost, arrive while nobody leads, and
// call a server failed that only this network path does not reach. So the leader
// compares, every second and whenever Serf has news, who is there with who
// takes part, and takes one step towards agreement (Reconcile). What the
// step is, the pure function next decides:
//
//	the configuration is not in the log yet     write it there
//	removed by an operator, still configured    remove it from the configuration
//	alive, at another address than we know      write the address into the directory
//	alive and unknown                           add it as a learner
//	a learner that has caught up                make it a voter
//	a learner whose folder was wiped            forget that incarnation
//	failed, or left                             nothing
//
// A stopped server has not left: it stays a member until `kvctl remove` says
// otherwise, because a cluster that shrinks by itself when servers fall
// silent ends, in a partition, as two clusters.
package discovery
