package lab

import (
	"fmt"
	"slices"

	"kvorum/raft"
	"kvorum/raft/sim"
)

// hold holds a disk if it does not finish at once what is handed out after act i.
func (t *transcript) hold(i int, s *actor) {
	a := &t.acts[i]
	if !a.decides || a.batch == 0 || s.held {
		return
	}
	if upto := t.atOnce(i, s); upto > 0 {
		return
	}
	t.do("hold %s", s.id)
	s.held = true
}

// atOnce reports whether a disk finishes a batch, and what follows from that, before
// anything else happens to its server; and then those acts need no word.
func (t *transcript) atOnce(i int, s *actor) int {
	var chain []int
	for a := &t.acts[i]; a.batch != 0; {
		next := t.skipQuiet(a)
		n := &t.acts[next]
		if next == 0 || n.Kind != sim.Persisted || n.Number != a.batch || !n.decides {
			return 0
		}
		chain, a = append(chain, next), n
	}
	for _, n := range chain {
		t.acts[n].done = true
		t.acts[i].fates = append(t.acts[i].fates, t.acts[n].fates...)
	}
	return len(chain)
}

// skipQuiet returns the next input of a's server, past the ticks that do nothing to
// one that a message has made, or left, a follower: for that it is all the same
// whether its disk answers before or after them.
func (t *transcript) skipQuiet(a *act) int {
	next := a.next
	if a.Kind != sim.Stepped {
		return next
	}
	switch a.Message.Body.(type) {
	case raft.AppendEntries, raft.InstallSnapshot, raft.RequestVote:
		for next > 0 && t.acts[next].Kind == sim.Ticked && t.acts[next].isQuiet() {
			next = t.acts[next].next
		}
	}
	return next
}

// hand notes the batch that a server handed out.
func (t *transcript) hand(a *act, s *actor) {
	if a.batch != 0 && s.held {
		s.batches = append(s.batches, a.batch)
	}
}

// persisted tells that a disk that was held has finished some of its batches.
func (t *transcript) persisted(i int, s *actor) {
	a := &t.acts[i]
	t.wait(s)
	n := 0
	for n < len(s.batches) && s.batches[n] <= a.Number {
		n++
	}
	if n == 0 {
		t.refuse(a, "the disk of %s finishes a batch that it does not have", s.id)
		return
	}
	if !a.decides {
		t.gather(s)
	}
	all := n == len(s.batches)
	s.batches = slices.Delete(s.batches, 0, n)
	if all && (a.batch == 0 || t.atOnce(i, s) > 0) {
		s.held = false
		t.do("persist %s", s.id)
	} else {
		t.do("persist %s %d", s.id, n)
	}
	t.decide(i, s)
}

// start tells that a process starts.
func (t *transcript) start(i int) {
	a := &t.acts[i]
	s := t.actors[a.Server]
	t.dropLost(true)
	if t.turn(); len(t.draft.comments) == 0 {
		t.draft.comment(fmt.Sprintf("%.3fs: %s starts", a.At.Seconds(), a.Server))
	}
	if s == nil {
		t.actors[a.Server] = &actor{id: a.Server}
		t.do("server %s seed=%d", a.Server, t.seed(i))
	} else {
		t.do("restart %s seed=%d", s.id, t.seed(i))
	}
	t.actors[a.Server].at = a.next
	if t.why == "" && !isSaved(t.draft.stage.Disks(a.Server)[0], *a.Saved) {
		t.refuse(a, "%s finds on its disk what no script can leave there", a.Server)
	}
}

// end tells that a process ends, and what is on its disk then.
func (t *transcript) end(i int, s *actor) {
	a := &t.acts[i]
	want, how := t.found(i), ""
	if t.why != "" || t.draft.panicked != "" {
		return
	}
	disks := t.draft.stage.Disks(s.id)
	n := slices.IndexFunc(disks, func(d raft.Saved) bool { return isSaved(d, want) })
	if n < 0 {
		// A snapshot may have been finished too, of which the process had not heard.
		n = slices.IndexFunc(disks, func(d raft.Saved) bool {
			isNewer := d.Snapshot.LastIncludedIndex < want.Snapshot.LastIncludedIndex
			d.Snapshot = want.Snapshot
			return isNewer && isSaved(d, want)
		})
		how = fmt.Sprintf(" snapshot %d", want.Snapshot.LastIncludedIndex)
	}
	if n < 0 {
		if disks[0].Snapshot.LastIncludedIndex > want.Snapshot.LastIncludedIndex {
			t.refuse(a, "the newest snapshot of %s is damaged, and an older one takes its place", s.id)
		}
		t.refuse(a, "the crash of %s leaves on its disk a part of what was being written", s.id)
		return
	}
	if n > 0 {
		how = fmt.Sprintf(" written %d", n) + how
	}
	t.do("crash %s%s", s.id, how)
	*s = actor{id: s.id}
}

// found returns what is on the disk of a server after its process has ended: what the
// next one finds.
func (t *transcript) found(i int) raft.Saved {
	a := &t.acts[i]
	if a.next > 0 && t.acts[a.next].Kind == sim.Started {
		return *t.acts[a.next].Saved
	}
	return t.scene.world.Disk(a.Server)
}

// isSaved compares what is on two disks, but for what commands say.
func isSaved(a, b raft.Saved) bool {
	return a.HardState == b.HardState && a.Snapshot.ID() == b.Snapshot.ID() && a.Snapshot.Config.String() == b.Snapshot.Config.String() &&
		slices.EqualFunc(a.Entries, b.Entries, func(a, b raft.Entry) bool { return a.String() == b.String() })
}
