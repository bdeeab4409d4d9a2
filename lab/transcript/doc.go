// Package transcript writes a run of the simulator (raft/sim) as a script (raft/script):
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
//   - Inputs of different servers may change places, if no message of one is among
//     those of the other. So messages are delivered many at a time (sweep.go, merge.go).
//   - A disk that finishes before anything else happens to its server needs no word: in
//     a script that is how disks are (disk.go).
//   - Ticks after which a core does nothing are told together; or not at all, if the
//     next input is the word of a leader, which resets the timer (ticks.go).
//   - A message that is lost may wait, and be dropped later with others (net.go).
//   - Another seed will do if with it the core asks for as much after each input as it
//     did: so seeds are short to write (seeds.go).
//
// In brief, as it is tried first, two things are done that a core could notice:
// heartbeats that say the same are taken for each other, and answers that teach a leader
// nothing may come after its next ticks. Mostly it comes to the same all the same; if
// not, the run is told again without that, and with the seeds of the run.
//
// None of this is trusted. The script is played while it is written: so it is known
// which messages wait there, what each disk may hold, and what a core gives up with. At
// the end all servers, their logs and their disks are compared with those of the run
// (truth.go), and where anything differs there is no script. A comment stands where it
// was said: nothing that came after it is told before.
//
// What no script can say is refused, with the reason: that a crash left a part of a
// batch on a disk, that a snapshot was damaged and an older one took its place, or that
// nobody founded the cluster.
package transcript
