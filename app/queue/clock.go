package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/handlers"
)

// looking is how often a replica looks whether a clock is due.
const looking = 5 * time.Second

// Every inserts jobs again and again until ctx ends: one replica at a time, and none
// twice for the same time. since is when they were inserted last, by whichever replica
// and before whichever restart; a whole period ago where never. A failure is logged
// and tried again.
func (q *Queue) Every(ctx context.Context, name string, period time.Duration, jobs func(since, until time.Time) []handlers.Job) {
	ticker := time.NewTicker(min(looking, period))
	defer ticker.Stop()
	for {
		if err := q.strike(ctx, name, period, jobs); err != nil && ctx.Err() == nil {
			q.options.Log.Warn("what is done periodically was not", "what", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// strike inserts the jobs where the clock is due, in one transaction with when it was.
func (q *Queue) strike(ctx context.Context, name string, period time.Duration, jobs func(since, until time.Time) []handlers.Job) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	return q.db.inTx(ctx, func(t tx) error {
		if _, err := t.exec(ctx, `INSERT INTO slipway_clock (name, at) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING`, name); err != nil {
			return fmt.Errorf("set the clock %s: %w", name, err)
		}
		var last, now int64
		err := t.query(ctx, `SELECT at, {now} FROM slipway_clock WHERE name = $1 {lock}`, []any{name}, func(s scan) error { return s(&last, &now) })
		if err != nil {
			return fmt.Errorf("read the clock %s: %w", name, err)
		}
		if last <= now && now-last < period.Milliseconds() { // one of the future is of a clock that was set back
			return nil
		}
		since, until := time.UnixMilli(last), time.UnixMilli(now)
		if last == 0 || last > now {
			since = until.Add(-period)
		}
		if _, err := t.exec(ctx, `UPDATE slipway_clock SET at = $2 WHERE name = $1`, name, now); err != nil {
			return fmt.Errorf("set the clock %s: %w", name, err)
		}
		r := &request{}
		for _, job := range jobs(since, until) {
			s, err := store(ctx, job, "")
			if err != nil {
				return fmt.Errorf("insert %s: %w", job.Key(), err)
			}
			r.jobs = append(r.jobs, s)
		}
		groups := group([]*request{r})
		urgent := newUrgency(groups)
		if err := t.parts(ctx, urgent.part()); err != nil {
			return fmt.Errorf("count waiting jobs: %w", err)
		}
		interrupted, err := keep(ctx, t, groups, urgent)
		for _, key := range interrupted {
			defer q.holds.interrupt(key)
		}
		return err
	})
}

// deliveriesKept is how long a delivery's id is remembered: GitHub redelivers for
// three days, a GitHub Enterprise Server for seven.
const deliveriesKept = 30 * 24 * time.Hour

// accountsKept is how long an account is kept that nothing was spent of; see
// [Queue.Spend].
const accountsKept = 24 * time.Hour

// Prune forgets, once an hour until ctx ends, what was kept long enough: ids of
// deliveries, and jobs that failed for good.
func (q *Queue) Prune(ctx context.Context) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		if err := q.prune(ctx); err != nil && ctx.Err() == nil {
			q.options.Log.Warn("nothing is forgotten", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (q *Queue) prune(ctx context.Context) error {
	err := q.db.inTx(ctx, func(t tx) error {
		if _, err := t.exec(ctx, `DELETE FROM slipway_delivery WHERE at < {now} - $1`, deliveriesKept.Milliseconds()); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM slipway_clock WHERE name LIKE 'pace/%' AND at < {now} - $1`, accountsKept.Milliseconds()); err != nil {
			return err
		}
		_, err := t.exec(ctx, `DELETE FROM slipway_work WHERE failed = 1 AND error_at < {now} - $1`, failedKept.Milliseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("forget what is old: %w", err)
	}
	return nil
}
