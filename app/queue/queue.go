// Package queue turns jobs that were inserted into jobs that are worked: kept in a
// database before the insertion is answered, one at a time for a key, newest wins,
// retried with a growing pause when they fail.
//
// The durable queue is River's, in an SQLite file for one process or in PostgreSQL for
// any number of them. A key has at most one job of River's that is not finished; what
// is to be done for it stands in a row of our own, whose generation grows with every
// insertion. A worker reads the row, works, and ends in one transaction that reads the
// generation again under a lock: where it grew, the worker goes on with what is newer.
// So no two workers have one key, and no wake-up is lost, however many processes there
// are.
//
// Whoever is replaced must not write any more. Every replica shows signs of life; one
// that shows none loses its jobs to the others, and the row's fence changes, so that
// the old worker can end nothing. A replica that could not show one for a while gives
// up its own work before that (see [handlers.Holding]).
package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/slipwayhq/slipway/handlers"
)

// ErrStopped answers an Insert into a queue that is stopping.
var ErrStopped = errors.New("the queue is stopping")

// A Worker does what jobs ask for.
type Worker interface {
	// Work does one job. A nil error means done.
	Work(ctx context.Context, job handlers.Job) error
	// GiveUp is told of a job that failed for the last time, or that an operator
	// cancelled. While it fails itself, a job that failed is tried on.
	GiveUp(ctx context.Context, job handlers.Job, cause error) error
}

// Options say where jobs are kept and how they are worked. Database is required.
type Options struct {
	// Database is postgres://…, or the path of an SQLite file.
	Database string
	Workers  int // at once; 4 where zero. A quarter more, at least one, are for installations that have none
	Tries    int // of one job, before it is given up; 12 where zero, which takes about 25 minutes
	// Pause is the pause before the second try; it doubles, with jitter, up to
	// five minutes. Two seconds where zero.
	Pause time.Duration
	// Beat is how often a replica shows that it lives; 3 s where zero. It gives its
	// work up after a bit more than three beats without a sign, and others take it
	// over after five.
	Beat time.Duration
	// Home is a directory of this process's own, by which it knows what it was at when
	// it ended the last time. Nothing else is kept there, and it may be lost. Of use
	// where the database is shared; may be empty.
	Home string
	// Redact takes secrets out of an error's text before it is kept. May be nil.
	Redact func(string) string
	Log    *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Workers == 0 {
		o.Workers = 4
	}
	if o.Tries == 0 {
		o.Tries = 12
	}
	if o.Pause == 0 {
		o.Pause = 2 * time.Second
	}
	if o.Beat == 0 {
		o.Beat = 3 * time.Second
	}
	if o.Redact == nil {
		o.Redact = func(text string) string { return text }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Queue keeps jobs in a database and works them. It is safe for concurrent use.
type Queue struct {
	options Options
	db      database
	replica string // who this process is, to others
	lease   *lease
	holds   holds
	room    *room
	home    *home // nil where there is none
	totals  totals
	fair    *fair
	intake  *intake
	worker  Worker // nil where this process only inserts

	changed  chan struct{} // signalled when a job was inserted or ended here
	tending  sync.WaitGroup
	tended   context.Context // of what tends the queue
	end      context.CancelFunc
	stopping context.Context // ends when jobs are to be handed back
	handBack context.CancelFunc
	stopped  sync.Once
}

// New opens the database and brings its tables up to date. Jobs can be inserted then;
// they are worked once Start was called, here or elsewhere. Stop ends everything.
func New(ctx context.Context, options Options) (*Queue, error) {
	options = options.withDefaults()
	db, err := open(ctx, options.Database, true)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		options: options, db: db, replica: rand.Text(), lease: newLease(options.Beat, db.shared()),
		room: newRoom(), fair: newFair(options.Workers), changed: make(chan struct{}, 1),
	}
	q.stopping, q.handBack = context.WithCancel(context.Background())
	if _, err := migrateAll(ctx, q.db, quiet(options.Log)); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := q.db.connect(q.settings()); err != nil {
		return nil, errors.Join(fmt.Errorf("open the queue: %w", err), db.close())
	}
	q.intake = newIntake(q.commit)
	q.tended, q.end = context.WithCancel(context.Background())
	return q, nil
}

// Start has jobs worked, at most once. First what the process before this one had been
// working is freed, where that is known to be gone.
func (q *Queue) Start(ctx context.Context, worker Worker) error {
	if err := q.inherit(ctx); err != nil {
		return err
	}
	q.worker = worker
	if err := q.db.start(q.tended, q.workingSettings()); err != nil {
		return fmt.Errorf("start the workers: %w", err)
	}
	q.tending.Go(func() { q.tend(q.tended) })
	q.tending.Go(func() { q.listen(q.tended) })
	return nil
}

// The settings of River's that matter here. Its fetch cooldown bounds how many jobs it
// starts; its rescue would take jobs from workers that live, and after an hour only,
// so it never comes: replicas do that, see [Queue.tend].
const (
	fetchCooldown = 5 * time.Millisecond
	fetchPoll     = 250 * time.Millisecond
	never         = 100 * 365 * 24 * time.Hour
	failedKept    = 30 * 24 * time.Hour
	riverTries    = 10_000 // ours are counted in our own row
)

// settings are how River inserts.
func (q *Queue) settings() *river.Config {
	return &river.Config{
		ID: q.replica, Logger: quiet(q.options.Log), MaxAttempts: riverTries, JobTimeout: -1,
		RescueStuckJobsAfter: never, DiscardedJobRetentionPeriod: failedKept, CancelledJobRetentionPeriod: failedKept,
		RetryPolicy: shortly{},
	}
}

// workingSettings are how River works.
func (q *Queue) workingSettings() *river.Config {
	config := q.settings()
	config.FetchCooldown, config.FetchPollInterval = fetchCooldown, fetchPoll
	config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.options.Workers + q.fair.spare()}}
	config.Workers = river.NewWorkers()
	river.AddWorker(config.Workers, &riverWorker{queue: q})
	return config
}

