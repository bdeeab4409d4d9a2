package browser

import (
	"os/exec"
	"syscall"
)

// withUs has a program end when the tests do, even if they are killed.
func withUs(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
