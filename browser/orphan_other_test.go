//go:build !linux

package browser

import "os/exec"

// withUs would have a program end when the tests are killed; only Linux can do that.
func withUs(cmd *exec.Cmd) *exec.Cmd { return cmd }
