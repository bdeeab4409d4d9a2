package transcript

import (
	"fmt"
	"slices"

	"kvorum/raft"
	"kvorum/raft/script"
	"kvorum/raft/sim"
)

// close ends the script, and demands that it came to the same as the run: that the same
// core gave up, or that every server is the same.
func (t *teller) close() {
	t.turn()
	t.dropLost(true)
	t.do("logs")
	if p := t.draft.panicked; p != "" {
		if v := t.world.Violation(); v == nil || v.Text != p {
			t.why = "in the script, and not in the run: " + p
		}
		return
	}
	actors := map[raft.ServerID]script.View{}
	for _, v := range t.draft.stage.Servers() {
		actors[v.ID] = v
	}
	for _, v := range t.world.Servers() {
		got, is := actors[v.ID]
		if !is {
			t.why = fmt.Sprintf("there is no %s in the script", v.ID)
			return
		}
		if why := t.differs(v, got); why != "" && t.why == "" {
			t.why = fmt.Sprintf("at event %d: in the script %s differs: %s", t.world.Events(), v.ID, why)
		}
	}
}

// differs says in what a server of the script is not that of the run; empty: in nothing.
func (t *teller) differs(run sim.View, actor script.View) string {
	if runs := run.State != nil; runs || actor.Running {
		log := run.Entries(0, run.Status.Last.Index)
		if actor.Gathering { // its log shows what it was not asked for yet
			actor.Log = actor.Log[:min(len(actor.Log), len(log))]
		}
		if t.world.Violation() != nil { // the run was not looked at to its end
			log, actor.Log = nil, nil
		}
		want, got := outline(runs, run.Status, log), outline(actor.Running, actor.Status, actor.Log)
		if want != got {
			return fmt.Sprintf("%s, in the run %s", got, want)
		}
	}
	disk, disks := t.world.Disk(run.ID), t.draft.stage.Disks(run.ID)
	if !slices.ContainsFunc(disks, func(d raft.Saved) bool { return isSaved(d, disk) }) {
		return fmt.Sprintf("on its disk is %+v, in the run %+v", disks, disk)
	}
	return ""
}

// outline says what a server has come to.
func outline(runs bool, st raft.Status, log []raft.Entry) string {
	text := fmt.Sprintf("runs=%t %v term=%d vote=%q leader=%q log=%d..%v stable=%d commit=%d given=%d snapshot=%v config=%d%v", runs,
		st.Role, st.Term, st.VotedFor, st.Leader, st.FirstIndex, st.Last, st.Stable, st.CommitIndex, st.LastApplied, st.Snapshot.ID(), st.ConfigIndex, st.Config)
	for _, p := range st.Peers {
		text += fmt.Sprintf(" %s:%d,%d,%s", p.ID, p.MatchIndex, p.NextIndex, p.State)
	}
	return text + fmt.Sprint(log)
}
