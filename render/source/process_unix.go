//go:build unix

package source

import (
	"os/exec"
	"syscall"
)

// endWithChildren makes cancelling reach the transport helpers that git started,
// too: they are one process group. They get to remove their lock files.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
