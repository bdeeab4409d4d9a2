package lab

import (
	"fmt"
	"strings"

	"kvorum/lab/transcript"
	"kvorum/raft/sim"
)

// recorder plays a run, and notes what its cores are given and what is said.
type recorder struct {
	scene     *worldScene
	recording transcript.Recording
}

// Script returns a run of the simulator, up to an event, as a script in the notation of
// raft/testdata, or why no script can say it. A script has neither clocks nor clients
// nor faults: what remains of a run is what its cores were given, from which the same
// follows; package transcript says how. Before it is handed out the script is played,
// and all servers are compared with those of the run.
func Script(r Run, at int) (text, why string) {
	rec := &recorder{scene: &worldScene{yours: map[int]bool{}}}
	defer rec.scene.close()
	rec.play(r, at)
	rec.recording.Title = title(r, at, rec.scene.now())
	return transcript.Write(&rec.recording, rec.scene.world)
}

// title says which run it is.
func title(r Run, at int, now float64) string {
	kind := "calm"
	switch {
	case r.Chaos && r.Short:
		kind = "short"
	case r.Chaos:
		kind = "chaotic"
	}
	return fmt.Sprintf("A %s run of the simulator with seed %d, up to event %d, at %.3fs. Its link in the lab is %s",
		kind, r.Seed, at, now/1000, r.Link(at))
}

// play plays a run up to an event.
func (rec *recorder) play(r Run, at int) {
	s := rec.scene
	s.open(r, func(i sim.Input) {
		rec.listen()
		rec.recording.Take(i)
	})
	for done := 0; s.events() < at; {
		if done < len(r.Do) && r.Do[done].At == s.events() {
			line := r.Do[done].Line
			done++
			rec.listen()
			rec.say(prompt + line)
			s.do(line) //nolint:errcheck // where it cannot be done it is not part of the run
		} else if !s.step() {
			break
		}
	}
	rec.listen()
}

// listen notes what was said since the last input.
func (rec *recorder) listen() {
	for _, line := range rec.scene.said() {
		rec.say(line)
	}
}

// say notes a sentence, if it stands out and the run has begun.
func (rec *recorder) say(line string) {
	w, s := rec.scene.world, rec.scene.sentence(remark{line: line})
	if w == nil {
		return
	}
	m := transcript.Remark{At: w.Now(), Text: s.Text}
	switch {
	case s.Kind == "command":
		m.Kind = transcript.Command
	case s.Kind == "violation":
		m.Kind = transcript.Violation
	case s.Kind == "fault" && s.Text != "starts":
		m.Text = strings.TrimSpace(s.Server + " " + s.Text)
	default:
		return
	}
	if m.Text != "" {
		rec.recording.Say(m)
	}
}
