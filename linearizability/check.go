package linearizability

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"
)

// Check asks whether h is linearizable. It returns nil if it is, and an error
// if it is not, or if that could not be decided within limit.
func Check(h History, limit time.Duration) error {
	switch porcupine.CheckOperationsTimeout(Model, porcupineOperations(h.Operations), limit) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return fmt.Errorf("linearizability: history %q is not linearizable", h.Name)
	}
	return fmt.Errorf("linearizability: history %q is undecided after %v", h.Name, limit)
}

// Save writes h to the folder dir: as a file for ReadHistory, and as a page
// that shows how far it can be linearized. It takes up to limit to find out.
// It returns how to look at both.
func Save(h History, dir string, limit time.Duration) (instructions string, err error) {
	file, page := filepath.Join(dir, "history.jsonl"), filepath.Join(dir, "history.html")
	if err := writeFile(h, file); err != nil {
		return "", err
	}
	_, info := porcupine.CheckOperationsVerbose(Model, porcupineOperations(h.Operations), limit)
	info.AddAnnotations(annotations(h.Faults))
	if err := porcupine.VisualizePath(Model, info, page); err != nil {
		return "", fmt.Errorf("linearizability: write %s: %w", page, err)
	}
	return fmt.Sprintf("look at it:     %s\ncheck it again: go test ./linearizability -run TestReplay -v -history %s", page, file), nil
}

func writeFile(h History, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("linearizability: write history: %w", err)
	}
	err = h.Write(f)
	if e := f.Close(); err == nil && e != nil {
		err = fmt.Errorf("linearizability: write history: %w", e)
	}
	return err
}

func annotations(faults []Fault) []porcupine.Annotation {
	var out []porcupine.Annotation
	for _, f := range faults {
		out = append(out, porcupine.Annotation{
			Tag: "faults", Start: f.Start.Nanoseconds(), End: f.End.Nanoseconds(),
			Description: f.Name, Details: f.Effect, BackgroundColor: "#f4c7c3",
		})
	}
	return out
}

// Figures counts what was checked. A suite shows them, because one that did
// little proves little.
type Figures struct {
	Histories, Operations, Faults int
	Definite                      int // operations that failed without effect
	Unknown                       int // writes of unknown outcome
	Unanswered                    int // reads
}

// Count adds h.
func (f *Figures) Count(h History) {
	f.Histories++
	f.Operations += len(h.Operations)
	f.Faults += len(h.Faults)
	for _, o := range h.Operations {
		switch {
		case o.Outcome == Definite:
			f.Definite++
		case o.Outcome == Unknown && o.Kind == Get:
			f.Unanswered++
		case o.Outcome == Unknown:
			f.Unknown++
		}
	}
}

func (f Figures) String() string {
	return fmt.Sprintf("%d histories, %d operations (%d failed without effect, %d writes of unknown outcome, %d reads unanswered), %d faults",
		f.Histories, f.Operations, f.Definite, f.Unknown, f.Unanswered, f.Faults)
}
