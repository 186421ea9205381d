package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/slipwayhq/slipway/handlers"
)

// riverWorker is River's worker of every key.
type riverWorker struct {
	river.WorkerDefaults[reconcile]
	queue *Queue
}

// Work implements [river.Worker].
func (w *riverWorker) Work(ctx context.Context, job *river.Job[reconcile]) error {
	defer w.queue.holds.begin(job.ID)()
	return w.queue.work(ctx, job.JobRow, job.Args)
}

// shortly has River try again soon what could not even be read or ended: the database
// was gone.
type shortly struct{}

// NextRetry implements [river.ClientRetryPolicy].
func (shortly) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(time.Second) }

// The ends of one try.
type ending int

const (
	done      ending = iota // the job is done
	again                   // it failed and is tried again after a pause
	snoozed                 // it is tried again at a time that is nobody's failure
	handed                  // it was cut off by a stop
	failed                  // it failed for the last time
	refused                 // GitHub does not let it be done: no try changes that, a person does
	cancelled               // an operator cancelled it
)

// An outcome is how one try ended.
type outcome struct {
	ending ending
	pause  time.Duration
	cause  error
}

// work does what a key's row asks for, until it asks for nothing newer.
func (q *Queue) work(ctx context.Context, row *rivertype.JobRow, args reconcile) error {
	leave, err := q.enter(ctx, row, args)
	if err != nil || leave == nil {
		return err
	}
	defer leave()
	h, leaveRoom, err := q.begin(ctx, row, args)
	defer leaveRoom()
	if errors.Is(err, errCrowded) {
		q.options.Log.Info("a suspected job waits until it can be worked alone", "job", args.Key)
		return river.JobSnooze(crowdedPause)
	}
	if err != nil {
		q.options.Log.Warn("job not begun; it is tried again", "job", args.Key, "error", err)
	}
	if err != nil || h == nil {
		return err
	}
	for h != nil {
		o := q.try(ctx, h)
		if o.ending != done && h.holding() != nil {
			q.holds.remove(h)
			q.options.Log.Warn("job given up: another process may have it", "job", h.key, "delivery", h.asked.delivery)
			return handlers.ErrFenced
		}
		next, err := q.finish(ctx, h, row, o)
		q.holds.remove(h)
		h.cancel(nil)
		q.signal()
		if err != nil {
			return err
		}
		h = next
	}
	return nil
}

// claim takes a key's row for this replica. Nil where River's job is not the row's any
// more; an error where this replica is not known to live. Unless this is the process's
// only job, what is suspected is not taken, with errSuspect.
func (q *Queue) claim(ctx context.Context, args reconcile, only bool) (*hold, error) {
	var kind, payload string
	var cancelled int64
	h := &hold{key: args.Key, fence: args.Fence, owner: q.replica}
	most := int64(suspected)
	if only {
		most = math.MaxInt32
	}
	err := q.db.inTx(ctx, func(t tx) error {
		alive := `AND EXISTS (SELECT 1 FROM slipway_replica WHERE id = $2)`
		if !q.db.shared() {
			alive = ""
		}
		return t.query(ctx, `UPDATE slipway_work SET claim = claim + 1, owner = $2, working = generation, working_kind = NULL, working_payload = NULL,
			tries = tries + 1, paused_until = 0 WHERE key = $1 AND fence = $3 AND failed = 0 AND crashes < $4 `+alive+`
			RETURNING claim, generation, kind, payload, tries, alone, cancelled, delivery, traceparent, {now} - asked_at`, []any{args.Key, q.replica, args.Fence, most},
			func(s scan) error {
				return s(&h.claim, &h.generation, &kind, &payload, &h.tries, &h.alone, &cancelled, &h.asked.delivery, &h.asked.traceparent, &h.asked.ago)
			})
	})
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", args.Key, err)
	}
	if h.claim == 0 {
		return nil, q.refused(ctx, args, most)
	}
	h.cancelled = cancelled != 0
	return h, q.take(h, kind, payload)
}

