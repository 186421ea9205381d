package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// fair shares this process's workers between installations, since a worker that has
// begun a long job cannot be asked to leave it. While all are busy, jobs that River
// gave out wait at the door, and those of installations that have the fewest workers
// take the place of others there; whoever is at the door gets the next worker. A few
// workers more than were asked for are for installations that have none, so that those
// begin at once even while others have all.
type fair struct {
	workers int

	mu      sync.Mutex
	busy    map[int64]int // jobs of each installation that were let in
	total   int           // of busy
	doors   map[int64]int // jobs of each installation that wait to be let in
	called  map[int64]time.Time
	served  map[int64]time.Time // when an installation's last job was let in
	waiting []int64             // installations with jobs that nobody has in hand, in order
	asked   time.Time           // when that was so
	changed chan struct{}
	closed  bool

	asking sync.Mutex // one at a time; held around mu
}

func newFair(workers int) *fair {
	return &fair{workers: workers, busy: map[int64]int{}, doors: map[int64]int{}, called: map[int64]time.Time{}, served: map[int64]time.Time{}, changed: make(chan struct{})}
}

// spare are the workers for installations that have none.
func (f *fair) spare() int { return max(1, f.workers/4) }

const (
	// looked is how old what is known of who waits may be.
	looked = 250 * time.Millisecond
	// aside is how long a job that was sent back stands aside.
	aside = time.Second
)

// turn is how long after it got a worker an installation waits before others stand back
// for it: where jobs are short, River's order is fair enough, and costs nothing.
var turn = time.Second

// A verdict says what becomes of a job of an installation.
type verdict struct {
	enter   bool
	yield   int64 // the installation that is to come first, where yields
	yields  bool
	stale   bool      // who waits has to be asked again first
	since   time.Time // what was known then is too old
	changed <-chan struct{}
}

// judge decides on a job that came at a time, and lets it in where it may.
func (f *fair) judge(installation int64, came time.Time) verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	mine, now := f.busy[installation], time.Now()
	switch {
	case mine == 0, f.total < f.workers:
		f.busy[installation]++
		f.total++
		f.served[installation] = now
		return verdict{enter: true}
	case now.Sub(came) < looked: // short jobs make room by themselves
		return verdict{changed: f.changed}
	case now.Sub(f.asked) > looked:
		return verdict{stale: true, since: now.Add(-looked)}
	}
	for _, other := range f.waiting {
		if f.deserves(other, installation, now) {
			f.called[other] = now
			return verdict{yield: other, yields: true}
		}
	}
	return verdict{changed: f.changed}
}

// deserves reports whether an installation that waits is to be at the door in place of
// another. The caller holds the lock.
func (f *fair) deserves(other, than int64, now time.Time) bool {
	return f.busy[other] < f.busy[than] && f.doors[other] == 0 &&
		now.Sub(f.served[other]) >= turn && now.Sub(f.called[other]) > looked
}

// leave makes room.
func (f *fair) leave(installation int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total--
	if f.busy[installation]--; f.busy[installation] == 0 {
		delete(f.busy, installation)
	}
	f.wake()
}

// wake has those at the door ask again. The caller holds the lock.
func (f *fair) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// door notes that a job of an installation waits, until the result is called.
func (f *fair) door(installation int64) (gone func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.doors[installation]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.doors[installation]--; f.doors[installation] == 0 {
			delete(f.doors, installation)
		}
	}
}

// close sends back who waits.
func (f *fair) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.wake()
}

func (f *fair) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// enter waits until a job of River's may be worked. Where it is sent back instead, leave
// is nil: another installation has fewer workers and waits, or the queue stops.
func (q *Queue) enter(ctx context.Context, job *rivertype.JobRow, args reconcile) (leave func(), err error) {
	came := time.Now()
	defer q.fair.door(args.Installation)()
	for {
		if ctx.Err() != nil || q.fair.isClosed() {
			return nil, q.sendBack(context.WithoutCancel(ctx), job, 0)
		}
		v := q.fair.judge(args.Installation, came)
		switch {
		case v.enter:
			return func() { q.fair.leave(args.Installation) }, nil
		case v.stale:
			err = q.askWhoWaits(ctx, v.since)
		case v.yields:
			if err = q.bringForward(ctx, v.yield); err == nil {
				return nil, q.sendBack(ctx, job, aside)
			}
		default:
			select {
			case <-v.changed:
			case <-ctx.Done():
			case <-time.After(looked):
			}
		}
		if err != nil {
			return nil, fmt.Errorf("share the workers: %w", err)
		}
	}
}

// waits is a condition on rows that nobody has in hand and that are not to wait.
const waits = `failed = 0 AND owner IS NULL AND paused_until <= {now}`

// waitersKnown bounds the installations that are looked at.
const waitersKnown = 1000

// askWhoWaits learns which installations have jobs that wait, unless that was learnt
// since; one after the other by their index, so that it does not matter how many jobs
// those are.
func (q *Queue) askWhoWaits(ctx context.Context, since time.Time) error {
	q.fair.asking.Lock()
	defer q.fair.asking.Unlock()
	if q.fair.knownSince(since) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	asked := time.Now()
	var waiting []int64
	err := q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `WITH RECURSIVE waiting (installation) AS (
			SELECT (SELECT installation FROM slipway_work WHERE `+waits+` ORDER BY installation LIMIT 1)
			UNION ALL
			SELECT (SELECT installation FROM slipway_work WHERE `+waits+` AND installation > waiting.installation ORDER BY installation LIMIT 1)
				FROM waiting WHERE waiting.installation IS NOT NULL
			) SELECT installation FROM waiting WHERE installation IS NOT NULL LIMIT $1`, []any{waitersKnown}, func(s scan) error {
			var installation int64
			err := s(&installation)
			waiting = append(waiting, installation)
			return err
		})
	})
	if err != nil {
		return err
	}
	q.fair.mu.Lock()
	defer q.fair.mu.Unlock()
	q.fair.waiting, q.fair.asked = waiting, asked
	return nil
}

// knownSince reports whether who waits was asked at or after a time.
func (f *fair) knownSince(since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.asked.Before(since)
}

// bringForward has River give out an installation's oldest job that waits before
// others.
func (q *Queue) bringForward(ctx context.Context, installation int64) error {
	return q.db.inTx(ctx, func(t tx) error {
		args := reconcile{Installation: installation}
		err := t.query(ctx, `SELECT key, fence FROM slipway_work WHERE installation = $1 AND `+waits+` ORDER BY asked_at LIMIT 1`, []any{installation},
			func(s scan) error { return s(&args.Key, &args.Fence) })
		if err != nil || args.Key == "" {
			return err
		}
		found, err := t.jobs(ctx, []river.InsertManyParams{{Args: args, InsertOpts: insertOptions(1)}})
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE river_job SET priority = 1 WHERE id = $1 AND state = 'available'`, found[0].Job.ID)
		return err
	})
}

// sendBack gives a job of River's back that was not begun, for others to go first.
func (q *Queue) sendBack(ctx context.Context, job *rivertype.JobRow, pause time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	return q.db.inTx(ctx, func(t tx) error {
		var now int64
		if err := t.query(ctx, `SELECT {now}`, nil, func(s scan) error { return s(&now) }); err != nil {
			return err
		}
		if err := set(ctx, t, riverdriver.JobSetStateSnoozedAvailable(job.ID, time.UnixMilli(now).Add(pause), max(job.Attempt-1, 0), nil)); err != nil {
			return err
		}
		_, err := t.exec(ctx, `UPDATE river_job SET id = {id} WHERE id = $1`, job.ID)
		return err
	})
}
