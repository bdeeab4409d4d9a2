// Package script plays the stories of raft/testdata: the figures of the paper, the
// sections of the dissertation and incidents of other implementations, each a text
// of commands, with what happened after each of its blocks. The test of package
// raft plays them to see that it still does, and the lab to show it.
//
// A script is blocks of commands, each followed by a line of dashes and what
// happened; a # begins a comment. All servers share one network, whose messages
// wait to be delivered. A disk answers at once unless it is held.
//
//	cluster S1 S2 ... [OPTION ...] new servers, all voters
//	server S4 [seed=N]             one more, which knows nobody
//	disk S1 term=N log=T.T.T       restart with these terms in the log
//	show reasons messages | nothing
//	elect S1 with S2 S3            no leader is heard; S1 times out; votes among these
//	tick S1 [N]      heartbeat S1
//	propose S1 x y   read S1       transfer S1 [S2]
//	config S1 S2 S3 [learners S4]   suspect S2 S1   S2 is told that S1 is gone
//	compact S1 upto N keep M
//	deliver|drop|duplicate [N] [#17 ...] [Kind ...] [S1->S2 ...] [among S1 S2 ...]
//	hold S1    persist S1    crash S1    restart S1 [seed=N]
//	gather S1  perform S1        inputs in between are recorded, and decided together
//	mark       rewind        logs        status S1      network
//
// What follows is seldom wanted by hand: a run of the simulator that is written as a
// script needs it (package lab/transcript).
//
//	persist S1 N                   the first N batches; the disk stays held
//	crash S1 written N             the first N batches were on the disk, unknown to S1,
//	crash S1 snapshot M            and so was a snapshot of its state up to M
//	deliver|drop InstallSnapshot untold     its sender does not hear that its way has ended
//	told S1 S3                     S1 does now, of its snapshot to S3
//
// The options of a cluster: append=N, N entries in an AppendEntries; inflight=N, sent
// and not acknowledged; uncommitted=N, in the leader's log; heartbeat=N, ticks between
// two; lazy, a commitIndex waits for something to travel with; seeds=N,N,N, by which the
// servers draw their election timeouts, else S1 by 1 and so on. A limit of 900B is
// bytes, and 3,900B is both; 0 is none.
package script
