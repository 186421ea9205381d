// Package queue turns jobs that were inserted into jobs that are worked: one at a
// time for a key, newest wins, retried with a growing pause when they fail.
//
// This queue lives in memory: a restart forgets what was waiting.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/slipwayhq/slipway/handlers"
)

// ErrStopped answers an Insert into a queue that is stopping.
var ErrStopped = errors.New("the queue is stopping")

// Options say how jobs are worked. Work is required.
type Options struct {
	Work func(ctx context.Context, job handlers.Job) error
	// GiveUp is told of a job that failed for the last time. May be nil.
	GiveUp  func(ctx context.Context, job handlers.Job, cause error) error
	Workers int // at once; 4 where zero
	Tries   int // of one job, before it is given up; 5 where zero
	// Pause is the pause before the second try; it doubles, with jitter, up to
	// five minutes. Two seconds where zero.
	Pause time.Duration
	Log   *slog.Logger
}

// Stats are figures of the moment, and totals since the start.
type Stats struct {
	Waiting, Running                   int
	Done, Retried, Superseded, GivenUp int
	OldestWaiting                      time.Duration // 0 when nothing waits
}

// A Failure is one try of a job that failed.
type Failure struct {
	At      time.Time
	Job     string // its key
	Error   string
	Tries   int
	GivenUp bool
}

// failuresShown is how many failures are remembered.
const failuresShown = 50

// Failures returns the newest failures, newest first.
func (q *Memory) Failures() []Failure {
	q.mu.Lock()
	defer q.mu.Unlock()
	newest := slices.Clone(q.failures)
	slices.Reverse(newest)
	return newest
}

// Memory is a queue in memory. It is safe for concurrent use.
type Memory struct {
	options Options

	mu       sync.Mutex
	changed  *sync.Cond // broadcast on every change below
	slots    map[string]*slot
	ready    []*slot // waiting to be worked, oldest first
	running  int
	stopped  bool
	cut      int // jobs that stopping did not let finish
	stats    Stats
	failures []Failure // newest last

	workers sync.WaitGroup
}

// A slot is all that is known of one key. It exists while a job of the key waits,
// pauses or is worked.
type slot struct {
	key     string
	job     handlers.Job // waiting, or nil
	since   time.Time    // when job came
	cancel  context.CancelCauseFunc
	working handlers.Job // being worked, or nil
	timer   *time.Timer  // until the next try, or nil
	tries   int
	pauses  *backoff.ExponentialBackOff
}

// New starts a queue's workers. Stop ends them.
func New(options Options) *Memory {
	if options.Workers == 0 {
		options.Workers = 4
	}
	if options.Tries == 0 {
		options.Tries = 5
	}
	if options.Pause == 0 {
		options.Pause = 2 * time.Second
	}
	q := &Memory{options: options, slots: make(map[string]*slot)}
	q.changed = sync.NewCond(&q.mu)
	for range options.Workers {
		q.workers.Go(q.loop)
	}
	return q
}

// Insert implements [handlers.Queue].
func (q *Memory) Insert(_ context.Context, jobs ...handlers.Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return ErrStopped
	}
	for _, job := range jobs {
		q.insert(job)
	}
	return nil
}

// insert makes job the one that its key waits for. The caller holds the lock.
func (q *Memory) insert(job handlers.Job) {
	s := q.slots[job.Key()]
	if s == nil {
		s = &slot{key: job.Key()}
		q.slots[s.key] = s
	}
	waited := s.job != nil
	for _, older := range []handlers.Job{s.working, s.job} {
		if absorber, ok := job.(handlers.Absorber); ok && older != nil {
			job = absorber.Absorb(older)
		}
	}
	if !waited {
		s.since = time.Now()
	}
	s.job, s.tries, s.pauses = job, 0, nil
	switch {
	case s.working != nil:
		if follower, ok := job.(handlers.Follower); !ok || !follower.Follows(s.working) {
			s.cancel(handlers.ErrSuperseded)
		} // its worker takes the new one up
	case s.timer != nil && s.timer.Stop():
		s.timer = nil
		q.ready = append(q.ready, s)
	case !waited:
		q.ready = append(q.ready, s)
	}
	q.changed.Broadcast()
}

// loop is one worker.
func (q *Memory) loop() {
	for {
		s, ctx, job := q.take()
		if s == nil {
			return
		}
		err := calm(func() error { return q.options.Work(ctx, job) })
		q.finish(s, ctx, job, err)
	}
}

// take waits for a slot and starts its job; nil when the queue has stopped.
func (q *Memory) take() (*slot, context.Context, handlers.Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if q.stopped {
			return nil, nil, nil
		}
		q.changed.Wait()
	}
	if q.stopped {
		return nil, nil, nil
	}
	s := q.ready[0]
	q.ready = q.ready[1:]
	ctx, cancel := context.WithCancelCause(context.Background())
	s.working, s.job, s.cancel = s.job, nil, cancel
	s.tries++
	q.running++
	return s, ctx, s.working
}

