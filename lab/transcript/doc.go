// Package transcript writes a run of the simulator (raft/sim) as a script (raft/script),
// a text of commands that a person can read, change, and keep in raft/testdata.
//
// A script has no clocks, no clients and no faults; only servers, disks, and messages
// that wait until they are delivered. That is enough. What a core does depends on its
// own inputs, in their order: not on when they come, and not on what others do
// meanwhile. So who gives the same inputs to each core has the same run. Every kind of
// input (sim.Input) has a command: a tick is "tick", a message that arrives "deliver",
// a batch that is saved "persist", inputs on which a core acts together stand between
// "gather" and "perform".
//
// Told one by one they would be thousands, most of them ticks. What follows may be left
// out, moved or drawn together, as no core can notice:
//
//   - Inputs of different servers may change places, unless the one follows from the
//     other by messages. So messages are delivered many at a time (sweep.go, merge.go).
//   - A disk that finishes before anything else happens to its server needs no word: in
//     a script that is how disks are (disk.go).
//   - Ticks after which a core does nothing are told together, and may come after an
//     answer that moves no timer; or they are not told at all, if the next input is the
//     word of a leader, which resets the timer (ticks.go).
//   - A message that is lost may wait, and be dropped later with others (lost.go).
//   - Another seed will do if with it the core asks for as much after each input as it
//     did: so seeds are short to write (seeds.go).
//
// In brief, as it is tried first, two things are done that a core could notice. Where
// nobody reads in a term, its heartbeats and answers that differ only in their round, or
// in where they begin, are taken for each other; and answers that teach a leader nothing
// may come later. Mostly it comes to the same; if not, the run is told again without
// that, and with the seeds that it had.
//
// None of this is trusted. The script is played while it is written: so it is known
// which messages wait there, what each disk may hold, and with what words a core gives
// up. At the end all servers, their logs and their disks are compared with those of the
// run, but for what commands say (truth.go). Where anything differs there is no script.
// A remark stands where it was made: no message that arrives after it is delivered
// before it.
//
// What no script can say is refused, with the reason: that a crash left a part of a
// batch on a disk, that a snapshot was damaged and an older one took its place, or that
// nobody founded the cluster.
package transcript
