// Package sandbox turns builds of files and evaluations of policies that others wrote
// into work for other processes: the same program, started by a hidden verb, with an
// empty environment, no file, no network and no other process in reach, and a bound
// on memory that the kernel keeps. The parent serves what a build reads, over a pipe,
// and believes nothing that comes back: it is bounded, decoded strictly and checked. A
// worker that does not end in time is killed; one that dies costs its own target a
// message.
//
// A worker serves one scope in its life, so that nothing that one repository may do to
// it reaches another. Some are kept warm.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Options are what a [Pool] is made of. The zero Options are usable.
type Options struct {
	// Command is the program of a worker and its arguments, which must call [Serve]
	// or [Intercept]. Defaults to this program and [Verb].
	Command []string
	// Workers is how many work at once. Defaults to GOMAXPROCS.
	Workers int
	// Memory bounds what one worker may take beyond what it starts with, in bytes.
	// Defaults to 512 MiB.
	Memory int64
	// Idle is how long a worker that has nothing to do is kept. Defaults to 5 minutes.
	Idle time.Duration
	// Log is told what an operator should know. Defaults to nowhere.
	Log *slog.Logger

	name  string // by which this program was started, for those that go by it
	tries tries
}

// tries are what a worker tries before it is trusted to be confined.
type tries struct {
	Read    string // a file that there is
	Write   string // one that there is not
	Address string // to connect to
}

func (o Options) withDefaults() (Options, error) {
	program, err := self()
	if err != nil {
		return o, fmt.Errorf("find this program: %w", err)
	}
	if len(o.Command) == 0 {
		o.Command, o.name = []string{program, Verb}, os.Args[0]
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = 512 << 20
	}
	if o.Idle <= 0 {
		o.Idle = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.tries == (tries{}) {
		o.tries = tries{Read: program, Write: filepath.Join(os.TempDir(), "slipway-worker-was-here"), Address: "127.0.0.1:9"}
	}
	return o, nil
}

// commandsPerWorker is after how many commands a worker is replaced.
const commandsPerWorker = 500

// A Pool starts, keeps and ends workers. It is safe for concurrent use.
type Pool struct {
	options    Options
	namespaces bool
	gap        string
	refused    []string
	busy       *semaphore.Weighted
	life       context.Context
	end        context.CancelFunc
	starting   sync.WaitGroup

	mu    sync.Mutex
	stats Stats
	idle  []*worker // least recently used first; those of no scope yet are spare
	known map[*worker]bool
}

// New starts a pool with its first worker, and learns from that whether there is a
// sandbox here. An error means that no worker can be started at all.
func New(ctx context.Context, options Options) (*Pool, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{options: options, busy: semaphore.NewWeighted(int64(options.Workers)), known: map[*worker]bool{}, namespaces: true}
	p.life, p.end = context.WithCancel(context.Background())
	first, err := startWorker(ctx, options, true)
	if err != nil && ctx.Err() == nil { // not every host lets us
		p.namespaces = false
		first, err = startWorker(ctx, options, false)
	}
	if err != nil {
		p.end()
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	p.gap, p.refused = first.hello.Gap, first.hello.Refused
	if p.gap != "" {
		options.Log.Warn("there is no sandbox for workers: nothing of an outsider's is rendered", "reason", p.gap)
	} else {
		options.Log.Info("workers are confined", "namespaces", p.namespaces, "memory", options.Memory)
	}
	p.known[first], p.stats.Started = true, 1
	p.shelve(first)
	return p, nil
}

// Sandboxed returns nil where workers are confined: they reach no file, no network
// and no process. The error says what is missing; no outsider's files are built then.
func (p *Pool) Sandboxed() error {
	if p.gap == "" {
		return nil
	}
	return errors.New(p.gap)
}

// Stats count workers since the pool was made.
type Stats struct {
	Started int // in all
	Died    int // at work: killed for what they took, or crashed
}

// Stats returns the counts so far.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Refused lists what a worker tried before it was given work, and could not do.
func (p *Pool) Refused() []string { return p.refused }

// Close kills all workers. What they were at ends with an error.
func (p *Pool) Close() {
	p.end()
	p.starting.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.known {
		w.kill()
		<-w.ended
	}
	clear(p.known)
	p.idle = nil
}

var errClosed = errors.New("the workers were stopped")

// take returns a worker that has served the same scope before, or none, and a
// context that ends with the pool, too. Each is for release.
func (p *Pool) take(ctx context.Context, scope any) (w *worker, err error) {
	if err := p.busy.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.busy.Release(1)
		}
	}()
	w = p.unshelve(scope)
	if w == nil {
		if w, err = p.start(ctx); err != nil {
			return nil, err
		}
	}
	w.scope = scope
	p.replenish()
	return w, nil
}

