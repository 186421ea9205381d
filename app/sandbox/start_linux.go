package sandbox

import (
	"os/exec"
	"syscall"
)

// self is this very program, also when its file was replaced since.
func self() (string, error) { return "/proc/self/exe", nil }

// apart starts a worker in a process group of its own, to be killed with its parent.
// With namespaces it has neither network nor users nor other processes in sight; not
// every host lets us, and the filter refuses the same.
func apart(command *exec.Cmd, namespaces bool) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if namespaces {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID
	}
}

// end kills a worker with all that it may have started.
func end(command *exec.Cmd) {
	// Errors are of a process that has ended already.
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	_ = command.Process.Kill()
}
