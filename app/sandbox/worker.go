package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A worker is one process, at most one command of which runs at a time.
type worker struct {
	command *exec.Cmd
	line    line
	hello   hello
	last    *tail         // of standard error
	ended   chan struct{} // closed when the process has
	cause   error         // how it ended, once it has

	scope    any
	compiled bool        // the policies of its scope
	done     int         // commands
	expiry   *time.Timer // while idle
}

// startTime bounds the start of a worker on a slow machine.
const startTime = 30 * time.Second

// startWorker starts a process and waits until it is confined and warm.
func startWorker(ctx context.Context, o Options, namespaces bool) (*worker, error) {
	w := &worker{command: exec.Command(o.Command[0], o.Command[1:]...), last: &tail{}, ended: make(chan struct{})}
	if o.name != "" {
		w.command.Args[0] = o.name
	}
	w.command.Env, w.command.Dir, w.command.Stderr = []string{}, "/", w.last
	apart(w.command, namespaces)
	in, err := w.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.command.Start(); err != nil {
		return nil, err
	}
	go w.wait()
	w.line = newLine(out, in)
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	said, err := w.ask(ctx, command{Setup: &setup{Memory: o.Memory, Tries: o.tries}}, 1<<20, nil)
	if err == nil && said.Hello == nil {
		err = errors.New("it does not answer as a worker does")
	}
	if err != nil {
		w.kill()
		<-w.ended
		return nil, fmt.Errorf("start %s: %w (%v)", o.Command[0], err, w.cause)
	}
	w.hello = *said.Hello
	return w, nil
}

func (w *worker) wait() {
	w.cause = w.command.Wait()
	close(w.ended)
}

// kill ends the process at once. It may be called at any time, more than once.
func (w *worker) kill() {
	select {
	case <-w.ended:
	default:
		end(w.command)
	}
}

// ask has the worker do one command, and answers what it asks meanwhile. A reply of
// more than limit bytes, a wrong word and the end of ctx kill the worker; so does an
// error of answers.
func (w *worker) ask(ctx context.Context, c command, limit int64, answers func(question) (answer, error)) (reply, error) {
	var cancelled atomic.Bool
	stop := context.AfterFunc(ctx, func() { cancelled.Store(true); w.kill() })
	defer stop()
	w.done++
	said, err := w.converse(c, limit, answers)
	if err == nil && cancelled.Load() {
		err = io.ErrUnexpectedEOF // it is dead, whatever it said last
	}
	if err == nil {
		return said, nil
	}
	w.kill()
	<-w.ended
	if ended := ctx.Err(); ended != nil {
		return reply{}, ended
	}
	return reply{}, err
}

func (w *worker) converse(c command, limit int64, answers func(question) (answer, error)) (reply, error) {
	for {
		if err := w.line.say(c); err != nil {
			return reply{}, err
		}
		var said reply
		if err := w.line.hear(&said, limit); err != nil {
			return reply{}, err
		}
		if said.Ask == nil || answers == nil {
			return said, nil
		}
		answered, err := answers(*said.Ask)
		if err != nil {
			return reply{}, &answerError{err}
		}
		c = command{Answer: &answered}
	}
}

// An answerError is why a worker's question could not be answered: not its fault.
type answerError struct{ err error }

func (e *answerError) Error() string { return e.err.Error() }
func (e *answerError) Unwrap() error { return e.err }

// A tail keeps the beginning of what a process says on standard error, from which
// alone can be told that it ran out of memory. It is never shown: it may quote files.
type tail struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write implements [io.Writer]; what does not fit is dropped.
func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.Write(text[:min(len(text), 4096-min(t.kept.Len(), 4096))])
	return len(text), nil
}

func (t *tail) has(words ...string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, word := range words {
		if bytes.Contains(t.kept.Bytes(), []byte(word)) {
			return true
		}
	}
	return false
}

// A death says in a person's words how a worker that was at work ended.
type death struct {
	message string // after "rendering" or "the policies"
	hint    string
}

// starved reports whether the process ended because it got no more memory. The Go
// runtime mostly says so. Where it is in the middle of collecting garbage it faults
// instead, on a stack of its own, which is that of "goroutine 0".
func (w *worker) starved() bool {
	return w.last.has("out of memory", "cannot allocate memory", "failed to allocate", "failed to create new OS thread", "pthread_create failed") ||
		w.last.has("SIGSEGV") && w.last.has("\ngoroutine 0 gp=")
}

// dead classifies the error of ask, after which the process has ended. It is for
// errors that are the worker's own.
func (w *worker) dead(err error, memory int64) death {
	switch {
	case errors.Is(err, errTooLarge):
		return death{"produced more than is allowed", "split the target"}
	case w.starved():
		return death{fmt.Sprintf("took more than the %d MiB of memory that are allowed", memory>>20), "make it smaller; the operator's limit is limits.workerMemory"}
	case w.last.has("stack exceeds", "stack overflow"):
		return death{"recursed without end", "look for what refers to itself"}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrClosed) || errors.Is(err, syscall.EPIPE) {
		return death{fmt.Sprintf("ended the process that it ran in (%s)", w.command.ProcessState), "a defect of Slipway or of an engine, set off by these files"}
	}
	return death{"gave an answer that cannot be read", "a defect of Slipway or of an engine, set off by these files"}
}
