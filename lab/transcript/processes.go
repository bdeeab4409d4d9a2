package transcript

import (
	"fmt"
	"slices"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// start tells that a process starts, and compares what it finds on its disk.
func (t *teller) start(i int) {
	a := &t.acts[i]
	t.dropLost(true)
	if t.turn(); len(t.draft.comments) == 0 {
		t.draft.comment(timed(a.At, string(a.Server)+" starts"))
	}
	command := "restart"
	if t.actors[a.Server] == nil {
		t.actors[a.Server] = &actor{id: a.Server}
		command = "server"
	}
	t.actors[a.Server].next = a.next
	t.do("%s %s seed=%d", command, a.Server, t.seed(i))
	if t.why == "" && !isSaved(t.draft.stage.Disks(a.Server)[0], *a.Saved) {
		t.refuse(a, "%s finds on its disk what no script can leave there", a.Server)
	}
}

// end tells that a process ends, and what is on its disk then. What it had not told of
// its ticks, and what its disk had not finished, is gone with it.
func (t *teller) end(i int, s *actor) {
	a, disks, left := &t.acts[i], t.draft.stage.Disks(s.id), t.leftBy(i)
	how, is := crashThatLeaves(left, disks)
	switch {
	case is:
		t.do("crash %s%s", s.id, how)
		*s = actor{id: s.id}
	case disks[0].Snapshot.LastIncludedIndex > left.Snapshot.LastIncludedIndex:
		t.refuse(a, "the newest snapshot of %s is damaged, and an older one takes its place", s.id)
	default:
		t.refuse(a, "the crash of %s leaves on its disk a part of what was being written", s.id)
	}
}

// leftBy returns what is on the disk of a server after its process has ended: what the
// next one finds, or what is there at the end of the run.
func (t *teller) leftBy(i int) raft.Saved {
	a := &t.acts[i]
	if a.next > 0 && t.acts[a.next].Kind == sim.Started {
		return *t.acts[a.next].Saved
	}
	return t.world.Disk(a.Server)
}

// crashThatLeaves returns which crash of the script leaves something on a disk, which
// has disks[n] on it if n batches were written of which the process did not know. A
// newer snapshot may have been finished, too.
func crashThatLeaves(left raft.Saved, disks []raft.Saved) (how string, is bool) {
	n := slices.IndexFunc(disks, func(d raft.Saved) bool { return isSaved(d, left) })
	if n < 0 {
		n = slices.IndexFunc(disks, func(d raft.Saved) bool {
			isNewer := d.Snapshot.LastIncludedIndex < left.Snapshot.LastIncludedIndex
			d.Snapshot = left.Snapshot
			return isNewer && isSaved(d, left)
		})
		how = fmt.Sprintf(" snapshot %d", left.Snapshot.LastIncludedIndex)
	}
	if n > 0 {
		how = fmt.Sprintf(" written %d", n) + how
	}
	return how, n >= 0
}

// isSaved compares what is on two disks, but for what commands say.
func isSaved(a, b raft.Saved) bool {
	return a.HardState == b.HardState && a.Snapshot.ID() == b.Snapshot.ID() && a.Snapshot.Config.String() == b.Snapshot.Config.String() &&
		slices.EqualFunc(a.Entries, b.Entries, func(a, b raft.Entry) bool { return a.String() == b.String() })
}
