package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrInUse says that a database has jobs already.
var ErrInUse = errors.New("it has jobs or deliveries already; what is moved needs an empty one")

// Moved is how much was moved.
type Moved struct{ Jobs, Failed, Deliveries int }

// Move copies what an SQLite file keeps into the database of the options, which must be
// empty: jobs that are not done, those that failed for good, the ids of deliveries, so
// that none has a second effect, and when clocks struck. All of it or nothing. No
// process may be at work on the file, which stays as it is, for a backup: whoever works
// it afterwards works its jobs a second time.
func Move(ctx context.Context, file string, options Options) (m Moved, err error) {
	if strings.Contains(file, "://") {
		return m, fmt.Errorf("move jobs from %s: give the path of an SQLite file", file)
	}
	d, err := OpenDesk(ctx, file) // it is there, and of a version that is known
	if err != nil {
		return m, err
	}
	if err := d.Close(); err != nil {
		return m, err
	}
	from, err := open(ctx, file, true)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	to, err := New(ctx, options)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, to.Stop(ctx)) }()
	kept, err := all(ctx, from)
	if err != nil {
		return m, fmt.Errorf("read %s: %w", file, err)
	}
	if err := to.db.inTx(ctx, func(t tx) error { return kept.write(ctx, t) }); err != nil {
		return m, fmt.Errorf("move jobs: %w", err)
	}
	return kept.count(), nil
}

// everything is what a database keeps, as rows of values.
type everything struct{ work, deliveries, clocks [][]any }

// movedColumns are those of slipway_work that outlive a process. The fourth is the
// installation, the tenth whether it failed.
const movedColumns = `key, generation, kind, installation, payload, asked_at, delivery, traceparent, tries, failed, crashes, cancelled, error, error_at`

func all(ctx context.Context, d database) (e everything, err error) {
	err = d.read(ctx, func(t tx) error {
		return errors.Join(
			t.query(ctx, `SELECT `+movedColumns+` FROM slipway_work ORDER BY key`, nil, func(s scan) error {
				var key, kind, payload, delivery, traceparent, failure string
				var generation, installation, asked, tries, failed, crashes, cancelled, at int64
				err := s(&key, &generation, &kind, &installation, &payload, &asked, &delivery, &traceparent, &tries, &failed, &crashes, &cancelled, &failure, &at)
				e.work = append(e.work, []any{key, generation, kind, installation, payload, asked, delivery, traceparent, tries, failed, crashes, cancelled, failure, at})
				return err
			}),
			t.query(ctx, `SELECT id, at FROM slipway_delivery ORDER BY id`, nil, named(&e.deliveries)),
			t.query(ctx, `SELECT name, at FROM slipway_clock ORDER BY name`, nil, named(&e.clocks)),
		)
	})
	return e, err
}

// named reads rows of a name and a time.
func named(into *[][]any) func(scan) error {
	return func(s scan) error {
		var name string
		var at int64
		err := s(&name, &at)
		*into = append(*into, []any{name, at})
		return err
	}
}

func (e everything) count() Moved {
	m := Moved{Deliveries: len(e.deliveries)}
	for _, row := range e.work {
		if row[9] != int64(0) {
			m.Failed++
		} else {
			m.Jobs++
		}
	}
	return m
}

// write fills an empty database, and has River work what is not done.
func (e everything) write(ctx context.Context, t tx) error {
	used := 0
	err := t.query(ctx, `SELECT (SELECT count(*) FROM slipway_work) + (SELECT count(*) FROM slipway_delivery)`, nil, func(s scan) error { return s(&used) })
	if err != nil {
		return err
	}
	if used > 0 {
		return ErrInUse
	}
	var groups [][]stored
	var rows []row
	work := make([][]any, len(e.work))
	for i, values := range e.work {
		fence := newFence()
		work[i] = append([]any{fence}, values...)
		if values[9] == int64(0) {
			groups = append(groups, []stored{{key: values[0].(string), kind: values[2].(string), installation: values[3].(int64)}})
			rows = append(rows, row{fence: fence})
		}
	}
	nothing := func(int, scan) error { return nil }
	err = errors.Join(
		many(ctx, t, `INSERT INTO slipway_work (fence, `+movedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`, work, nothing),
		many(ctx, t, `INSERT INTO slipway_delivery (id, at) VALUES ($1, $2)`, e.deliveries, nothing),
		many(ctx, t, `INSERT INTO slipway_clock (name, at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, e.clocks, nothing))
	for ; err == nil && len(groups) > 0; groups, rows = groups[min(together, len(groups)):], rows[min(together, len(rows)):] {
		err = wake(ctx, t, groups[:min(together, len(groups))], rows[:min(together, len(rows))], nil)
	}
	return err
}
