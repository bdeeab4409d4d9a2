//go:build linux

package linearizability

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a program that can be killed, paused and started again. One
// goroutine may use it.
type Process struct {
	program string
	args    []string
	log     string // file that its output is appended to

	cmd    *exec.Cmd     // nil: not running
	exited chan struct{} // closed when it has ended, with err
	err    error
}

// Start starts the program.
func (p *Process) Start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("linearizability: start %s: %w", p.program, err)
	}
	defer log.Close() // the child has a descriptor of its own
	cmd := exec.Command(p.program, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KVORUM_") })
	// If this process is ended by force, its servers end too, even paused ones.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("linearizability: start %s: %w", p.program, err)
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return nil
}

// Kill ends the program at once, as kill -9 does. It is an error if it had
// ended by itself.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	p.cmd = nil
	return nil
}

// Pause stops the program from running, without its knowledge.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

// Stop asks the program to end. It is an error if it had ended by itself, does
// not end within limit, or does not end with exit code 0.
func (p *Process) Stop(limit time.Duration) error {
	if p.cmd == nil {
		return nil
	}
	err := p.signal(syscall.SIGTERM)
	cmd := p.cmd
	p.cmd = nil
	if err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("linearizability: process %d still ran %v after SIGTERM, see %s", cmd.Process.Pid, limit, p.log)
	}
	if p.err != nil {
		return fmt.Errorf("linearizability: process %d ended badly after SIGTERM, see %s: %w", cmd.Process.Pid, p.log, p.err)
	}
	return nil
}

func (p *Process) signal(s syscall.Signal) error {
	select {
	case <-p.exited:
		return fmt.Errorf("linearizability: process %d ended by itself, see %s: %v", p.cmd.Process.Pid, p.log, p.err)
	default:
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("linearizability: send %v to process %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}
