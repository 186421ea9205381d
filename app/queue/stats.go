package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/handlers"
)

// Stats are figures of the moment, of all replicas, and totals of this process since
// its start.
type Stats struct {
	Waiting, Running, Failed map[string]int // by kind; Failed are kept for the operator
	OldestWaiting            time.Duration  // since the oldest job that waits was asked for; 0 when none does
	Replicas                 int            // that work; 1 on SQLite

	Done, Retried, Snoozed, Superseded, GivenUp, Cancelled map[string]int // by kind
	Deliveries                                             map[string]int // by outcome: taken, duplicate, failed
}

// totals count what happened in this process.
type totals struct {
	mu sync.Mutex
	Stats
}

func count(in *map[string]int, name string) {
	if *in == nil {
		*in = map[string]int{}
	}
	(*in)[name]++
}

// delivered counts a delivery.
func (t *totals) delivered(duplicate bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		count(&t.Deliveries, "failed")
	case duplicate:
		count(&t.Deliveries, "duplicate")
	default:
		count(&t.Deliveries, "taken")
	}
}

// ended counts a try: one that was overtaken by what is to be done next as superseded,
// whatever it ended with.
func (t *totals) ended(job handlers.Job, e ending, overtaken, next bool) {
	kind := "unknown"
	if job != nil {
		kind = job.Kind()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case overtaken:
		count(&t.Superseded, kind)
	case next, e == done:
		count(&t.Done, kind)
	case e == again:
		count(&t.Retried, kind)
	case e == snoozed:
		count(&t.Snoozed, kind)
	case e == failed, e == refused:
		count(&t.GivenUp, kind)
	case e == cancelled:
		count(&t.Cancelled, kind)
	}
}

// Stats returns the figures of the moment.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	s := q.totals.copy()
	for _, outcome := range []string{"taken", "duplicate", "failed"} { // there from the start, so that an increase is seen
		s.Deliveries[outcome] += 0
	}
	s.Waiting, s.Running, s.Failed, s.Replicas = map[string]int{}, map[string]int{}, map[string]int{}, 1
	err := q.db.read(ctx, func(t tx) error {
		err := t.query(ctx, `SELECT kind, failed, CASE WHEN owner IS NULL THEN 0 ELSE 1 END, count(*), {now} - min(asked_at) FROM slipway_work GROUP BY 1, 2, 3`, nil,
			func(row scan) error {
				var kind string
				var failed, running, n int
				var oldest int64
				if err := row(&kind, &failed, &running, &n, &oldest); err != nil {
					return err
				}
				switch {
				case failed == 1:
					s.Failed[kind] += n
				case running == 1:
					s.Running[kind] += n
				default:
					s.Waiting[kind] += n
					s.OldestWaiting = max(s.OldestWaiting, time.Duration(oldest)*time.Millisecond)
				}
				return nil
			})
		if err != nil || !q.db.shared() {
			return err
		}
		return t.query(ctx, `SELECT count(*) FROM slipway_replica`, nil, func(row scan) error { return row(&s.Replicas) })
	})
	if err != nil {
		return s, fmt.Errorf("count jobs: %w", err)
	}
	return s, nil
}

func (t *totals) copy() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s Stats
	for _, c := range []struct{ from, into *map[string]int }{
		{&t.Done, &s.Done}, {&t.Retried, &s.Retried}, {&t.Snoozed, &s.Snoozed}, {&t.Superseded, &s.Superseded},
		{&t.GivenUp, &s.GivenUp}, {&t.Cancelled, &s.Cancelled}, {&t.Deliveries, &s.Deliveries},
	} {
		*c.into = make(map[string]int, len(*c.from))
		for name, n := range *c.from {
			(*c.into)[name] = n
		}
	}
	return s
}

// A Failure is the last failure of a job that is tried again, or was given up.
type Failure struct {
	At      time.Time
	Job     string // its key
	Error   string
	Tries   int
	GivenUp bool
}

// failuresShown is how many failures are returned.
const failuresShown = 50

// Failures returns the newest failures, newest first.
func (q *Queue) Failures(ctx context.Context) (newest []Failure, err error) {
	err = q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT error_at, key, error, tries, failed FROM slipway_work WHERE error_at > 0 ORDER BY error_at DESC LIMIT $1`, []any{failuresShown},
			func(row scan) error {
				var f Failure
				var at int64
				var failed int
				err := row(&at, &f.Job, &f.Error, &f.Tries, &failed)
				f.At, f.GivenUp = time.UnixMilli(at), failed == 1
				newest = append(newest, f)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	return newest, nil
}
