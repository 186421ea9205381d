package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// A State says where a job is.
type State string

// The states of a job.
const (
	Waiting State = "waiting" // for a worker
	Paused  State = "paused"  // until Until, after a failure or for a rate limit
	Running State = "running"
	Failed  State = "failed" // for good; kept for the operator
)

// A Listed job is one as an operator sees it.
type Listed struct {
	Key      string    `json:"key"`
	Kind     string    `json:"kind"`
	State    State     `json:"state"`
	Asked    time.Time `json:"asked"`              // when what is to be done was asked for
	Tries    int       `json:"tries"`              // that are over or under way
	Crashes  int       `json:"crashes,omitempty"`  // of processes that were at it
	Alone    int       `json:"alone,omitempty"`    // of them, in a row, that were at nothing else
	Until    time.Time `json:"until,omitzero"`     // of a paused one
	Error    string    `json:"error,omitempty"`    // the last failure
	FailedAt time.Time `json:"failedAt,omitzero"`  // when that was
	Delivery string    `json:"delivery,omitempty"` // that asked for it
	Replica  string    `json:"replica,omitempty"`  // that works a running one
	Payload  string    `json:"payload,omitempty"`  // what is to be done, as JSON; of one that is shown alone
	// Cancelled is whether an operator cancelled one whose worker has not noticed yet.
	Cancelled bool `json:"cancelled,omitempty"`
}

// ErrNoJob says that no job of a key is waiting, worked or kept as failed.
var ErrNoJob = errors.New("there is no such job; it is done, or was never asked for")

// A Desk is where an operator looks after jobs, beside the processes that work them.
type Desk struct{ db database }

// OpenDesk opens the database that processes work, or worked, with. It changes no
// table; the SQLite file of a process that runs can be opened, too.
func OpenDesk(ctx context.Context, address string) (*Desk, error) {
	db, err := open(ctx, address, false)
	if err != nil {
		return nil, err
	}
	d := &Desk{db: db}
	err = db.read(ctx, func(t tx) error {
		at, err := version(ctx, t)
		if err != nil {
			return fmt.Errorf("%w; has slipway serve, or slipway migrate, run with this database?", err)
		}
		return fits(at)
	})
	if err == nil {
		err = db.connect(&river.Config{})
	}
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return d, nil
}

// Close closes the database.
func (d *Desk) Close() error { return d.db.close() }

const listedColumns = `SELECT key, kind, failed, CASE WHEN owner IS NULL THEN '' ELSE owner END, paused_until, asked_at, tries, crashes, alone, error, error_at, delivery, cancelled, {now}`

// listed reads one row of listedColumns and what more follows them.
func listed(row scan, more ...any) (Listed, error) {
	var l Listed
	var failed, cancelled int
	var until, asked, at, now int64
	err := row(append([]any{&l.Key, &l.Kind, &failed, &l.Replica, &until, &asked, &l.Tries, &l.Crashes, &l.Alone, &l.Error, &at, &l.Delivery, &cancelled, &now}, more...)...)
	l.Asked, l.Cancelled = time.UnixMilli(asked).UTC(), cancelled != 0
	if at > 0 {
		l.FailedAt = time.UnixMilli(at).UTC()
	}
	switch {
	case failed != 0:
		l.State = Failed
	case l.Replica != "":
		l.State = Running
	case until > now:
		l.State, l.Until = Paused, time.UnixMilli(until).UTC()
	default:
		l.State = Waiting
	}
	return l, err
}

// List returns the jobs that are not done, and those that failed for good: the latter
// first, then those that were asked for first; at most limit.
func (d *Desk) List(ctx context.Context, limit int) (all []Listed, err error) {
	err = d.db.read(ctx, func(t tx) error {
		return t.query(ctx, listedColumns+` FROM slipway_work ORDER BY failed DESC, asked_at, key LIMIT $1`, []any{limit}, func(row scan) error {
			l, err := listed(row)
			all = append(all, l)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return all, nil
}

// Show returns one job, with what it is to do. The error is ErrNoJob where there is none.
func (d *Desk) Show(ctx context.Context, key string) (l Listed, err error) {
	err = d.db.read(ctx, func(t tx) error {
		l, err = show(ctx, t, key)
		return err
	})
	if err != nil {
		return l, fmt.Errorf("job %s: %w", key, err)
	}
	return l, nil
}

func show(ctx context.Context, t tx, key string) (l Listed, err error) {
	err = t.query(ctx, listedColumns+`, payload FROM slipway_work WHERE key = $1`, []any{key}, func(row scan) (err error) {
		var payload string
		l, err = listed(row, &payload)
		l.Payload = payload
		return err
	})
	if err == nil && l.Key == "" {
		err = ErrNoJob
	}
	return l, err
}

// Retry has a job that failed for good begin anew, and one that pauses or waits be
// worked as soon as there is a worker. One that is being worked is left alone. It
// returns the job as it was.
func (d *Desk) Retry(ctx context.Context, key string) (was Listed, err error) {
	err = d.change(ctx, key, &was, func(t tx) error {
		if was.State == Running {
			return nil
		}
		_, err := t.exec(ctx, `UPDATE slipway_work SET failed = 0, cancelled = 0, tries = 0, crashes = 0, alone = 0, paused_until = 0,
			asked_at = CASE WHEN failed = 1 THEN {now} ELSE asked_at END WHERE key = $1`, key)
		return err
	})
	return was, err
}

// Cancel ends a job: one that is being worked as soon as its worker notices, within a
// second; others by a worker that says so where somebody waits for them. What failed
// for good is forgotten. It returns the job as it was.
func (d *Desk) Cancel(ctx context.Context, key string) (was Listed, err error) {
	err = d.change(ctx, key, &was, func(t tx) error {
		statement := `UPDATE slipway_work SET cancelled = 1, paused_until = 0 WHERE key = $1`
		if was.State == Failed {
			statement = `DELETE FROM slipway_work WHERE key = $1`
		}
		_, err := t.exec(ctx, statement, key)
		return err
	})
	return was, err
}

// change changes a job's row under its lock, and has River work the key at once where
// it is not being worked.
func (d *Desk) change(ctx context.Context, key string, was *Listed, do func(tx) error) error {
	err := d.db.inTx(ctx, func(t tx) (err error) {
		var fence, kind string
		var installation int64
		err = t.query(ctx, `SELECT fence, kind, installation FROM slipway_work WHERE key = $1 {lock}`, []any{key}, func(row scan) error {
			return row(&fence, &kind, &installation)
		})
		if err == nil {
			*was, err = show(ctx, t, key)
		}
		if err == nil {
			err = do(t)
		}
		if err != nil || was.State == Running {
			return err
		}
		left := false
		err = t.query(ctx, `SELECT 1 FROM slipway_work WHERE key = $1`, []any{key}, func(scan) error { left = true; return nil })
		if err != nil || !left {
			return err
		}
		return wake(ctx, t, [][]stored{{{key: key, kind: kind, installation: installation}}}, []row{{fence: fence}}, nil)
	})
	if err != nil {
		return fmt.Errorf("job %s: %w", key, err)
	}
	return nil
}

// Migrate brings a database's tables up to date, while no other process does, and
// returns how many versions of Slipway's own tables it went forward. Of an SQLite file
// no other process may be at work.
func Migrate(ctx context.Context, options Options) (applied int, err error) {
	options = options.withDefaults()
	db, err := open(ctx, options.Database, true)
	if err != nil {
		return 0, err
	}
	applied, err = migrateAll(ctx, db, quiet(options.Log))
	return applied, errors.Join(err, db.close())
}
