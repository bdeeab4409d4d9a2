package lab

import (
	"fmt"
	"slices"

	"kvorum/raft"
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// close ends the script, and demands that every server came to the same there.
func (t *transcript) close() {
	t.turn()
	t.dropLost(true)
	t.do("logs")
	if p := t.draft.panicked; p != "" {
		if v := t.scene.violation(); v == nil || v.Text != p {
			t.why = "in the script, and not in the run: " + p
		}
		return
	}
	actors := map[raft.ServerID]script.View{}
	for _, v := range t.draft.stage.Servers() {
		actors[v.ID] = v
	}
	for _, v := range t.scene.world.Servers() {
		got, is := actors[v.ID]
		if !is {
			t.why = fmt.Sprintf("there is no %s in the script", v.ID)
			return
		}
		if why := t.differs(v, got); why != "" && t.why == "" {
			t.why = fmt.Sprintf("at event %d: in the script %s differs: %s", t.at, v.ID, why)
		}
	}
}

// differs says in what a server of the script is not that of the run.
func (t *transcript) differs(run sim.View, actor script.View) string {
	outline := func(st raft.Status, log []raft.Entry, runs bool) string {
		st.Peers = slices.Clone(st.Peers)
		text := fmt.Sprintf("runs=%t %v term=%d vote=%q leader=%q log=%d..%v stable=%d commit=%d given=%d snapshot=%v config=%d%v", runs,
			st.Role, st.Term, st.VotedFor, st.Leader, st.FirstIndex, st.Last, st.Stable, st.CommitIndex, st.LastApplied, st.Snapshot.ID(), st.ConfigIndex, st.Config)
		for _, p := range st.Peers {
			text += fmt.Sprintf(" %s:%d,%d,%s", p.ID, p.MatchIndex, p.NextIndex, p.State)
		}
		if t.scene.violation() == nil { // else the run was not looked at to its end
			text += fmt.Sprint(log)
		}
		return text
	}
	if actor.Running || run.State != nil {
		log := run.Entries(0, run.Status.Last.Index)
		want := outline(run.Status, log, run.State != nil)
		if actor.Gathering { // its log shows what it was not asked for yet
			actor.Log = actor.Log[:min(len(actor.Log), len(log))]
		}
		got := outline(actor.Status, actor.Log, actor.Running)
		if want != got {
			return fmt.Sprintf("%s, in the run %s", got, want)
		}
	}
	disk := t.scene.world.Disk(run.ID)
	if !slices.ContainsFunc(t.draft.stage.Disks(run.ID), func(d raft.Saved) bool { return isSaved(d, disk) }) {
		return fmt.Sprintf("on its disk is %+v, in the run %+v", t.draft.stage.Disks(run.ID), disk)
	}
	return ""
}