// calm turns a panic into an error.
func calm(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// finish decides what follows a job's end.
func (q *Memory) finish(s *slot, ctx context.Context, job handlers.Job, err error) {
	giveUp := false
	q.mu.Lock()
	switch {
	case s.job != nil: // a newer one has come meanwhile
		if ctx.Err() != nil {
			q.stats.Superseded++
		} else {
			q.stats.Done++
		}
		q.ready = append(q.ready, s)
	case err == nil:
		q.stats.Done++
		delete(q.slots, s.key)
	case q.stopped:
		q.cut++
		delete(q.slots, s.key)
	case s.tries >= q.options.Tries && notBefore(err).IsZero():
		q.stats.GivenUp++
		giveUp = true
	default:
		q.stats.Retried++
		if !notBefore(err).IsZero() {
			s.tries-- // nobody's failure
		}
		q.pause(s, job, err)
	}
	tries, failed := s.tries, err != nil && ctx.Err() == nil
	if failed {
		q.failures = append(q.failures, Failure{At: time.Now(), Job: job.Key(), Error: err.Error(), Tries: tries, GivenUp: giveUp})
		q.failures = q.failures[max(0, len(q.failures)-failuresShown):]
	}
	if !giveUp {
		q.release(s)
	}
	q.mu.Unlock()
	if failed {
		q.options.Log.Error("job failed", "job", job.Key(), "try", tries, "given_up", giveUp, "error", err)
	}
	if giveUp {
		q.giveUp(s, ctx, job, err)
	}
}

// release ends a slot's working state. The caller holds the lock.
func (q *Memory) release(s *slot) {
	s.cancel(nil)
	s.working, s.cancel = nil, nil
	q.running--
	q.changed.Broadcast()
}

// giveUp tells of a job's last failure while its key is still held, so that
// nothing newer is overwritten by it.
func (q *Memory) giveUp(s *slot, ctx context.Context, job handlers.Job, cause error) {
	if q.options.GiveUp != nil {
		if err := calm(func() error { return q.options.GiveUp(ctx, job, cause) }); err != nil {
			q.options.Log.Error("giving up a job failed", "job", job.Key(), "error", err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.job != nil {
		q.ready = append(q.ready, s)
	} else {
		delete(q.slots, s.key)
	}
	q.release(s)
}

// notBefore returns when an error says that it makes sense to try again: a rate
// limit's reset. Such a failure is nobody's, and never the last. Zero for others.
func notBefore(err error) time.Time {
	var later interface{ NotBefore() time.Time }
	if errors.As(err, &later) {
		return later.NotBefore()
	}
	return time.Time{}
}

// pause has the job tried again later. The caller holds the lock.
func (q *Memory) pause(s *slot, job handlers.Job, err error) {
	if s.pauses == nil {
		s.pauses = backoff.NewExponentialBackOff()
		s.pauses.InitialInterval = q.options.Pause
		s.pauses.Multiplier = 2
		s.pauses.MaxInterval = 5 * time.Minute
	}
	s.job, s.since = job, time.Now()
	s.timer = time.AfterFunc(max(s.pauses.NextBackOff(), time.Until(notBefore(err))), func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if s.timer == nil { // a newer job took its place
			return
		}
		s.timer = nil
		q.ready = append(q.ready, s)
		q.changed.Broadcast()
	})
}

// Stats returns the figures of the moment.
func (q *Memory) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	stats := q.stats
	stats.Running = q.running
	for _, s := range q.slots {
		if s.job != nil {
			stats.Waiting++
			stats.OldestWaiting = max(stats.OldestWaiting, time.Since(s.since))
		}
	}
	return stats
}

// Idle waits until no job waits, pauses or is worked, or ctx ends.
func (q *Memory) Idle(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.changed.Broadcast()
	})
	defer stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.slots) > 0 && ctx.Err() == nil {
		q.changed.Wait()
	}
	return ctx.Err()
}

// Stop takes no more jobs, lets those that are worked finish until ctx ends, then
// cancels them. Jobs that wait, and those that did not finish, are forgotten; their
// number is returned.
func (q *Memory) Stop(ctx context.Context) (forgotten int) {
	q.mu.Lock()
	q.stopped = true
	for _, s := range q.slots {
		if s.job != nil {
			forgotten++
		}
		if s.timer != nil {
			s.timer.Stop()
		}
	}
	q.changed.Broadcast()
	q.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, s := range q.slots {
			if s.cancel != nil {
				s.cancel(context.Cause(ctx))
			}
		}
	})
	defer stop()
	q.workers.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	return forgotten + q.cut
}
