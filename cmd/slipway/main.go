// Slipway tells a pull request what merging it will do to the live clusters. As
// `slipway serve` it is a GitHub App; its other commands do the same work from a
// terminal, without GitHub.
//
// It exits with 0 when all is well, 2 when a change is denied or refused, and 1
// when it failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// errDenied makes the exit code 2: the command worked, and the answer is no.
var errDenied = errors.New("denied")

func main() {
	collectLess()
	os.Exit(run())
}

// collectLess lets the heap grow to several times what lives in it, as long as that
// stays small: rendering makes much that is garbage at once, and takes a third less
// CPU so. Whoever sets GOGC or GOMEMLIMIT decides instead.
func collectLess() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(200 << 20)
}

// run is main with an exit code, so that tests can call it as a command.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	defer quiet()()
	err := newRoot().ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errDenied):
		return 2
	default:
		fmt.Fprintln(stderr, "slipway:", err)
		return 1
	}
}
