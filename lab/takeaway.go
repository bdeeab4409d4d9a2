package lab

import (
	"fmt"
	"strings"
)

// GoTest returns what is shown as a test for folder lab: it plays the run, and demands
// that nothing breaks, and that all servers come to what they are now. Where something
// has broken, which the code as it is does not do, that is all that it demands.
func (p *Player) GoTest() string {
	var b strings.Builder
	at := p.at
	fmt.Fprintf(&b, `package lab_test

import (
	"testing"

	"kvorum/lab"
)

// The lab shows it at #%s
func TestARunOfTheLab(t *testing.T) {
	t.Parallel()
	p, err := lab.NewPlayer(%s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Seek(%d); err != nil {
		t.Fatal(err)
	}
	if v := p.Violation(); v != nil {
		t.Fatalf("%%s: %%s", v.Invariant, v.Text)
	}
`, p.Link(), runText(p.run), at)
	if p.Violation() == nil {
		b.WriteString("\tfor i, want := range []string{\n")
		for _, s := range p.Frame().Servers {
			fmt.Fprintf(&b, "\t\t%q,\n", s.Outline())
		}
		b.WriteString("\t} {\n\t\tif got := p.Frame().Servers[i].Outline(); got != want {\n\t\t\tt.Errorf(\"got %s, want %s\", got, want)\n\t\t}\n\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// runText writes a run as Go. The rule that it breaks is for whoever compiles it.
func runText(r Run) string {
	var fields []string
	add := func(format string, value any, is bool) {
		if is {
			fields = append(fields, fmt.Sprintf(format, value))
		}
	}
	add("Seed: %d", r.Seed, true)
	add("Servers: %d", r.Servers, r.Servers != 0)
	add("Chaos: %t", true, r.Chaos)
	add("Short: %t", true, r.Short)
	add("Drop: %#v", r.Drop, len(r.Drop) > 0)
	add("Clients: %t", true, r.Clients)
	add("Scenario: %q", r.Scenario, r.Scenario != "")
	if len(r.Do) > 0 {
		var do strings.Builder
		for _, a := range r.Do {
			fmt.Fprintf(&do, "\t\t{At: %d, Line: %q},\n", a.At, a.Line)
		}
		fields = append(fields, "Do: []lab.Action{\n"+do.String()+"\t}")
	}
	return "lab.Run{" + strings.Join(fields, ", ") + "}"
}

// Script returns what is shown as a script in the notation of raft/testdata, or what
// of it no script can say.
func (p *Player) Script() (text, why string) {
	if p.run.Scenario != "" {
		return storyText(p.run)
	}
	if text, why = Script(p.run, p.at); why != "" {
		why += ": copy it as a Go test"
	}
	return text, why
}

// Outline says in a line what a server has come to.
func (s Server) Outline() string {
	return fmt.Sprintf("%s %s %s term=%d vote=%q leader=%q last=%d.%d commit=%d applied=%d",
		s.ID, s.Process, s.Role, s.Term, s.Vote, s.Leader, s.Last.Index, s.Last.Term, s.Commit, s.Applied)
}
