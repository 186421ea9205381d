package sandbox

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// run does what a build must not be able to, and returns what was refused and, as
// the gap, what was not.
func (t tries) run() (refused []string, gap string) {
	attempts := map[string]func() error{
		"read a file":          func() error { return closed(os.Open(t.Read)) },
		"list a directory":     func() error { _, err := os.ReadDir("/"); return err },
		"write a file":         func() error { return closed(os.Create(t.Write)) },
		"remove a file":        func() error { return os.Remove(t.Write) },
		"connect by TCP":       func() error { return hungUp(net.Dial("tcp", t.Address)) },
		"send by UDP":          func() error { return hungUp(net.Dial("udp", t.Address)) },
		"open a Unix socket":   func() error { return hungUp(net.Dial("unix", t.Read)) },
		"listen":               listen,
		"fork":                 fork,
		"run a program":        func() error { return unix.Exec("/", []string{"/"}, nil) },
		"signal a process":     func() error { return unix.Kill(unix.Getppid(), 0) },
		"trace a process":      func() error { return unix.PtraceAttach(1) },
		"enter a namespace":    func() error { return unix.Unshare(unix.CLONE_NEWNS) },
		"raise its own limits": func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) },
	}
	var open []string
	for name, attempt := range attempts {
		// The filter's own answer: anything else would mean that the kernel looked at
		// what was asked.
		if errors.Is(attempt(), unix.EPERM) {
			refused = append(refused, name)
		} else {
			open = append(open, name)
		}
	}
	slices.Sort(refused)
	slices.Sort(open)
	if len(open) > 0 {
		gap = "a worker can " + strings.Join(open, ", ")
	}
	return refused, gap
}

func closed(file *os.File, err error) error {
	if err == nil {
		err = file.Close()
	}
	return err
}

func hungUp(conn net.Conn, err error) error {
	if err == nil {
		err = conn.Close()
	}
	return err
}

func listen() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = listener.Close()
	}
	return err
}

// fork has no errors but the kernel's; a process that it makes ends at once.
func fork() error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}
