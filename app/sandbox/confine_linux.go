package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// needed are the system calls that the Go runtime makes while it computes, and those
// by which a worker talks to its parent. Whatever is not here is refused: above all
// everything that opens a file or a socket, or starts a program.
var needed = []string{
	// pipes that are open already
	"read", "write",
	// memory
	"munmap", "madvise", "mincore", "brk",
	// threads and waiting
	"futex", "sched_yield", "sched_getaffinity", "nanosleep", "clock_nanosleep", "exit", "exit_group",
	"gettid", "getpid", "arch_prctl", "set_robust_list", "rseq", "restart_syscall",
	// the runtime's poller
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "close",
	// clock, chance and signals of its own
	"clock_gettime", "gettimeofday", "getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
}

// confine takes from this process, for good, all that a build needs not. The error
// says why there is no sandbox.
func confine(memory int64) error {
	if err := closeInherited(); err != nil {
		return err
	}
	if err := limit(memory); err != nil {
		return err
	}
	info, err := arch.GetInfo("")
	if err != nil || len(info.SyscallNames) == 0 {
		return fmt.Errorf("seccomp: no table of system calls for %s", runtime.GOARCH)
	}
	allowed := seccomp.SyscallGroup{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
		// a thread of this process, never a process
		{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}},
		// a signal to a thread of this process
		{Name: "tgkill", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}}},
		// no memory that could be run
		{Name: "mmap", Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}},
		{Name: "mprotect", Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}},
	}}
	for _, name := range needed {
		if _, known := info.SyscallNames[name]; known {
			allowed.Names = append(allowed.Names, name)
		}
	}
	groups := []seccomp.SyscallGroup{allowed}
	if _, known := info.SyscallNames["clone3"]; known {
		// Its flags are out of a filter's reach. A C library asks clone instead of a
		// call that the kernel does not have.
		groups = append(groups, seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}})
	}
	runtime.LockOSThread() // no_new_privs is this thread's, and the filter brings it to the others
	defer runtime.UnlockOSThread()
	if err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy:     seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: groups},
	}); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// closeInherited closes what this process got from whoever started its parent, which
// no Go program would have handed on: all but the standard files that is not closed
// on exec.
func closeInherited() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open files: %w", err)
	}
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue // closed already, as the one that was listed by; or the Go runtime's own
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("close file %d: %w", fd, err)
		}
	}
	return nil
}

// limit bounds what the process may take. The limit of memory is of what can be
// written (RLIMIT_DATA), over what the program has at its start: of the address
// space the Go runtime reserves far more than it uses.
func limit(memory int64) error {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Errorf("read how much memory this process has: %w", err)
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 6 {
		return errors.New("/proc/self/statm has another shape")
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	if err != nil {
		return fmt.Errorf("/proc/self/statm: %w", err)
	}
	data := pages*uint64(os.Getpagesize()) + uint64(memory)
	for resource, most := range map[int]uint64{unix.RLIMIT_DATA: data, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_NOFILE: 64} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set limit %d: %w", resource, err)
		}
	}
	return nil
}
