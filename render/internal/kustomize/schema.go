package kustomize

import (
	"context"
	"io"
	"log"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sync/semaphore"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// schema fences kyaml's OpenAPI schema, which is one for the whole process: a
// build whose kustomizations set openapi changes how every later build merges,
// and comes out differently itself where the built-in schema was loaded before.
// Builds that do not set it share; one that does runs alone, from no schema as in
// a process of its own, and leaves none. Waiting ends with the context, so that an abandoned
// build holds nobody up for longer than their own deadline.
var schema = fence{semaphore.NewWeighted(everyone)}

const everyone = 1 << 20

type fence struct{ seats *semaphore.Weighted }

func (f fence) shared(ctx context.Context) (release func(), err error) {
	if err := f.seats.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { f.seats.Release(1) }, nil
}

func (f fence) exclusive(ctx context.Context) (release func(), err error) {
	if err := f.seats.Acquire(ctx, everyone); err != nil {
		return nil, err
	}
	openapi.ResetOpenAPI()
	return func() {
		openapi.ResetOpenAPI()
		f.seats.Release(everyone)
	}, nil
}

// guardFatal makes kustomize's calls of log.Fatal, which a stranger's files can
// bring about, panic instead of ending the process. It wraps whatever the
// standard logger writes to at the time, and is repeated because a program may
// have set that anew.
func guardFatal() {
	if _, guarded := log.Writer().(fatalGuard); !guarded {
		log.SetOutput(fatalGuard{log.Writer()})
	}
}

type fatalGuard struct{ next io.Writer }

// logDate is what the standard logger puts before a line.
var logDate = regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `)

// Write panics where it is reached from log.Fatal in kustomize, before log.Fatal
// gets to end the process; what else kustomize logs, it drops.
func (g fatalGuard) Write(line []byte) (int, error) {
	callers := make([]uintptr, 16)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	fatal := false
	for {
		frame, more := frames.Next()
		fatal = fatal || strings.HasPrefix(frame.Function, "log.Fatal") || strings.HasPrefix(frame.Function, "log.(*Logger).Fatal")
		if strings.HasPrefix(frame.Function, "sigs.k8s.io/kustomize/") {
			if fatal {
				panic(strings.TrimSpace(logDate.ReplaceAllString(string(line), "")))
			}
			return len(line), nil
		}
		if !more {
			return g.next.Write(line)
		}
	}
}