// start starts a worker and keeps account of it.
func (p *Pool) start(ctx context.Context) (*worker, error) {
	if p.life.Err() != nil {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	w, err := startWorker(ctx, p.options, p.namespaces)
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	if p.gap == "" && w.hello.Gap != "" {
		w.kill()
		return nil, fmt.Errorf("a worker is not confined as others are: %s", w.hello.Gap)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil {
		w.kill()
		return nil, errClosed
	}
	p.known[w] = true
	p.stats.Started++
	return w, nil
}

// release takes a worker back, for its scope, or ends it where it is dead, used up
// or has grown.
func (p *Pool) release(w *worker) {
	p.busy.Release(1)
	if w.done >= commandsPerWorker || w.grown(p.options.Memory) {
		p.drop(w)
		return
	}
	p.shelve(w)
}

// drop ends a worker.
func (p *Pool) drop(w *worker) {
	w.kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, w)
}

// shelve keeps an idle worker for a while, and in its place lets go of the one that
// was idle for longest where there are too many.
func (p *Pool) shelve(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil || !w.alive() {
		if p.life.Err() == nil {
			p.stats.Died++
		}
		delete(p.known, w)
		w.kill()
		return
	}
	w.expiry = time.AfterFunc(p.options.Idle, func() { p.expire(w) })
	p.idle = append(p.idle, w)
	if len(p.idle) > 2*p.options.Workers+1 {
		p.remove(0).kill()
	}
}

// remove takes the idle worker at i off the shelf. The caller holds mu, and must
// keep account of it again or kill it.
func (p *Pool) remove(i int) *worker {
	w := p.idle[i]
	p.idle = append(p.idle[:i], p.idle[i+1:]...)
	w.expiry.Stop()
	delete(p.known, w)
	return w
}

func (p *Pool) expire(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, idle := range p.idle {
		if idle == w {
			p.remove(i).kill()
			return
		}
	}
}

// unshelve returns the warmest idle worker of the scope, or a spare one, or nil.
func (p *Pool) unshelve(scope any) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	spare := -1
	for i := len(p.idle) - 1; i >= 0; i-- {
		switch w := p.idle[i]; {
		case !w.alive():
			p.remove(i)
			if spare > i {
				spare--
			}
		case w.scope == scope:
			w = p.remove(i)
			p.known[w] = true
			return w
		case w.scope == nil:
			spare = i
		}
	}
	if spare < 0 {
		return nil
	}
	w := p.remove(spare)
	p.known[w] = true
	return w
}

// replenish has a spare worker ready for the next scope, started aside.
func (p *Pool) replenish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.idle {
		if w.scope == nil {
			return
		}
	}
	if p.life.Err() != nil {
		return
	}
	p.starting.Add(1)
	go func() {
		defer p.starting.Done()
		w, err := p.start(p.life)
		if err != nil {
			p.options.Log.Warn("no spare worker", "error", err)
			return
		}
		p.shelve(w)
	}()
}

// alive reports whether the process has not ended yet.
func (w *worker) alive() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}