// refused says why a row could not be claimed.
func (q *Queue) refused(ctx context.Context, args reconcile, most int64) error {
	current, crashes := false, int64(0)
	err := q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT crashes FROM slipway_work WHERE key = $1 AND fence = $2 AND failed = 0`, []any{args.Key, args.Fence}, func(s scan) error {
			current = true
			return s(&crashes)
		})
	})
	if err != nil {
		return fmt.Errorf("claim %s: %w", args.Key, err)
	}
	if current && crashes >= most {
		return errSuspect
	}
	if current {
		return fmt.Errorf("claim %s: %w", args.Key, handlers.ErrFenced)
	}
	return nil
}

// take makes a hold of what was claimed. A job that cannot be read has no job; its try
// fails.
func (q *Queue) take(h *hold, kind, payload string) error {
	job, err := handlers.DecodeJob(kind, []byte(payload))
	if err != nil {
		q.options.Log.Error("job cannot be read", "job", h.key, "delivery", h.asked.delivery, "error", err)
	}
	h.job = job
	inner, cancel := context.WithCancelCause(h.asked.context())
	h.Context, h.cancel, h.lease = inner, cancel, q.lease
	q.holds.add(h)
	return nil
}

// panicsBorne is how often a job is tried that panics: what is wrong is in the program,
// and seldom gets better by itself as GitHub does.
const panicsBorne = 3

// try works a hold's job once, and tells of its last failure while the key is held.
func (q *Queue) try(ctx context.Context, h *hold) outcome {
	ctx, stop := q.context(ctx, h)
	defer stop()
	err := q.once(ctx, h)
	o := q.judge(h, err)
	if o.ending != failed && o.ending != refused && o.ending != cancelled || h.job == nil || q.overtaken(ctx, h) {
		return o
	}
	if h.alone > aloneBorne { // giving it up ended a process, too
		return o
	}
	telling, stop := q.telling(ctx, o)
	defer stop()
	if told := calm(func() error { return q.worker.GiveUp(telling, h.job, o.cause) }); told != nil && o.ending == failed && h.tries < 10*q.options.Tries {
		q.options.Log.Error("giving up a job failed; it is tried on", "job", h.key, "delivery", h.asked.delivery, "error", told)
		o.ending, o.pause = again, q.pause(h.tries)
	}
	return o
}

// overtaken reports whether something newer is asked for already, so that nothing is
// to be told of what is not.
func (q *Queue) overtaken(ctx context.Context, h *hold) bool {
	generation := h.generation
	err := q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT generation FROM slipway_work WHERE key = $1`, []any{h.key}, func(s scan) error { return s(&generation) })
	})
	return err == nil && generation > h.generation
}

// telling is the context to tell of a job's end in: that of a job which an operator
// cancelled has ended already.
func (q *Queue) telling(ctx context.Context, o outcome) (context.Context, context.CancelFunc) {
	if o.ending == cancelled {
		return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	}
	return context.WithCancel(ctx)
}

func (q *Queue) once(ctx context.Context, h *hold) error {
	switch {
	case h.cancelled:
		return ErrCancelled
	case h.job == nil:
		return errors.New("the job cannot be read: was it kept by another version of Slipway?")
	case h.alone >= aloneBorne:
		return fmt.Errorf("%w, %d times in a row", handlers.ErrEndsProcess, h.alone)
	}
	return calm(func() error { return q.worker.Work(ctx, h.job) })
}

// context is what a hold's job is worked under: it ends when the key is overtaken,
// when the lease ends, and when the queue stops.
func (q *Queue) context(ctx context.Context, h *hold) (context.Context, context.CancelFunc) {
	ending := context.AfterFunc(ctx, func() { h.cancel(context.Cause(ctx)) })
	back := context.AfterFunc(q.stopping, func() { h.cancel(ErrStopped) })
	noting := func(ctx context.Context, job handlers.Job) error { return q.note(ctx, h, job) }
	return handlers.WithNoting(handlers.WithHolding(h, h.holding), noting), func() { ending(); back() }
}

// calm turns a panic into an error.
func calm(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return do()
}

// panicked is a panic as an error, with where it was.
type panicked string

// Error implements error.
func (p panicked) Error() string { return string(p) }

// judge says what a try's error means.
func (q *Queue) judge(h *hold, err error) outcome {
	cause := context.Cause(h.Context)
	switch {
	case err == nil:
		return outcome{ending: done}
	case errors.Is(err, ErrCancelled), errors.Is(cause, ErrCancelled):
		return outcome{ending: cancelled, cause: ErrCancelled}
	case cause != nil:
		return outcome{ending: handed, cause: err} // overtaken, or stopping
	}
	if errors.Is(err, handlers.ErrForbidden) {
		return outcome{ending: refused, cause: err}
	}
	pause := q.pause(h.tries)
	if until := notBefore(err); !until.IsZero() {
		return outcome{ending: snoozed, pause: max(pause, time.Until(until)), cause: err}
	}
	bear := q.options.Tries
	if errors.As(err, new(panicked)) {
		bear = min(bear, panicsBorne)
	}
	if h.tries >= bear || h.job == nil || h.alone >= aloneBorne {
		return outcome{ending: failed, cause: err}
	}
	return outcome{ending: again, pause: pause, cause: err}
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

// longestPause bounds the pause between two tries.
const longestPause = 5 * time.Minute

// pause is the pause after so many tries, with jitter.
func (q *Queue) pause(tries int) time.Duration {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.Multiplier, pauses.MaxInterval = q.options.Pause, 2, longestPause
	pauses.Reset()
	pause := pauses.NextBackOff()
	for range tries - 1 {
		pause = pauses.NextBackOff()
	}
	return pause
}

// quiet keeps what River says of its own doings, below warnings, out of the log.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