// Ready returns why deliveries could not be kept now: the database is gone, its tables
// do not fit, the last delivery could not be kept, or the queue is stopping. Nil when
// they could.
func (q *Queue) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := q.db.read(ctx, func(t tx) error {
		at, err := version(ctx, t)
		if err != nil {
			return err
		}
		return fits(at)
	})
	return errors.Join(err, q.intake.failing())
}

// Idle waits until no job waits, pauses or is worked, or ctx ends. Jobs that were
// given up do not count.
func (q *Queue) Idle(ctx context.Context) error {
	for {
		left := 0
		err := q.db.read(ctx, func(t tx) error {
			return t.query(ctx, `SELECT count(*) FROM slipway_work WHERE failed = 0`, nil, func(s scan) error { return s(&left) })
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("count jobs: %w", err)
		}
		if left == 0 && len(q.holds.all()) == 0 { // what ended is counted, too
			return nil
		}
		select {
		case <-ctx.Done():
		case <-q.changed:
		case <-time.After(20 * time.Millisecond): // another process may have done it
		}
	}
}

// signal wakes who waits for a change.
func (q *Queue) signal() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// Stop takes no more jobs, lets those that are worked finish until ctx ends, then
// cancels them and hands them back. Nothing is lost: what waits is worked after the
// next start, or by another replica. A second Stop does nothing.
func (q *Queue) Stop(ctx context.Context) (err error) {
	q.stopped.Do(func() { err = q.stop(ctx) })
	return err
}

func (q *Queue) stop(ctx context.Context) error {
	err := q.intake.stop(ctx)
	q.fair.close()
	defer context.AfterFunc(ctx, q.handBack)()
	err = errors.Join(err, q.db.stop(ctx))
	q.end()
	q.tending.Wait()
	if q.worker != nil {
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if gone := q.leave(leaving); gone != nil {
			q.options.Log.Warn("the queue's replica did not sign off; others find out", "error", gone)
		}
	}
	return errors.Join(err, q.home.close(), q.db.close())
}

// stopClient lets a client's jobs finish until ctx ends, then cancels them, and waits.
func stopClient[T any](ctx context.Context, client *river.Client[T]) error {
	if client == nil {
		return nil
	}
	if err := client.Stop(ctx); err == nil || ctx.Err() == nil {
		return err
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if err := client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stop the workers: %w", err)
	}
	return nil
}

// stopPatience bounds how long a job may take to notice that it was cancelled.
const stopPatience = 5 * time.Second

// newFence returns what no row has had.
func newFence() string { return rand.Text()[:16] }
