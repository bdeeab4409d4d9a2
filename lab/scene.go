package lab

import "fmt"

// scene is what a Player plays: a world of package sim, or a script.
type scene interface {
	step() bool     // plays the next event; false: there is none
	hush(bool)      // what is said from now on is known, or no more
	events() int    // that were played
	now() float64   // when the last of them was
	next() float64  // when the next one is
	over() bool     // nothing comes any more
	said() []string // what was said since it was last asked, a line each
	sentence(r remark) Sentence
	digest() uint64
	violation() *Violation
	do(line string) (answer string, err error)
	commands() []Command  // that do takes, and others
	frame(w window) Frame // as far as the scene knows
	close()
}

// window is which indexes of the logs a frame shows; hi 0: the last lo of them.
type window struct{ lo, hi uint64 }

// of returns the first and the last index that are shown of logs that end at last.
func (w window) of(last uint64) (lo, hi uint64) {
	if w.hi > 0 {
		return w.lo, w.hi
	}
	return last - min(w.lo, last) + 1, last
}

// remark is a line that was said.
type remark struct {
	event int
	time  float64
	line  string
	kind  string // of the sentence that it is
}

// open sets the scene of a run before its first event.
func open(r Run) (scene, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Scenario != "" {
		return newScriptScene(r.Scenario)
	}
	return newWorldScene(r), nil
}

func digestText(d uint64) string { return fmt.Sprintf("%016x", d) }
